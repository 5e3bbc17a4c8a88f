-- +goose Up
-- What happened, written in the transaction of what it tells. Those whom it
-- concerns are worked out afterwards, once.
CREATE TABLE news (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    request_id  uuid NOT NULL REFERENCES requests (id),
    issuer      text NOT NULL,
    subject     text NOT NULL,
    actor_name  text NOT NULL,
    summary     text NOT NULL,
    at          timestamptz NOT NULL,
    expanded_at timestamptz
);
CREATE INDEX news_to_expand ON news (id) WHERE expanded_at IS NULL;

-- Where a team, or else a person, is told. The target is sealed; the label says
-- where it leads without giving it away.
CREATE TABLE channels (
    id         uuid PRIMARY KEY,
    team_id    uuid REFERENCES teams (id),
    issuer     text NOT NULL DEFAULT '',
    subject    text NOT NULL DEFAULT '',
    kind       text NOT NULL CHECK (kind IN ('mail', 'slack', 'webhook')),
    label      text NOT NULL,
    target     bytea NOT NULL,
    topics  text[] NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK ((team_id IS NULL) = (subject <> ''))
);
CREATE INDEX channels_by_team ON channels (team_id) WHERE team_id IS NOT NULL;
CREATE INDEX channels_by_person ON channels (issuer, subject) WHERE team_id IS NULL;

-- What people do not want to be told by e-mail. Who has no row is told of all.
CREATE TABLE mail_choices (
    issuer  text NOT NULL,
    subject text NOT NULL,
    off     boolean NOT NULL,
    muted   text[] NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- One notification on its way to one target: a channel, or by e-mail the person
-- themselves. Without news it is a test of the channel. Whoever sends it moves
-- next_at on first, so that nobody else does meanwhile and that it is sent again
-- when they end before they say what came of it.
CREATE TABLE deliveries (
    id         uuid PRIMARY KEY,
    news_id    uuid REFERENCES news (id) ON DELETE CASCADE,
    topic   text NOT NULL DEFAULT '',
    channel_id uuid REFERENCES channels (id) ON DELETE CASCADE,
    issuer     text NOT NULL DEFAULT '',
    subject    text NOT NULL DEFAULT '',
    lane       text NOT NULL,
    state      text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given up', 'overtaken')),
    attempts   integer NOT NULL DEFAULT 0,
    next_at    timestamptz NOT NULL,
    fault      text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    ended_at   timestamptz,
    CHECK (channel_id IS NOT NULL OR subject <> '')
);
CREATE INDEX deliveries_due ON deliveries (lane, next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_to_look_at ON deliveries (id) WHERE state IN ('waiting', 'given up');
CREATE INDEX deliveries_by_channel ON deliveries (channel_id, id);
CREATE INDEX deliveries_by_news ON deliveries (news_id);

-- +goose Down
DROP TABLE deliveries, mail_choices, channels, news;

-- +goose Up
CREATE TABLE teams (
    id             uuid PRIMARY KEY,
    slug           text NOT NULL UNIQUE,
    name           text NOT NULL,
    member_group   text NOT NULL,
    approver_group text NOT NULL,
    quota_nodes    integer NOT NULL CHECK (quota_nodes >= 0),
    quota_sizes    jsonb NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    updated_at     timestamptz NOT NULL
);

-- People as the identity provider last described them. groups_at says how old
-- that is: reviews and executions refuse groups older than five minutes.
CREATE TABLE people (
    issuer    text NOT NULL,
    subject   text NOT NULL,
    name      text NOT NULL,
    email     text NOT NULL,
    groups    text[] NOT NULL,
    groups_at timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- Only the SHA-256 of a session's token is stored.
CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,
    data         bytea NOT NULL,
    issuer       text NOT NULL DEFAULT '',
    subject      text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (issuer, subject);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);

-- The inventory: what DigitalOcean last said it has, plus the portal's own
-- data about it (team and environment).
CREATE TABLE clusters (
    id            text PRIMARY KEY,
    name          text NOT NULL,
    region        text NOT NULL,
    version       text NOT NULL,
    ha            boolean NOT NULL,
    state         text NOT NULL,
    state_message text NOT NULL DEFAULT '',
    tags          text[] NOT NULL,
    endpoint      text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    team_id       uuid REFERENCES teams (id),
    environment   text CHECK (environment IN ('development', 'staging', 'production')),
    seen_at       timestamptz NOT NULL,
    gone_at       timestamptz
);
CREATE INDEX clusters_by_team ON clusters (team_id, name, id) WHERE gone_at IS NULL;
CREATE INDEX clusters_by_name ON clusters (name, id) WHERE gone_at IS NULL;

CREATE TABLE node_pools (
    cluster_id text NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    id         text NOT NULL,
    name       text NOT NULL,
    size       text NOT NULL,
    count      integer NOT NULL,
    auto_scale boolean NOT NULL,
    min_nodes  integer NOT NULL,
    max_nodes  integer NOT NULL,
    nodes      jsonb NOT NULL,
    PRIMARY KEY (cluster_id, id)
);

-- One row: when the inventory was last complete, and the options DigitalOcean
-- offered then.
CREATE TABLE inventory_state (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    complete_at  timestamptz,
    attempted_at timestamptz,
    failure      text NOT NULL DEFAULT '',
    options      jsonb,
    options_at   timestamptz
);
INSERT INTO inventory_state DEFAULT VALUES;

CREATE TABLE requests (
    id              uuid PRIMARY KEY,
    number          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    submit_key      text NOT NULL,
    team_id         uuid NOT NULL REFERENCES teams (id),
    operation       text NOT NULL,
    target_id       text NOT NULL DEFAULT '',
    target_name     text NOT NULL,
    params          jsonb NOT NULL,
    justification   text NOT NULL,
    plan            jsonb NOT NULL,
    digest          text NOT NULL,
    state           text NOT NULL,
    reason          text NOT NULL DEFAULT '',
    issuer          text NOT NULL,
    subject         text NOT NULL,
    requester_name  text NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (issuer, subject, submit_key)
);
CREATE INDEX requests_by_team ON requests (team_id, number DESC);
CREATE INDEX requests_pending ON requests (number DESC) WHERE state = 'pending';
CREATE INDEX requests_by_target ON requests (target_id, number DESC) WHERE target_id <> '';
-- At most one deletion of a cluster is under way.
CREATE UNIQUE INDEX requests_one_deletion ON requests (target_id)
    WHERE operation = 'delete_cluster'
      AND state IN ('pending', 'approved', 'executing', 'settling', 'unknown');

CREATE TABLE reservations (
    request_id uuid NOT NULL REFERENCES requests (id),
    team_id    uuid NOT NULL REFERENCES teams (id),
    size       text NOT NULL,
    nodes      integer NOT NULL CHECK (nodes >= 0),
    PRIMARY KEY (request_id, size)
);
CREATE INDEX reservations_by_team ON reservations (team_id);

CREATE TABLE reviews (
    id            uuid PRIMARY KEY,
    request_id    uuid NOT NULL REFERENCES requests (id),
    issuer        text NOT NULL,
    subject       text NOT NULL,
    reviewer_name text NOT NULL,
    decision      text NOT NULL CHECK (decision IN ('approve', 'reject')),
    comment       text NOT NULL,
    digest        text NOT NULL,
    created_at    timestamptz NOT NULL,
    UNIQUE (request_id, issuer, subject)
);

-- One row a call to DigitalOcean, committed before the call. Only a call that
-- DigitalOcean certainly did not take ("deferred") may be followed by another.
CREATE TABLE executions (
    request_id    uuid NOT NULL REFERENCES requests (id),
    attempt       integer NOT NULL,
    intent_at     timestamptz NOT NULL,
    outcome       text NOT NULL DEFAULT ''
        CHECK (outcome IN ('', 'accepted', 'refused', 'unknown', 'deferred')),
    outcome_at    timestamptz,
    message       text NOT NULL DEFAULT '',
    do_request_id text NOT NULL DEFAULT '',
    PRIMARY KEY (request_id, attempt)
);
CREATE UNIQUE INDEX executions_one_call ON executions (request_id) WHERE outcome <> 'deferred';

-- The audit trail. Identifiers are UUIDv7, so their order is the order in time.
CREATE TABLE events (
    id         uuid PRIMARY KEY,
    at         timestamptz NOT NULL,
    kind       text NOT NULL,
    issuer     text NOT NULL,
    subject    text NOT NULL,
    actor_name text NOT NULL,
    team_id    uuid,
    request_id uuid,
    cluster_id text NOT NULL DEFAULT '',
    summary    text NOT NULL,
    data       jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX events_by_kind ON events (kind, id);
CREATE INDEX events_by_actor ON events (actor_name, id);
CREATE INDEX events_by_team ON events (team_id, id);
CREATE INDEX events_by_request ON events (request_id, id);
CREATE INDEX events_by_cluster ON events (cluster_id, id) WHERE cluster_id <> '';

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- +goose Down
DROP TABLE events, executions, reviews, reservations, requests, inventory_state,
    node_pools, clusters, sessions, people, teams;
DROP FUNCTION refuse_change;

-- +goose Up
-- When the portal was installed: in its first week one admin may adopt clusters.
CREATE TABLE installation (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    installed_at timestamptz NOT NULL
);
INSERT INTO installation (installed_at) VALUES (now());

CREATE TABLE teams (
    id             uuid PRIMARY KEY,
    slug           text NOT NULL UNIQUE,
    name           text NOT NULL,
    member_group   text NOT NULL,
    approver_group text NOT NULL,
    quota          jsonb NOT NULL,
    version        integer NOT NULL DEFAULT 1,
    updated_at     timestamptz NOT NULL
);

-- Changes of teams and of ownership by which somebody gains something. They
-- take effect on the word of a second admin.
CREATE TABLE admin_changes (
    id              uuid PRIMARY KEY,
    subject         text NOT NULL, -- what is changed: team:<slug> or cluster:<id>
    title           text NOT NULL,
    payload         jsonb NOT NULL,
    gains           jsonb NOT NULL, -- what is gained and by which groups, as it was shown
    author_issuer   text NOT NULL,
    author_subject  text NOT NULL,
    author_name     text NOT NULL,
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('proposed', 'accepted', 'dropped')),
    decided_issuer  text NOT NULL DEFAULT '',
    decided_subject text NOT NULL DEFAULT '',
    decided_name    text NOT NULL DEFAULT '',
    decided_at      timestamptz
);
CREATE UNIQUE INDEX admin_changes_one_proposed ON admin_changes (subject) WHERE state = 'proposed';

-- The versions of the policy. Their text never changes; of all versions, at
-- most one waits for a second admin and at most one is in force.
CREATE TABLE policies (
    version         integer PRIMARY KEY CHECK (version > 0),
    base            integer NOT NULL, -- the version in force when it was proposed; 0: none
    text            text NOT NULL,
    issuer          text NOT NULL,
    subject         text NOT NULL,
    author_name     text NOT NULL,
    note            text NOT NULL,
    created_at      timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('proposed', 'in_force', 'superseded', 'dropped')),
    decided_issuer  text NOT NULL DEFAULT '',
    decided_subject text NOT NULL DEFAULT '',
    decided_name    text NOT NULL DEFAULT '',
    decided_at      timestamptz,
    in_force_at     timestamptz,
    stricter        boolean NOT NULL DEFAULT false -- it may ask for more than its base
);
CREATE UNIQUE INDEX policies_one_proposed ON policies (state) WHERE state = 'proposed';
CREATE UNIQUE INDEX policies_one_in_force ON policies (state) WHERE state = 'in_force';

-- People as the identity provider last described them. groups_at says how old
-- that is; groups_problem why the groups could not be read. With the tokens of
-- the newest sign-in, sealed, the portal asks about a person, whether or not
-- they have a session, until tokens_until.
CREATE TABLE people (
    issuer         text NOT NULL,
    subject        text NOT NULL,
    name           text NOT NULL,
    email          text NOT NULL,
    groups         text[] NOT NULL,
    groups_at      timestamptz NOT NULL,
    groups_problem text NOT NULL DEFAULT '',
    tokens         bytea,
    tokens_until   timestamptz,
    time_zone      text NOT NULL DEFAULT '' CHECK (length(time_zone) <= 64), -- in which they read times; empty: their browser's
    proof          bytea, -- that the identity provider said so of them, sealed by the portal
    PRIMARY KEY (issuer, subject),
    CONSTRAINT people_tokens_end CHECK ((tokens IS NULL) = (tokens_until IS NULL))
);

-- When people last opened a page, and when their visit before this one ended: NULL
-- in their first.
CREATE TABLE visits (
    issuer    text NOT NULL,
    subject   text NOT NULL,
    seen_at   timestamptz NOT NULL,
    before_at timestamptz,
    PRIMARY KEY (issuer, subject)
);

-- What admins call groups of the identity provider whose own names nobody can
-- read. Nothing is decided by a label.
CREATE TABLE group_labels (
    group_name text PRIMARY KEY CHECK (length(group_name) BETWEEN 1 AND 512),
    label      text NOT NULL CHECK (length(label) BETWEEN 1 AND 60),
    changed_at timestamptz NOT NULL
);

-- Sessions, and sign-ins under way, which have no issuer yet: of those each
-- holder, a network that signs in or a person who has to sign in again, has so
-- many at the most. Only the SHA-256 of a session's token is stored; pages know a
-- session by its id, by which nobody can use it.
CREATE TABLE sessions (
    token_hash   bytea PRIMARY KEY,
    id           uuid UNIQUE, -- UUIDv7; NULL for what is no session
    data         bytea NOT NULL,
    issuer       text NOT NULL DEFAULT '',
    subject      text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    address      text NOT NULL DEFAULT '', -- that its owner signed in from
    holder       text NOT NULL DEFAULT '',
    created_at   timestamptz NOT NULL,
    last_used_at timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    CONSTRAINT sessions_have_ids CHECK ((id IS NULL) = (issuer = ''))
);
CREATE INDEX sessions_by_person ON sessions (issuer, subject);
CREATE INDEX sessions_by_expiry ON sessions (expires_at);
CREATE INDEX sessions_pending ON sessions (holder, created_at) WHERE issuer = '';
CREATE INDEX sessions_pending_by_age ON sessions (created_at) WHERE issuer = '';

-- How far each person's, or each address's, requests are booked (GCRA): one is
-- taken while booked_until is not too far ahead of now. What a crash of the
-- database loses here is no loss.
CREATE UNLOGGED TABLE rate_limits (
    key          text PRIMARY KEY,
    booked_until timestamptz NOT NULL
);
CREATE INDEX rate_limits_old ON rate_limits (booked_until);

-- Refusals that are too many for a line each on the trail. A task sums them up.
CREATE TABLE refusals (
    kind       text NOT NULL,
    issuer     text NOT NULL,
    subject    text NOT NULL,
    actor_name text NOT NULL,
    number     integer NOT NULL,
    tried      text[] NOT NULL, -- the first of them that differ
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    PRIMARY KEY (kind, issuer, subject)
);

-- How far the calls to DigitalOcean are booked, for each token by name. Every
-- call moves booked_until on; no call is made while it is too far ahead of now,
-- or before paused_until, which a 429 sets.
CREATE TABLE do_budgets (
    name         text PRIMARY KEY,
    booked_until timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity'
);

-- The inventory: what DigitalOcean last said it has, plus the portal's own
-- data about it. A protected cluster is deleted by no request until an admin
-- lifts that; one that no team owns counts as production and as protected.
-- A reading that says of a cluster what is here already writes nothing: it only
-- moves complete_at of inventory_state on. So what is here is of seen_at or of
-- complete_at, whichever is later, and gives way to nothing that is older.
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
    details       jsonb NOT NULL DEFAULT '{}',
    created_at    timestamptz NOT NULL,
    team_id       uuid REFERENCES teams (id),
    had_team      boolean NOT NULL DEFAULT false,
    environment   text CHECK (environment IN ('development', 'staging', 'production')),
    protected     boolean NOT NULL DEFAULT true,
    seen_at       timestamptz NOT NULL, -- when DigitalOcean said so that last wrote this row
    gone_at       timestamptz,
    digest        text NOT NULL DEFAULT '', -- of what DigitalOcean says of it and its pools; empty: not known
    baseline      jsonb, -- its configuration as the last reading that took account of it had it: what drift is told from
    accounted     boolean NOT NULL DEFAULT false, -- that is the configuration that is here
    CONSTRAINT clusters_unowned_are_guarded CHECK (team_id IS NOT NULL OR (environment IS NULL AND protected))
);
CREATE INDEX clusters_by_team ON clusters (team_id, name, id) WHERE gone_at IS NULL;
CREATE INDEX clusters_gone ON clusters (team_id, gone_at) WHERE gone_at IS NOT NULL;
CREATE INDEX clusters_by_name ON clusters (name, id) WHERE gone_at IS NULL;
CREATE INDEX clusters_of_name ON clusters (name); -- also of those that are gone

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
    details    jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (cluster_id, id)
);

-- Rules that propose a team and an environment for clusters that nobody owns. In a
-- pattern * stands for any characters.
CREATE TABLE ownership_rules (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL CHECK (kind IN ('tag', 'name')),
    pattern     text NOT NULL CHECK (length(pattern) BETWEEN 1 AND 255),
    team_id     uuid NOT NULL REFERENCES teams (id),
    environment text NOT NULL CHECK (environment IN ('development', 'staging', 'production')),
    created_by  text NOT NULL, -- name of who made it
    created_at  timestamptz NOT NULL,
    CONSTRAINT ownership_rules_once UNIQUE (kind, pattern)
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

-- The same operation on many clusters, in waves. Its members are requests.
CREATE TABLE campaigns (
    id              uuid PRIMARY KEY,
    number          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    submit_key      text NOT NULL,
    operation       text NOT NULL,
    summary         text NOT NULL,
    justification   text NOT NULL,
    issuer          text NOT NULL,
    subject         text NOT NULL,
    requester_name  text NOT NULL,
    gate            text NOT NULL CHECK (gate IN ('person', 'healthy')),
    healthy_seconds integer NOT NULL,
    most_failures   integer NOT NULL,
    waves           integer NOT NULL,
    until           timestamptz NOT NULL,
    state           text NOT NULL CHECK (state IN ('running', 'waiting', 'stopped', 'ended')),
    reason          text NOT NULL DEFAULT '',
    wave            integer NOT NULL DEFAULT 0, -- that has begun last
    excused         integer NOT NULL DEFAULT 0, -- failures that somebody has seen and gone on after
    healthy_since   timestamptz,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    UNIQUE (issuer, subject, submit_key)
);
CREATE INDEX campaigns_going ON campaigns (number) WHERE state <> 'ended';

-- A request's row is its newest revision. One that changes clusters of several
-- teams belongs to none of them. due_at says when waiting ends: for a decision
-- while it is pending, to be carried out while it is approved.
CREATE TABLE requests (
    id              uuid PRIMARY KEY,
    number          bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
    submit_key      text NOT NULL,
    team_id         uuid REFERENCES teams (id),
    operation       text NOT NULL,
    target_id       text NOT NULL DEFAULT '',
    target_ids      text[] NOT NULL DEFAULT '{}',
    target_name     text NOT NULL,
    params          jsonb NOT NULL,
    justification   text NOT NULL,
    plan            jsonb NOT NULL,
    -- what lists show of the plan: a request may be large, and a list has many
    listed          jsonb NOT NULL GENERATED ALWAYS AS (plan - '{changes,quota,steps,losses,remains,concern}'::text[]) STORED,
    judged          jsonb, -- what the policy judged it by, to try another policy on it
    digest          text NOT NULL,
    approver_groups text[] NOT NULL DEFAULT '{}',
    state           text NOT NULL,
    reason          text NOT NULL DEFAULT '',
    result          text NOT NULL DEFAULT '',
    progress        jsonb, -- how far DigitalOcean is, while the effect is awaited
    revision        integer NOT NULL DEFAULT 1,
    form_hash       text NOT NULL DEFAULT '', -- of what was typed into the form that made it
    plan_key        text NOT NULL DEFAULT '', -- of the form that the revision was made with
    issuer          text NOT NULL,
    subject         text NOT NULL,
    requester_name  text NOT NULL,
    created_at      timestamptz NOT NULL,
    planned_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    due_at          timestamptz NOT NULL,
    starts_at       timestamptz,
    warned_at       timestamptz,
    reminded_at     timestamptz, -- when somebody last reminded those who can decide
    campaign_id     uuid REFERENCES campaigns (id),
    campaign_wave   integer NOT NULL DEFAULT 0, -- in which its campaign lets it begin
    released_at     timestamptz, -- when its campaign let it begin
    UNIQUE (issuer, subject, submit_key)
);
CREATE INDEX requests_by_team ON requests (team_id, number DESC);
CREATE INDEX requests_by_change ON requests (team_id, updated_at);
CREATE INDEX requests_of_no_team ON requests (issuer, subject, updated_at) WHERE team_id IS NULL;
CREATE INDEX requests_by_requester ON requests (issuer, subject, number DESC);
CREATE INDEX requests_by_name ON requests (lower(target_name) text_pattern_ops, number DESC);
CREATE INDEX requests_by_target ON requests USING gin (target_ids);
CREATE INDEX requests_by_campaign ON requests (campaign_id, number) WHERE campaign_id IS NOT NULL;
CREATE INDEX requests_pending ON requests (number DESC) WHERE state = 'pending';
CREATE INDEX requests_to_approve ON requests USING gin (approver_groups) WHERE state = 'pending';
CREATE INDEX requests_approved ON requests (number) WHERE state = 'approved';
CREATE INDEX requests_under_way ON requests (number) WHERE state IN ('executing', 'settling', 'unknown');
CREATE INDEX requests_failed ON requests (updated_at DESC, number DESC) WHERE state = 'failed';
CREATE INDEX requests_succeeded ON requests (operation, updated_at DESC) WHERE state = 'succeeded';
CREATE INDEX requests_due ON requests (due_at) WHERE state IN ('pending', 'approved', 'stale');
-- At most one deletion of a cluster is under way, in whichever way.
CREATE UNIQUE INDEX requests_one_deletion ON requests (target_id)
    WHERE operation IN ('delete_cluster', 'delete_cluster_selective', 'delete_cluster_dangerous')
      AND state IN ('pending', 'approved', 'executing', 'settling', 'unknown');

CREATE TABLE request_revisions (
    request_id    uuid NOT NULL REFERENCES requests (id),
    revision      integer NOT NULL,
    params        jsonb NOT NULL,
    plan          jsonb NOT NULL,
    digest        text NOT NULL,
    justification text NOT NULL,
    reason        text NOT NULL, -- why it was planned anew
    planned_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,
    PRIMARY KEY (request_id, revision)
);

-- A reservation with a holder, a pool or a cluster, says how much of the item that
-- takes until its request has ended, whatever the inventory says meanwhile; one
-- without adds to the usage.
CREATE TABLE reservations (
    request_id uuid NOT NULL REFERENCES requests (id),
    team_id    uuid NOT NULL REFERENCES teams (id),
    holder_id  text NOT NULL DEFAULT '',
    item       text NOT NULL, -- what is counted, like nodes/s-2vcpu-4gb
    amount     integer NOT NULL CHECK (amount >= 0),
    PRIMARY KEY (request_id, item)
);
CREATE INDEX reservations_by_team ON reservations (team_id);

-- The quota that the form for a new team starts with. Without a row it limits nothing.
CREATE TABLE default_quota (
    single     boolean PRIMARY KEY DEFAULT true CHECK (single),
    quota      jsonb NOT NULL,
    version    integer NOT NULL, -- grows with each edit
    updated_at timestamptz NOT NULL
);

-- What teams used of their quotas, day by day.
CREATE TABLE team_usage (
    team_id uuid NOT NULL REFERENCES teams (id),
    day     date NOT NULL,
    usage   jsonb NOT NULL,
    PRIMARY KEY (team_id, day)
);

-- What a team may have more than its quota says, for a time. Once ended it stays so,
-- whatever the clocks say.
CREATE TABLE quota_grants (
    id         uuid PRIMARY KEY,
    team_id    uuid NOT NULL REFERENCES teams (id),
    request_id uuid NOT NULL REFERENCES requests (id),
    item       text NOT NULL, -- what is limited, like nodes/s-2vcpu-4gb
    amount     integer NOT NULL CHECK (amount > 0), -- that the limit is meanwhile
    starts_at  timestamptz NOT NULL,
    until      timestamptz NOT NULL CHECK (until > starts_at),
    told       integer NOT NULL DEFAULT 0, -- how often it was said that it ends soon
    ended_at   timestamptz,
    UNIQUE (request_id, item)
);
CREATE INDEX quota_grants_by_team ON quota_grants (team_id) WHERE ended_at IS NULL;
CREATE INDEX quota_grants_due ON quota_grants (until) WHERE ended_at IS NULL;
-- The open requests to raise a team's quota.
CREATE INDEX requests_raising ON requests (team_id) WHERE operation = 'raise_quota';

-- Until when clusters are kept. At its end the portal asks for the deletion.
CREATE TABLE leases (
    cluster_id text PRIMARY KEY REFERENCES clusters (id),
    until      timestamptz NOT NULL,
    request_id uuid NOT NULL REFERENCES requests (id), -- that created the cluster, or extended the lease last
    told       integer NOT NULL DEFAULT 0, -- how often it was said that it ends soon
    told_at    timestamptz,
    ended_at   timestamptz, -- when its deletion was asked for, or could not be
    outcome    text NOT NULL DEFAULT ''
);
CREATE INDEX leases_due ON leases (until) WHERE ended_at IS NULL;

-- An approver has a stand-in decide for them until a date. One that was not ended
-- before is over at its date, and is marked so when its delegator makes another.
CREATE TABLE delegations (
    id               uuid PRIMARY KEY,
    issuer           text NOT NULL, -- of the delegator
    subject          text NOT NULL,
    name             text NOT NULL,
    stand_in_issuer  text NOT NULL,
    stand_in_subject text NOT NULL,
    stand_in_name    text NOT NULL,
    reason           text NOT NULL,
    starts_at        timestamptz NOT NULL,
    until            timestamptz NOT NULL CHECK (until > starts_at),
    ended_at         timestamptz,
    ended_issuer     text NOT NULL DEFAULT '',
    ended_subject    text NOT NULL DEFAULT '',
    ended_name       text NOT NULL DEFAULT '',
    CONSTRAINT delegations_to_others CHECK ((issuer, subject) <> (stand_in_issuer, stand_in_subject))
);
CREATE UNIQUE INDEX delegations_one_active ON delegations (issuer, subject) WHERE ended_at IS NULL;
CREATE INDEX delegations_by_stand_in ON delegations (stand_in_issuer, stand_in_subject) WHERE ended_at IS NULL;

-- groups are those whose approvals count that the reviewer was in, or for whom
-- they stood in.
CREATE TABLE reviews (
    id            uuid PRIMARY KEY,
    request_id    uuid NOT NULL REFERENCES requests (id),
    revision      integer NOT NULL DEFAULT 1,
    issuer        text NOT NULL,
    subject       text NOT NULL,
    reviewer_name text NOT NULL,
    for_issuer    text NOT NULL DEFAULT '', -- for whom the reviewer stood in, if for anybody
    for_subject   text NOT NULL DEFAULT '',
    for_name      text NOT NULL DEFAULT '',
    groups        text[] NOT NULL DEFAULT '{}',
    decision      text NOT NULL CHECK (decision IN ('approve', 'reject', 'changes')),
    comment       text NOT NULL,
    digest        text NOT NULL,
    created_at    timestamptz NOT NULL,
    CONSTRAINT reviews_once UNIQUE (request_id, revision, issuer, subject)
);
CREATE UNIQUE INDEX reviews_once_for ON reviews (request_id, revision, for_issuer, for_subject) WHERE for_subject <> '';
CREATE INDEX reviews_by_person ON reviews (issuer, subject, id DESC);

CREATE TABLE comments (
    id          uuid PRIMARY KEY,
    request_id  uuid NOT NULL REFERENCES requests (id),
    issuer      text NOT NULL,
    subject     text NOT NULL,
    author_name text NOT NULL,
    text        text NOT NULL,
    created_at  timestamptz NOT NULL
);
CREATE INDEX comments_by_request ON comments (request_id, created_at);
CREATE INDEX comments_by_author ON comments (issuer, subject, created_at);

-- An admin had a request carried out without its approvals. A review is pending
-- until reviewed_at is set.
CREATE TABLE break_glasses (
    request_id       uuid NOT NULL REFERENCES requests (id),
    revision         integer NOT NULL,
    issuer           text NOT NULL,
    subject          text NOT NULL,
    name             text NOT NULL,
    reason           text NOT NULL,
    at               timestamptz NOT NULL,
    reviewer_issuer  text NOT NULL DEFAULT '',
    reviewer_subject text NOT NULL DEFAULT '',
    reviewer_name    text NOT NULL DEFAULT '',
    comment          text NOT NULL DEFAULT '',
    reviewed_at      timestamptz,
    PRIMARY KEY (request_id, revision)
);
CREATE INDEX break_glasses_pending ON break_glasses (at) WHERE reviewed_at IS NULL;
-- Nobody bypasses approvals again before somebody has reviewed that they did.
CREATE UNIQUE INDEX break_glasses_one_at_a_time ON break_glasses (issuer, subject) WHERE reviewed_at IS NULL;

-- One row a call to DigitalOcean, committed before the call. Only a call that
-- DigitalOcean certainly did not take ("deferred") may be followed by another.
CREATE TABLE executions (
    request_id    uuid NOT NULL REFERENCES requests (id),
    attempt       integer NOT NULL,
    intent_at     timestamptz NOT NULL,
    outcome       text NOT NULL DEFAULT ''
        CHECK (outcome IN ('', 'accepted', 'refused', 'unknown', 'deferred', 'absent')),
    outcome_at    timestamptz,
    message       text NOT NULL DEFAULT '',
    do_request_id text NOT NULL DEFAULT '',
    leaves        jsonb NOT NULL DEFAULT '[]', -- what it leaves behind of a cluster, as seen right before the call
    looks         integer NOT NULL DEFAULT 0, -- complete ones for its effect that found nothing, after its answer was lost
    first_look_at timestamptz,
    last_look_at  timestamptz,
    PRIMARY KEY (request_id, attempt)
);
CREATE UNIQUE INDEX executions_one_call ON executions (request_id) WHERE outcome NOT IN ('deferred', 'absent');
-- ... and it is sent once more at most after its answer was lost.
CREATE UNIQUE INDEX executions_once_more ON executions (request_id) WHERE outcome = 'absent';

-- Why nothing is sent to DigitalOcean at the moment, one row for all replicas: because
-- an admin says so, or because it refuses the portal's token. Who commits an intent
-- locks the table against that. Who moves next_try_at on may send one request, to see
-- whether the token is accepted again.
CREATE TABLE execution_pauses (
    kind        text PRIMARY KEY CHECK (kind IN ('admin', 'token')),
    since       timestamptz NOT NULL,
    issuer      text NOT NULL,
    subject     text NOT NULL,
    by_name     text NOT NULL,
    reason      text NOT NULL, -- the admin's, or DigitalOcean's words
    status      integer NOT NULL DEFAULT 0, -- that DigitalOcean answered with
    operation   text NOT NULL DEFAULT '', -- that was refused; empty: reading
    tries       integer NOT NULL DEFAULT 0, -- in vain, since then
    next_try_at timestamptz,
    CONSTRAINT execution_pauses_tried CHECK ((kind = 'token') = (next_try_at IS NOT NULL))
);

-- Load balancers, volumes and volume snapshots that the deletion of a cluster left
-- behind, as they were then. One is open until somebody says what became of it.
CREATE TABLE orphans (
    id               uuid PRIMARY KEY, -- UUIDv7
    team_id          uuid NOT NULL REFERENCES teams (id), -- whose the cluster was
    request_id       uuid NOT NULL REFERENCES requests (id), -- that deleted it
    kind             text NOT NULL,
    resource_id      text NOT NULL,
    name             text NOT NULL,
    left_at          timestamptz NOT NULL,
    state            text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'deleted', 'kept')),
    reason           text NOT NULL DEFAULT '',
    resolved_issuer  text NOT NULL DEFAULT '',
    resolved_subject text NOT NULL DEFAULT '',
    resolved_name    text NOT NULL DEFAULT '',
    resolved_at      timestamptz,
    CONSTRAINT orphans_left_once UNIQUE (request_id, kind, resource_id),
    CONSTRAINT orphans_resolved_at CHECK ((state = 'open') = (resolved_at IS NULL))
);
CREATE INDEX orphans_by_team ON orphans (team_id, state, id DESC) INCLUDE (kind);

-- What happened, written in the transaction of what it tells. Those whom it
-- concerns are worked out afterwards, once. Without a request it is of a team or
-- a cluster.
CREATE TABLE notifications (
    id          uuid PRIMARY KEY,
    kind        text NOT NULL,
    request_id  uuid REFERENCES requests (id),
    team_id     uuid REFERENCES teams (id),
    cluster_id  text NOT NULL DEFAULT '',
    delegation_id uuid REFERENCES delegations (id),
    issuer      text NOT NULL,
    subject     text NOT NULL,
    actor_name  text NOT NULL,
    summary     text NOT NULL,
    at          timestamptz NOT NULL,
    expanded_at timestamptz
);
CREATE INDEX notifications_to_expand ON notifications (id) WHERE expanded_at IS NULL;

-- Where a team, or else a person, is told. The target is sealed; the label says
-- where it leads without giving it away.
CREATE TABLE channels (
    id         uuid PRIMARY KEY,
    team_id    uuid REFERENCES teams (id),
    issuer     text NOT NULL DEFAULT '',
    subject    text NOT NULL DEFAULT '',
    kind       text NOT NULL,
    label      text NOT NULL,
    target     bytea NOT NULL,
    topics     text[] NOT NULL,
    created_at timestamptz NOT NULL,
    CHECK ((team_id IS NULL) = (subject <> ''))
);
CREATE INDEX channels_by_team ON channels (team_id) WHERE team_id IS NOT NULL;
CREATE INDEX channels_by_person ON channels (issuer, subject) WHERE team_id IS NULL;

-- Forms for new clusters that a team keeps, each under a name of its own.
CREATE TABLE templates (
    id       uuid PRIMARY KEY,
    team_id  uuid NOT NULL REFERENCES teams (id),
    name     text NOT NULL CHECK (length(name) BETWEEN 1 AND 60),
    params   jsonb NOT NULL,
    saved_by text NOT NULL, -- name of who saved the settings last
    saved_at timestamptz NOT NULL,
    CONSTRAINT templates_have_names UNIQUE (team_id, name)
);

-- Searches of the audit trail that somebody saved for all who may read it.
CREATE TABLE saved_searches (
    id      uuid PRIMARY KEY,
    name    text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 60),
    query   text NOT NULL CHECK (length(query) BETWEEN 1 AND 2000), -- of the page's address
    issuer  text NOT NULL,
    subject text NOT NULL,
    by_name text NOT NULL,
    at      timestamptz NOT NULL
);

-- Events of which auditors should know, by the rules that found them. A day, in UTC, is
-- reviewed once somebody has signed it off after the last of its events was found.
CREATE TABLE unusual_events (
    id         uuid PRIMARY KEY, -- UUIDv7
    rule       text NOT NULL,
    event_id   uuid NOT NULL,
    at         timestamptz NOT NULL, -- of the event
    found_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    issuer     text NOT NULL,
    subject    text NOT NULL,
    actor_name text NOT NULL,
    address    text NOT NULL,
    request_id uuid,
    summary    text NOT NULL,
    mark       bytea NOT NULL, -- by which the portal vouches that the rule has found it
    UNIQUE (event_id, rule, mark)
);
CREATE INDEX unusual_events_by_time ON unusual_events (at, id);
CREATE INDEX unusual_events_by_actor ON unusual_events (rule, subject, at);
CREATE INDEX unusual_events_by_address ON unusual_events (rule, address, at);

CREATE TABLE daily_reviews (
    id      uuid PRIMARY KEY, -- UUIDv7
    day     date NOT NULL,
    issuer  text NOT NULL,
    subject text NOT NULL,
    by_name text NOT NULL,
    at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    note    text NOT NULL CHECK (length(note) <= 4000),
    found   integer NOT NULL -- how many events there were
);
CREATE INDEX daily_reviews_by_day ON daily_reviews (day, at);

-- How far the rules have looked through the trail.
CREATE TABLE unusual_watch (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next     bigint NOT NULL, -- number of the event that is looked at next
    mark     bytea NOT NULL -- by which the portal vouches for that
);

-- What auditors and admins said of changes of clusters that no request explains, by the
-- events that tell of them. Of what was said of a change the newest counts.
CREATE TABLE reconciliations (
    id         uuid PRIMARY KEY, -- UUIDv7
    event_id   uuid NOT NULL,
    number     integer NOT NULL CHECK (number > 0), -- of what was said of the change
    resolved   boolean NOT NULL, -- false: it is open again
    request_id uuid REFERENCES requests (id), -- that explains it after all; NULL: none
    reason     text NOT NULL CHECK (length(reason) BETWEEN 1 AND 4000),
    issuer     text NOT NULL,
    subject    text NOT NULL,
    by_name    text NOT NULL,
    own_team   boolean NOT NULL, -- who said so was a member of the cluster's team
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT reconciliations_in_order UNIQUE (event_id, number)
);

-- Reviews of who may do what, signed by auditors. The digest is of the text of the
-- snapshot, so that is json and not jsonb, which would change it.
CREATE TABLE access_reviews (
    id       uuid PRIMARY KEY, -- UUIDv7
    number   integer NOT NULL CHECK (number > 0),
    issuer   text NOT NULL,
    subject  text NOT NULL,
    by_name  text NOT NULL,
    admin    boolean NOT NULL, -- who signed it was an admin, too
    at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    note     text NOT NULL CHECK (length(note) BETWEEN 1 AND 4000),
    marks    jsonb NOT NULL, -- who should lose access, and why
    snapshot json NOT NULL,
    digest   text NOT NULL CHECK (length(digest) = 64), -- its SHA-256, in hexadecimal
    people   integer NOT NULL,
    changes  integer NOT NULL, -- since the review before
    CONSTRAINT access_reviews_in_order UNIQUE (number)
);

-- Who may do what as pages have shown it to those who may sign it.
CREATE TABLE access_readings (
    digest   text PRIMARY KEY, -- of who may do what
    snapshot json NOT NULL,
    read_at  timestamptz NOT NULL
);
CREATE INDEX access_readings_old ON access_readings (read_at);

-- What people do not want to be told by e-mail. Who has no row is told of all.
CREATE TABLE mail_choices (
    issuer  text NOT NULL,
    subject text NOT NULL,
    off     boolean NOT NULL,
    muted   text[] NOT NULL,
    PRIMARY KEY (issuer, subject)
);

-- One notification on its way to one target: a channel, or by e-mail the person
-- themselves. Without a notification it is a test of the channel. Whoever sends
-- it moves next_at on first, so that nobody else does meanwhile and that it is
-- sent again when they end before they say what came of it.
CREATE TABLE deliveries (
    id              uuid PRIMARY KEY,
    notification_id uuid REFERENCES notifications (id) ON DELETE CASCADE,
    topic           text NOT NULL DEFAULT '',
    channel_id      uuid REFERENCES channels (id) ON DELETE CASCADE,
    issuer          text NOT NULL DEFAULT '',
    subject         text NOT NULL DEFAULT '',
    lane            text NOT NULL,
    state           text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'given up', 'overtaken')),
    attempts        integer NOT NULL DEFAULT 0,
    next_at         timestamptz NOT NULL,
    fault           text NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL,
    ended_at        timestamptz,
    CHECK (channel_id IS NOT NULL OR subject <> '')
);
CREATE INDEX deliveries_due ON deliveries (lane, next_at) WHERE state = 'waiting';
CREATE INDEX deliveries_to_look_at ON deliveries (id) WHERE state IN ('waiting', 'given up');
CREATE INDEX deliveries_by_channel ON deliveries (channel_id, id);
CREATE INDEX deliveries_by_notification ON deliveries (notification_id);

-- The processes that work on the queue, each by the name that River has for it, with
-- its last sign of life. What the dead were doing is taken up by another.
CREATE TABLE replicas (
    id      text PRIMARY KEY,
    seen_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE replicas, deliveries, mail_choices, templates, channels, notifications, access_readings, access_reviews, reconciliations, orphans, execution_pauses, executions, break_glasses, comments, reviews,
    delegations, default_quota, team_usage, quota_grants, leases, reservations, request_revisions, requests, campaigns, inventory_state, ownership_rules, node_pools, clusters, do_budgets, refusals,
    unusual_watch, daily_reviews, unusual_events, saved_searches, rate_limits, sessions, group_labels, visits, people, policies, admin_changes, teams, installation;

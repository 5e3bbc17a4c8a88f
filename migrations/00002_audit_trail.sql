-- +goose Up
-- The audit trail. Identifiers are UUIDv7, so their order is the order in time,
-- and the partitions by id are months. An event is written in the transaction of
-- what it tells of, and waits in event_queue until the sequencer has given it a
-- number in event_log, the leaves of a Merkle tree. What is hashed is described
-- in docs/audit.md, all but the voucher; the checks let nothing in of which only
-- a part would be.
CREATE TABLE events (
    id           uuid NOT NULL PRIMARY KEY,
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    at           timestamptz NOT NULL CHECK (at > '1970-01-01' AND at < '2200-01-01'),
    kind         text NOT NULL,
    outcome      text NOT NULL CHECK (outcome IN ('done', 'refused', 'failed', 'unknown')),
    issuer       text NOT NULL,
    subject      text NOT NULL,
    actor_name   text NOT NULL,
    actor_email  text NOT NULL DEFAULT '',
    actor_roles  text[] NOT NULL DEFAULT '{}' CHECK (actor_roles = '{}' OR (array_ndims(actor_roles) = 1 AND array_lower(actor_roles, 1) = 1 AND array_position(actor_roles, NULL) IS NULL)),
    actor_groups text[] NOT NULL DEFAULT '{}' CHECK (actor_groups = '{}' OR (array_ndims(actor_groups) = 1 AND array_lower(actor_groups, 1) = 1 AND array_position(actor_groups, NULL) IS NULL)),
    session      text NOT NULL DEFAULT '',
    address      text NOT NULL DEFAULT '',
    user_agent   text NOT NULL DEFAULT '',
    http_request text NOT NULL DEFAULT '',
    team_id      uuid,
    request_id   uuid,
    revision     integer NOT NULL DEFAULT 0,
    operation    text NOT NULL DEFAULT '', -- that the request is for
    environment  text NOT NULL DEFAULT '', -- of the cluster, as it was then
    target_kind  text NOT NULL DEFAULT '',
    target_id    text NOT NULL DEFAULT '',
    target_name  text NOT NULL DEFAULT '',
    clusters     text[] NOT NULL DEFAULT '{}' CHECK (clusters = '{}' OR (array_ndims(clusters) = 1 AND array_lower(clusters, 1) = 1 AND array_position(clusters, NULL) IS NULL)), -- all, where there are several
    summary      text NOT NULL,
    reason       text NOT NULL DEFAULT '',
    data         json NOT NULL DEFAULT '{}' CHECK (strpos(data::text, E'\n') = 0), -- not jsonb, which would change what was hashed
    voucher      bytea CHECK (octet_length(voucher) <= 64), -- by which the process that wrote the event vouches for it
    -- what is written is shorter; what is longer would be a line of a bundle that nobody can read
    CONSTRAINT events_are_bounded CHECK (octet_length(data::text) <= 1048576 AND length(summary) <= 2100 AND length(reason) <= 4100
        AND length(concat(kind, issuer, subject, actor_name, actor_email, session, address, user_agent, http_request, operation, environment, target_kind, target_id, target_name)) <= 16384
        AND length(array_to_string(actor_roles || actor_groups || clusters, '')) <= 1048576)
) PARTITION BY RANGE (id);

-- A search of the trail shows the newest events first, so each index goes on by time.
CREATE INDEX events_by_time ON events (at, id);
CREATE INDEX events_by_kind ON events (kind, at, id);
CREATE INDEX events_by_outcome ON events (outcome, at, id) WHERE outcome <> 'done';
CREATE INDEX events_by_operation ON events (operation, at, id) WHERE operation <> '';
CREATE INDEX events_by_environment ON events (environment, at, id) WHERE environment <> '';
CREATE INDEX events_by_actor ON events (subject, at, id);
CREATE INDEX events_by_address ON events (address, at, id) WHERE address <> '';
CREATE INDEX events_by_team ON events (team_id, at, id);
CREATE INDEX events_by_request ON events (request_id, at, id);
CREATE INDEX events_by_target ON events (target_kind, target_id, at, id) WHERE target_id <> '';
CREATE INDEX events_by_clusters ON events USING gin (clusters) WHERE clusters <> '{}';
-- Words are split at what stands within names, and looked for by how they begin.
CREATE INDEX events_by_words ON events USING gin (to_tsvector('simple', translate(summary || ' ' || reason || ' ' || actor_name || ' ' || actor_email || ' ' || target_name || ' ' || target_id,
    '-./@:_#+=()[]{}<>"'',;!?|\&*%$^~“”‘’…–—→', repeat(' ', 50))));

-- What waits for a number, in the order in which it was written: what was written
-- under a lock comes after what the lock was held for before. The role that serves
-- puts nothing in and takes nothing out but by queue_event and number_events.
CREATE TABLE event_queue (
    place     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id  uuid NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The leaves of the tree: hash is SHA-256 of a zero byte and the event.
CREATE TABLE event_log (
    number   bigint PRIMARY KEY CHECK (number >= 0),
    event_id uuid NOT NULL UNIQUE,
    hash     bytea NOT NULL CHECK (length(hash) = 32)
);

-- Hashes of complete subtrees of 2^level leaves, of every eighth level, so that
-- no proof reads more than a few hundred rows. They follow from the leaves.
CREATE TABLE tree_nodes (
    level smallint NOT NULL,
    index bigint NOT NULL,
    hash  bytea NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, index)
);

-- Signed statements of the tree's size and root: C2SP's tlog-checkpoint.
CREATE TABLE checkpoints (
    size bigint PRIMARY KEY CHECK (size > 0),
    note text NOT NULL,
    at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- How far each place outside the database has the checkpoints.
CREATE TABLE anchors (
    name     text PRIMARY KEY,
    size     bigint NOT NULL DEFAULT 0,
    at       timestamptz,
    fault    text NOT NULL DEFAULT '',
    fault_at timestamptz
);

-- How far each SIEM has the events.
CREATE TABLE audit_streams (
    name     text PRIMARY KEY,
    next     bigint NOT NULL DEFAULT 0, -- number of the event that is sent next
    mark     bytea NOT NULL, -- by which the portal vouches for that
    at       timestamptz,
    fault    text NOT NULL DEFAULT '',
    fault_at timestamptz,
    attempts integer NOT NULL DEFAULT 0 CHECK (attempts >= 0), -- that failed since
    retry_at timestamptz,
    told     boolean NOT NULL DEFAULT false -- that it is far behind
);

-- +goose StatementBegin
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit trail is append-only';
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Whoever inserts an event can choose neither when it was recorded nor, by its id,
-- its place among the others.
-- +goose StatementBegin
CREATE FUNCTION stamp_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    now bigint := extract(epoch FROM clock_timestamp()) * 1000;
    id  text := NEW.id::text;
BEGIN
    IF substr(id, 15, 1) <> '7' OR abs(('x' || substr(id, 1, 8) || substr(id, 10, 4))::bit(48)::bigint - now) > 600000 THEN
        RAISE EXCEPTION 'the id of an event is of another time than that of the database: are both clocks right?';
    END IF;
    NEW.recorded_at := clock_timestamp();
    RETURN NEW;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_are_stamped BEFORE INSERT ON events FOR EACH ROW EXECUTE FUNCTION stamp_event();

-- Every event waits for its number from the statement on that writes it, whoever
-- writes it.
-- +goose StatementBegin
CREATE FUNCTION queue_event() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO event_queue (event_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER events_are_queued AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION queue_event();

-- number_events gives events the next numbers, as many of those named as are the
-- first that wait, in their order, and returns how many have left the queue. Nothing
-- can be kept back by who calls it. What has a number already, since the owner has
-- put it into the queue again, gets no other. Nothing here is joined: how many wait is
-- not what statistics say.
-- +goose StatementBegin
CREATE FUNCTION number_events(ids uuid[], hashes bytea[]) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH waiting AS MATERIALIZED (SELECT place, event_id, row_number() OVER (ORDER BY place) AS i FROM (SELECT * FROM event_queue ORDER BY place LIMIT cardinality(ids)) q),
    taken AS MATERIALIZED (SELECT coalesce(min(i) FILTER (WHERE event_id IS DISTINCT FROM ids[i]) - 1, count(*)) AS n FROM waiting),
    gone AS (DELETE FROM event_queue WHERE place <= (SELECT max(place) FROM waiting WHERE i <= (SELECT n FROM taken))),
    numbered AS (INSERT INTO event_log (number, event_id, hash)
        SELECT (SELECT coalesce(max(number) + 1, 0) FROM event_log) + row_number() OVER (ORDER BY i) - 1, event_id, hashes[i]
        FROM waiting w WHERE i <= (SELECT n FROM taken) AND NOT EXISTS (SELECT FROM event_log l WHERE l.event_id = w.event_id))
    SELECT n FROM taken
$$;
-- +goose StatementEnd

CREATE TRIGGER event_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER tree_nodes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_nodes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE events_other PARTITION OF events DEFAULT;
CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON events_other
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- event_id_at is below the id of every event from a time (UTC) on.
-- +goose StatementBegin
CREATE FUNCTION event_id_at(at timestamp) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;
-- +goose StatementEnd

-- make_event_partitions makes the partitions of this month and the next two. It
-- runs as the owner, so that the role that serves needs no right to make tables.
-- +goose StatementBegin
CREATE FUNCTION make_event_partitions() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month timestamp;
    name  text;
BEGIN
    PERFORM pg_advisory_xact_lock(7363019523);
    FOR ahead IN 0..2 LOOP
        month := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC') + ahead * interval '1 month';
        name := 'events_' || to_char(month, 'YYYY_MM');
        IF to_regclass('public.' || name) IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF events FOR VALUES FROM (%L) TO (%L)', name,
                event_id_at(month), event_id_at(month + interval '1 month'));
            EXECUTE format('CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()', name);
        END IF;
    END LOOP;
END $$;
-- +goose StatementEnd

SELECT make_event_partitions();

-- +goose Down
DROP TABLE audit_streams, anchors, checkpoints, tree_nodes, event_log, event_queue, events;
DROP FUNCTION make_event_partitions, event_id_at, number_events, queue_event, stamp_event, refuse_change;

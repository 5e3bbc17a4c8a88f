-- +goose Up
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
    in_force_at     timestamptz
);
CREATE UNIQUE INDEX policies_one_proposed ON policies (state) WHERE state = 'proposed';
CREATE UNIQUE INDEX policies_one_in_force ON policies (state) WHERE state = 'in_force';

-- What the policy judged a request by, to try another policy on it.
ALTER TABLE requests ADD COLUMN judged jsonb;

-- +goose Down
ALTER TABLE requests DROP COLUMN judged;
DROP TABLE policies;

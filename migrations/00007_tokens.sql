-- +goose Up
-- By the provider's tokens, sealed, the portal asks about a person, whether or
-- not they have a session. They are those of the newest sign-in, and used until
-- tokens_until. groups_problem says why the groups could not be read.
ALTER TABLE people ADD COLUMN groups_problem text NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN tokens bytea;
ALTER TABLE people ADD COLUMN tokens_until timestamptz;
ALTER TABLE people ADD CONSTRAINT people_tokens_end CHECK ((tokens IS NULL) = (tokens_until IS NULL));

-- +goose Down
ALTER TABLE people DROP COLUMN tokens_until;
ALTER TABLE people DROP COLUMN tokens;
ALTER TABLE people DROP COLUMN groups_problem;

-- +goose Up
-- Whose a row is that belongs to nobody's session: a network that signs in, or a
-- person who has to sign in again. Each has so many at the most.
ALTER TABLE sessions ADD COLUMN holder text NOT NULL DEFAULT '';
CREATE INDEX sessions_pending ON sessions (holder, created_at) WHERE issuer = '';
CREATE INDEX sessions_pending_by_age ON sessions (created_at) WHERE issuer = '';

-- +goose Down
DROP INDEX sessions_pending_by_age;
DROP INDEX sessions_pending;
ALTER TABLE sessions DROP COLUMN holder;

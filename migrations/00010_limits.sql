-- +goose Up
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
    issuer     text NOT NULL,
    subject    text NOT NULL,
    actor_name text NOT NULL,
    number     integer NOT NULL,
    first_at   timestamptz NOT NULL,
    last_at    timestamptz NOT NULL,
    PRIMARY KEY (issuer, subject)
);

CREATE INDEX comments_by_author ON comments (issuer, subject, created_at);

-- +goose Down
DROP INDEX comments_by_author;
DROP TABLE refusals;
DROP TABLE rate_limits;

-- +goose Up
-- How far the calls to DigitalOcean are booked, for each token by name. Every
-- call moves booked_until on; no call is made while it is too far ahead of now,
-- or before paused_until, which a 429 sets.
CREATE TABLE do_budgets (
    name         text PRIMARY KEY,
    booked_until timestamptz NOT NULL DEFAULT '-infinity',
    paused_until timestamptz NOT NULL DEFAULT '-infinity'
);

-- +goose Down
DROP TABLE do_budgets;

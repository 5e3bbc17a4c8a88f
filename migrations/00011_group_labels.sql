-- +goose Up
-- What admins call groups of the identity provider whose own names nobody can
-- read. Nothing is decided by a label.
CREATE TABLE group_labels (
    group_name text PRIMARY KEY CHECK (length(group_name) BETWEEN 1 AND 512),
    label      text NOT NULL CHECK (length(label) BETWEEN 1 AND 60),
    changed_at timestamptz NOT NULL
);

-- +goose Down
DROP TABLE group_labels;

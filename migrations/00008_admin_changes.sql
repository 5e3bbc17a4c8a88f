-- +goose Up
-- When the portal was installed: in its first week one admin may adopt clusters.
CREATE TABLE installation (
    only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    installed_at timestamptz NOT NULL
);
INSERT INTO installation (installed_at)
    SELECT coalesce(least((SELECT min(at) FROM events), (SELECT min(updated_at) FROM teams)), now());

-- A cluster that no team owns counts as production and as protected.
ALTER TABLE clusters ADD COLUMN had_team boolean NOT NULL DEFAULT false;
UPDATE clusters SET had_team = true
    WHERE team_id IS NOT NULL OR id IN (SELECT cluster_id FROM events WHERE kind = 'cluster_assigned');
UPDATE clusters SET environment = NULL, protected = true WHERE team_id IS NULL;
ALTER TABLE clusters ALTER COLUMN protected SET DEFAULT true;
ALTER TABLE clusters ADD CONSTRAINT clusters_unowned_are_guarded
    CHECK (team_id IS NOT NULL OR (environment IS NULL AND protected));

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

-- News may be of a team or a cluster, without a request.
ALTER TABLE news ALTER COLUMN request_id DROP NOT NULL;
ALTER TABLE news ADD COLUMN team_id uuid REFERENCES teams (id);
ALTER TABLE news ADD COLUMN cluster_id text NOT NULL DEFAULT '';

-- +goose Down
DELETE FROM news WHERE request_id IS NULL;
ALTER TABLE news DROP COLUMN cluster_id;
ALTER TABLE news DROP COLUMN team_id;
ALTER TABLE news ALTER COLUMN request_id SET NOT NULL;
DROP TABLE admin_changes;
ALTER TABLE clusters DROP CONSTRAINT clusters_unowned_are_guarded;
ALTER TABLE clusters ALTER COLUMN protected SET DEFAULT false;
ALTER TABLE clusters DROP COLUMN had_team;
DROP TABLE installation;

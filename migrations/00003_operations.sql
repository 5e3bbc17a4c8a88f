-- +goose Up
ALTER TABLE clusters ADD COLUMN details jsonb NOT NULL DEFAULT '{}';
ALTER TABLE node_pools ADD COLUMN details jsonb NOT NULL DEFAULT '{}';

-- A request may change clusters of several teams; it then belongs to none.
ALTER TABLE requests ALTER COLUMN team_id DROP NOT NULL;
ALTER TABLE requests ADD COLUMN target_ids text[] NOT NULL DEFAULT '{}';
ALTER TABLE requests ADD COLUMN result text NOT NULL DEFAULT '';
UPDATE requests SET target_ids = ARRAY[target_id] WHERE target_id <> '';
DROP INDEX requests_by_target;
CREATE INDEX requests_by_target ON requests USING gin (target_ids);

-- Of the groups whose approvals count, those that the reviewer was in.
ALTER TABLE reviews ADD COLUMN groups text[] NOT NULL DEFAULT '{}';

-- A reservation with a pool says how much that pool takes until its request has
-- ended, whatever the inventory says meanwhile; one without adds to the usage.
ALTER TABLE reservations ADD COLUMN pool_id text NOT NULL DEFAULT '';

-- At most one deletion of a cluster is under way, in whichever way.
DROP INDEX requests_one_deletion;
CREATE UNIQUE INDEX requests_one_deletion ON requests (target_id)
    WHERE operation IN ('delete_cluster', 'delete_cluster_selective', 'delete_cluster_dangerous')
      AND state IN ('pending', 'approved', 'executing', 'settling', 'unknown');

-- +goose Down
DROP INDEX requests_one_deletion;
CREATE UNIQUE INDEX requests_one_deletion ON requests (target_id)
    WHERE operation = 'delete_cluster'
      AND state IN ('pending', 'approved', 'executing', 'settling', 'unknown');
ALTER TABLE reservations DROP COLUMN pool_id;
ALTER TABLE reviews DROP COLUMN groups;
DROP INDEX requests_by_target;
ALTER TABLE requests DROP COLUMN result;
ALTER TABLE requests DROP COLUMN target_ids;
CREATE INDEX requests_by_target ON requests (target_id, number DESC) WHERE target_id <> '';
DELETE FROM requests WHERE team_id IS NULL;
ALTER TABLE requests ALTER COLUMN team_id SET NOT NULL;
ALTER TABLE node_pools DROP COLUMN details;
ALTER TABLE clusters DROP COLUMN details;

-- +goose Up
-- A protected cluster is deleted by no request until an admin lifts that.
ALTER TABLE clusters ADD COLUMN protected boolean NOT NULL DEFAULT false;

-- A request may be planned anew: its row is the newest revision, the older ones
-- are kept beside it. due_at says when waiting ends: for a decision while it is
-- pending, to be carried out while it is approved.
ALTER TABLE requests ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE requests ADD COLUMN planned_at timestamptz;
ALTER TABLE requests ADD COLUMN form_hash text NOT NULL DEFAULT ''; -- of what was typed into the form that made it
ALTER TABLE requests ADD COLUMN plan_key text NOT NULL DEFAULT ''; -- of the form that the revision was made with
ALTER TABLE requests ADD COLUMN due_at timestamptz;
ALTER TABLE requests ADD COLUMN starts_at timestamptz;
ALTER TABLE requests ADD COLUMN warned_at timestamptz;
ALTER TABLE requests ADD COLUMN approver_groups text[] NOT NULL DEFAULT '{}';
UPDATE requests SET planned_at = created_at,
    due_at = updated_at + CASE state WHEN 'approved' THEN interval '24 hours' ELSE interval '7 days' END,
    approver_groups = ARRAY(SELECT jsonb_array_elements_text(need -> 'groups')
        FROM jsonb_array_elements(CASE jsonb_typeof(plan -> 'verdict' -> 'needs') WHEN 'array' THEN plan -> 'verdict' -> 'needs' ELSE '[]' END) need);
ALTER TABLE requests ALTER COLUMN planned_at SET NOT NULL;
ALTER TABLE requests ALTER COLUMN due_at SET NOT NULL;
CREATE INDEX requests_due ON requests (due_at) WHERE state IN ('pending', 'approved', 'stale');
CREATE INDEX requests_to_approve ON requests USING gin (approver_groups) WHERE state = 'pending';
CREATE INDEX requests_by_requester ON requests (issuer, subject, number DESC);

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

ALTER TABLE reviews ADD COLUMN revision integer NOT NULL DEFAULT 1;
ALTER TABLE reviews DROP CONSTRAINT reviews_request_id_issuer_subject_key;
ALTER TABLE reviews ADD CONSTRAINT reviews_once UNIQUE (request_id, revision, issuer, subject);
ALTER TABLE reviews DROP CONSTRAINT reviews_decision_check;
ALTER TABLE reviews ADD CONSTRAINT reviews_decision_check CHECK (decision IN ('approve', 'reject', 'changes'));
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

-- An admin had a request carried out without its approvals. A review is owed
-- until reviewed_at is set.
CREATE TABLE broken_glass (
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
CREATE INDEX broken_glass_owed ON broken_glass (at) WHERE reviewed_at IS NULL;

-- +goose Down
DROP TABLE broken_glass, comments, request_revisions;
DELETE FROM reviews r USING requests q WHERE q.id = r.request_id AND (r.revision <> q.revision OR r.decision = 'changes');
DROP INDEX reviews_by_person;
ALTER TABLE reviews DROP CONSTRAINT reviews_decision_check;
ALTER TABLE reviews ADD CONSTRAINT reviews_decision_check CHECK (decision IN ('approve', 'reject'));
ALTER TABLE reviews DROP CONSTRAINT reviews_once;
ALTER TABLE reviews ADD CONSTRAINT reviews_request_id_issuer_subject_key UNIQUE (request_id, issuer, subject);
ALTER TABLE reviews DROP COLUMN revision;
DROP INDEX requests_by_requester;
DROP INDEX requests_to_approve;
DROP INDEX requests_due;
ALTER TABLE requests DROP COLUMN approver_groups;
ALTER TABLE requests DROP COLUMN warned_at;
ALTER TABLE requests DROP COLUMN starts_at;
ALTER TABLE requests DROP COLUMN due_at;
ALTER TABLE requests DROP COLUMN plan_key;
ALTER TABLE requests DROP COLUMN form_hash;
ALTER TABLE requests DROP COLUMN planned_at;
ALTER TABLE requests DROP COLUMN revision;
ALTER TABLE clusters DROP COLUMN protected;

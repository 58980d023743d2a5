-- What was approved is pinned: a request and its grant carry the terms that the role gave when it was asked.
-- Rows from before carry none: such a request is asked again, and nothing more is issued under such a grant.
ALTER TABLE requests ADD COLUMN terms TEXT NOT NULL DEFAULT '{"kind":"unpinned"}';
ALTER TABLE requests ADD COLUMN closed_because TEXT
  CHECK (closed_because IN ('undecided', 'too_late', 'role_changed', 'not_eligible'));
ALTER TABLE grants ADD COLUMN terms TEXT NOT NULL DEFAULT '{"kind":"unpinned"}';
CREATE TRIGGER requests_terms BEFORE UPDATE ON requests
WHEN NEW.terms <> OLD.terms OR NEW.scope <> OLD.scope OR NEW.stages <> OLD.stages
BEGIN SELECT RAISE(ABORT, 'hallpass: what a request asks for may not change'); END;
CREATE TRIGGER grants_terms BEFORE UPDATE ON grants
WHEN NEW.terms <> OLD.terms
BEGIN SELECT RAISE(ABORT, 'hallpass: what a grant gives may not change'); END;

-- A standing role's grant was revoked: no new one for this workload until an administrator lifts the block.
CREATE TABLE standing_blocks (
  id          BLOB NOT NULL PRIMARY KEY,
  role_id     BLOB NOT NULL REFERENCES roles (id) ON DELETE RESTRICT,
  workload_id BLOB NOT NULL REFERENCES workloads (id) ON DELETE RESTRICT,
  grant_id    BLOB NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  blocked_at  INTEGER NOT NULL,
  blocked_by  BLOB REFERENCES users (id) ON DELETE RESTRICT,
  lifted_at   INTEGER,
  lifted_by   BLOB REFERENCES users (id) ON DELETE RESTRICT,
  version     INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX standing_blocks_open ON standing_blocks (role_id, workload_id) WHERE lifted_at IS NULL;
CREATE INDEX standing_blocks_of_grant ON standing_blocks (grant_id);
CREATE TRIGGER standing_blocks_lifted BEFORE UPDATE ON standing_blocks
WHEN OLD.lifted_at IS NOT NULL
BEGIN SELECT RAISE(ABORT, 'hallpass: a lifted block is history'); END;
CREATE TRIGGER standing_blocks_kept BEFORE DELETE ON standing_blocks
BEGIN SELECT RAISE(ABORT, 'hallpass: blocks are kept'); END;

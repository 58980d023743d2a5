-- What was approved is pinned: a request and its grant carry the terms that the role gave when it was asked.
-- Rows from before carry none: such a request is asked again, and nothing more is issued under such a grant.
ALTER TABLE requests ADD COLUMN terms jsonb NOT NULL DEFAULT '{"kind":"unpinned"}';
ALTER TABLE requests ADD COLUMN closed_because text
  CHECK (closed_because IN ('undecided', 'too_late', 'role_changed', 'not_eligible'));
ALTER TABLE grants ADD COLUMN terms jsonb NOT NULL DEFAULT '{"kind":"unpinned"}';
CREATE TRIGGER requests_terms BEFORE UPDATE ON requests FOR EACH ROW
WHEN (NEW.terms <> OLD.terms OR NEW.scope <> OLD.scope OR NEW.stages <> OLD.stages)
EXECUTE FUNCTION hallpass_refuse('what a request asks for may not change');
CREATE TRIGGER grants_terms BEFORE UPDATE ON grants FOR EACH ROW
WHEN (NEW.terms <> OLD.terms)
EXECUTE FUNCTION hallpass_refuse('what a grant gives may not change');

-- A standing role's grant was revoked: no new one for this workload until an administrator lifts the block.
CREATE TABLE standing_blocks (
  id          uuid NOT NULL PRIMARY KEY,
  role_id     uuid NOT NULL REFERENCES roles (id) ON DELETE RESTRICT,
  workload_id uuid NOT NULL REFERENCES workloads (id) ON DELETE RESTRICT,
  grant_id    uuid NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  blocked_at  timestamptz NOT NULL,
  blocked_by  uuid REFERENCES users (id) ON DELETE RESTRICT,
  lifted_at   timestamptz,
  lifted_by   uuid REFERENCES users (id) ON DELETE RESTRICT,
  version     bigint NOT NULL
);
CREATE UNIQUE INDEX standing_blocks_open ON standing_blocks (role_id, workload_id) WHERE lifted_at IS NULL;
CREATE INDEX standing_blocks_of_grant ON standing_blocks (grant_id);
CREATE TRIGGER standing_blocks_lifted BEFORE UPDATE ON standing_blocks FOR EACH ROW
WHEN (OLD.lifted_at IS NOT NULL) EXECUTE FUNCTION hallpass_refuse('a lifted block is history');
CREATE TRIGGER standing_blocks_kept BEFORE DELETE ON standing_blocks FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('blocks are kept');

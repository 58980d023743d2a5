-- The hash of an event's leaf is stored with the event: the sealer signs what was committed, whatever happened to the row
-- since, and need not read the event to know it. Events from before, which wait for their seal, have none yet.
ALTER TABLE audit_events DROP CONSTRAINT audit_events_check;
ALTER TABLE audit_events ADD CONSTRAINT audit_events_placed_hash CHECK (leaf_index IS NULL OR leaf_hash IS NOT NULL);
DROP TRIGGER audit_events_placed ON audit_events;
CREATE TRIGGER audit_events_placed BEFORE UPDATE ON audit_events FOR EACH ROW
WHEN (OLD.leaf_index IS NOT NULL AND NEW.leaf_index IS DISTINCT FROM OLD.leaf_index)
EXECUTE FUNCTION hallpass_refuse('a sealed audit event keeps its place');
CREATE TRIGGER audit_events_hashed BEFORE UPDATE ON audit_events FOR EACH ROW
WHEN (OLD.leaf_hash IS NOT NULL AND NEW.leaf_hash IS DISTINCT FROM OLD.leaf_hash)
EXECUTE FUNCTION hallpass_refuse('an audit event keeps its hash');

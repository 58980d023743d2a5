DROP TRIGGER audit_events_hashed ON audit_events;
DROP TRIGGER audit_events_placed ON audit_events;
ALTER TABLE audit_events DROP CONSTRAINT audit_events_placed_hash;
UPDATE audit_events SET leaf_hash = NULL WHERE leaf_index IS NULL;
ALTER TABLE audit_events ADD CONSTRAINT audit_events_check CHECK ((leaf_index IS NULL) = (leaf_hash IS NULL));
CREATE TRIGGER audit_events_placed BEFORE UPDATE ON audit_events FOR EACH ROW
WHEN (OLD.leaf_index IS NOT NULL AND (NEW.leaf_index IS DISTINCT FROM OLD.leaf_index OR NEW.leaf_hash IS DISTINCT FROM OLD.leaf_hash))
EXECUTE FUNCTION hallpass_refuse('a sealed audit event keeps its place');

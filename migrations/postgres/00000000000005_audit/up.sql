-- The audit log: events in the transaction of their change, and the tree over them (RFC 6962).

CREATE TABLE audit_events (
  id         uuid NOT NULL PRIMARY KEY,
  at         timestamptz NOT NULL,
  kind       text COLLATE "C" NOT NULL,
  -- The kind up to and with its first dot: what lists filter by.
  family     text COLLATE "C" NOT NULL,
  actor      text COLLATE "C" NOT NULL,
  subjects   jsonb NOT NULL,
  data       jsonb NOT NULL,
  commitment bytea NOT NULL,
  private    jsonb,
  salt       bytea,
  leaf_index bigint,
  leaf_hash  bytea,
  CHECK ((leaf_index IS NULL) = (leaf_hash IS NULL)),
  CHECK ((private IS NULL) = (salt IS NULL))
);
CREATE UNIQUE INDEX audit_events_leaf ON audit_events (leaf_index) WHERE leaf_index IS NOT NULL;
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE leaf_index IS NULL;
CREATE INDEX audit_events_kind ON audit_events (kind, id);
CREATE INDEX audit_events_family ON audit_events (family, id);
CREATE INDEX audit_events_actor ON audit_events (actor, id);
-- Only two updates are allowed: placing an unplaced event in the tree, and erasing the private part with its salt.
CREATE TRIGGER audit_events_fixed BEFORE UPDATE ON audit_events FOR EACH ROW
WHEN (NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.kind <> OLD.kind OR NEW.family <> OLD.family OR NEW.actor <> OLD.actor OR NEW.subjects <> OLD.subjects OR NEW.data <> OLD.data OR NEW.commitment <> OLD.commitment)
EXECUTE FUNCTION hallpass_refuse('an audit event may not change');
CREATE TRIGGER audit_events_placed BEFORE UPDATE ON audit_events FOR EACH ROW
WHEN (OLD.leaf_index IS NOT NULL AND (NEW.leaf_index IS DISTINCT FROM OLD.leaf_index OR NEW.leaf_hash IS DISTINCT FROM OLD.leaf_hash))
EXECUTE FUNCTION hallpass_refuse('a sealed audit event keeps its place');
CREATE TRIGGER audit_events_erased BEFORE UPDATE ON audit_events FOR EACH ROW
WHEN (NEW.private IS NOT NULL AND NEW.private IS DISTINCT FROM OLD.private OR NEW.salt IS NOT NULL AND NEW.salt IS DISTINCT FROM OLD.salt)
EXECUTE FUNCTION hallpass_refuse('the private part of an audit event may only be erased');
CREATE TRIGGER audit_events_kept BEFORE DELETE ON audit_events FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('audit events are kept');
CREATE TRIGGER audit_events_whole BEFORE TRUNCATE ON audit_events
EXECUTE FUNCTION hallpass_refuse('audit events are kept');

-- Written only beside its event, and neither is ever deleted: a foreign key would cost a look-up on the hottest path.
CREATE TABLE audit_subjects (
  noun       text COLLATE "C" NOT NULL,
  subject_id text COLLATE "C" NOT NULL,
  event_id   uuid NOT NULL,
  PRIMARY KEY (noun, subject_id, event_id)
);
CREATE TRIGGER audit_subjects_fixed BEFORE UPDATE ON audit_subjects FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('an audit event may not change');
CREATE TRIGGER audit_subjects_kept BEFORE DELETE ON audit_subjects FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('audit events are kept');

-- Roots of complete subtrees; never change once they exist.
CREATE TABLE audit_nodes (
  level integer NOT NULL,
  place bigint NOT NULL,
  hash  bytea NOT NULL,
  PRIMARY KEY (level, place)
);
CREATE TRIGGER audit_nodes_fixed BEFORE UPDATE ON audit_nodes FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('a node of the audit tree may not change');
CREATE TRIGGER audit_nodes_kept BEFORE DELETE ON audit_nodes FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('nodes of the audit tree are kept');

CREATE TABLE audit_head (
  id         integer NOT NULL PRIMARY KEY CHECK (id = 1),
  size       bigint NOT NULL,
  checkpoint text,
  frontier   text,
  sealed_at  timestamptz
);
INSERT INTO audit_head (id, size) VALUES (1, 0);
CREATE TRIGGER audit_head_grows BEFORE UPDATE ON audit_head FOR EACH ROW
WHEN (NEW.size < OLD.size)
EXECUTE FUNCTION hallpass_refuse('the audit log never shrinks');

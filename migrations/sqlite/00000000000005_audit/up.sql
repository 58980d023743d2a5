-- The audit log: events in the transaction of their change, and the tree over them (RFC 6962).

CREATE TABLE audit_events (
  id         BLOB NOT NULL PRIMARY KEY,
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
  -- The kind up to and with its first dot: what lists filter by.
  family     TEXT NOT NULL,
  actor      TEXT NOT NULL,
  subjects   TEXT NOT NULL,
  data       TEXT NOT NULL,
  commitment BLOB NOT NULL,
  private    TEXT,
  salt       BLOB,
  leaf_index INTEGER,
  leaf_hash  BLOB,
  CHECK ((leaf_index IS NULL) = (leaf_hash IS NULL)),
  CHECK ((private IS NULL) = (salt IS NULL))
) STRICT;
CREATE UNIQUE INDEX audit_events_leaf ON audit_events (leaf_index) WHERE leaf_index IS NOT NULL;
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE leaf_index IS NULL;
CREATE INDEX audit_events_kind ON audit_events (kind, id);
CREATE INDEX audit_events_family ON audit_events (family, id);
CREATE INDEX audit_events_actor ON audit_events (actor, id);
-- Only two updates are allowed: placing an unplaced event in the tree, and erasing the private part with its salt.
CREATE TRIGGER audit_events_fixed BEFORE UPDATE ON audit_events
WHEN NEW.id <> OLD.id OR NEW.at <> OLD.at OR NEW.kind <> OLD.kind OR NEW.family <> OLD.family OR NEW.actor <> OLD.actor OR NEW.subjects <> OLD.subjects OR NEW.data <> OLD.data OR NEW.commitment <> OLD.commitment
BEGIN SELECT RAISE(ABORT, 'hallpass: an audit event may not change'); END;
CREATE TRIGGER audit_events_placed BEFORE UPDATE ON audit_events
WHEN OLD.leaf_index IS NOT NULL AND (NEW.leaf_index IS NOT OLD.leaf_index OR NEW.leaf_hash IS NOT OLD.leaf_hash)
BEGIN SELECT RAISE(ABORT, 'hallpass: a sealed audit event keeps its place'); END;
CREATE TRIGGER audit_events_erased BEFORE UPDATE ON audit_events
WHEN NEW.private IS NOT NULL AND NEW.private IS NOT OLD.private OR NEW.salt IS NOT NULL AND NEW.salt IS NOT OLD.salt
BEGIN SELECT RAISE(ABORT, 'hallpass: the private part of an audit event may only be erased'); END;
CREATE TRIGGER audit_events_kept BEFORE DELETE ON audit_events
BEGIN SELECT RAISE(ABORT, 'hallpass: audit events are kept'); END;

-- Written only beside its event, and neither is ever deleted: a foreign key would cost a look-up on the hottest path.
CREATE TABLE audit_subjects (
  noun       TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  event_id   BLOB NOT NULL,
  PRIMARY KEY (noun, subject_id, event_id)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_subjects_fixed BEFORE UPDATE ON audit_subjects
BEGIN SELECT RAISE(ABORT, 'hallpass: an audit event may not change'); END;
CREATE TRIGGER audit_subjects_kept BEFORE DELETE ON audit_subjects
BEGIN SELECT RAISE(ABORT, 'hallpass: audit events are kept'); END;

-- Roots of complete subtrees; never change once they exist.
CREATE TABLE audit_nodes (
  level INTEGER NOT NULL,
  place INTEGER NOT NULL,
  hash  BLOB NOT NULL,
  PRIMARY KEY (level, place)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER audit_nodes_fixed BEFORE UPDATE ON audit_nodes
BEGIN SELECT RAISE(ABORT, 'hallpass: a node of the audit tree may not change'); END;
CREATE TRIGGER audit_nodes_kept BEFORE DELETE ON audit_nodes
BEGIN SELECT RAISE(ABORT, 'hallpass: nodes of the audit tree are kept'); END;

CREATE TABLE audit_head (
  id         INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  size       INTEGER NOT NULL,
  checkpoint TEXT,
  frontier   TEXT,
  sealed_at  INTEGER
) STRICT;
INSERT INTO audit_head (id, size) VALUES (1, 0);
CREATE TRIGGER audit_head_grows BEFORE UPDATE ON audit_head
WHEN NEW.size < OLD.size
BEGIN SELECT RAISE(ABORT, 'hallpass: the audit log never shrinks'); END;

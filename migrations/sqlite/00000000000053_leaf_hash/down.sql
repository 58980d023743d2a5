DROP TRIGGER tokens_fixed;
CREATE TRIGGER tokens_fixed BEFORE UPDATE ON tokens
WHEN NEW.hash <> OLD.hash OR NEW.grant_id <> OLD.grant_id OR NEW.target_id <> OLD.target_id OR NEW.expires_at > OLD.expires_at
BEGIN SELECT RAISE(ABORT, 'hallpass: what a token gives may not change'); END;

CREATE TABLE audit_events_old (
  id         BLOB NOT NULL PRIMARY KEY,
  at         INTEGER NOT NULL,
  kind       TEXT NOT NULL,
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
INSERT INTO audit_events_old
SELECT id, at, kind, family, actor, subjects, data, commitment, private, salt, leaf_index,
       CASE WHEN leaf_index IS NULL THEN NULL ELSE leaf_hash END
FROM audit_events ORDER BY rowid;
DROP TABLE audit_events;
ALTER TABLE audit_events_old RENAME TO audit_events;
CREATE UNIQUE INDEX audit_events_leaf ON audit_events (leaf_index) WHERE leaf_index IS NOT NULL;
CREATE INDEX audit_events_unsealed ON audit_events (id) WHERE leaf_index IS NULL;
CREATE INDEX audit_events_kind ON audit_events (kind, id);
CREATE INDEX audit_events_family ON audit_events (family, id);
CREATE INDEX audit_events_actor ON audit_events (actor, id);
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

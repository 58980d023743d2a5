-- A token's row is read by its id, which the token names, and its hash is compared. The index of hashes was the one whose
-- every insert changed a page of its own, since hashes have no order.
CREATE TABLE tokens_new (
  id             BLOB NOT NULL PRIMARY KEY,
  hash           BLOB NOT NULL,
  grant_id       BLOB NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  target_id      BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  client_id      BLOB REFERENCES clients (id) ON DELETE RESTRICT,
  issued_at      INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  revoked_at     INTEGER,
  version        INTEGER NOT NULL,
  accepted_until INTEGER
) STRICT, WITHOUT ROWID;
INSERT INTO tokens_new SELECT id, hash, grant_id, target_id, client_id, issued_at, expires_at, revoked_at, version, accepted_until FROM tokens;
DROP TABLE tokens;
ALTER TABLE tokens_new RENAME TO tokens;
CREATE INDEX tokens_of_grant ON tokens (grant_id, expires_at, id);
CREATE INDEX tokens_expired ON tokens (expires_at);
CREATE TRIGGER tokens_fixed BEFORE UPDATE OF hash, grant_id, target_id, expires_at ON tokens
WHEN NEW.hash <> OLD.hash OR NEW.grant_id <> OLD.grant_id OR NEW.target_id <> OLD.target_id OR NEW.expires_at > OLD.expires_at
BEGIN SELECT RAISE(ABORT, 'hallpass: what a token gives may not change'); END;
CREATE TRIGGER tokens_revoked BEFORE UPDATE ON tokens
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL
BEGIN SELECT RAISE(ABORT, 'hallpass: a revoked token stays revoked'); END;

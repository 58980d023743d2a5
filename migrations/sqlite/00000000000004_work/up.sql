-- The outbox, committed commands, replayable answers, small named values.

CREATE TABLE mails (
  id              BLOB NOT NULL PRIMARY KEY,
  kind            TEXT NOT NULL,
  to_email        TEXT NOT NULL,
  to_name         TEXT NOT NULL,
  request_id      BLOB REFERENCES requests (id) ON DELETE RESTRICT,
  grant_id        BLOB REFERENCES grants (id) ON DELETE RESTRICT,
  model           TEXT NOT NULL,
  state           TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
  queued_at       INTEGER NOT NULL,
  sent_at         INTEGER,
  attempts        INTEGER NOT NULL,
  next_attempt_at INTEGER NOT NULL,
  last_error      TEXT,
  claimed_by      TEXT,
  claimed_until   INTEGER,
  fence           INTEGER NOT NULL,
  -- The later of next_attempt_at and claimed_until: when a worker may claim it.
  claimable_at    INTEGER NOT NULL,
  version         INTEGER NOT NULL
) STRICT;
CREATE INDEX mails_claimable ON mails (claimable_at) WHERE state = 'queued';
CREATE INDEX mails_queued ON mails (queued_at) WHERE state = 'queued';
CREATE INDEX mails_of_request ON mails (request_id, id);
CREATE INDEX mails_of_grant ON mails (grant_id, id);

-- One row for each committed transition; looked up after a COMMIT whose answer was lost.
CREATE TABLE commands (
  id BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_keys (
  scope      TEXT NOT NULL,
  key        TEXT NOT NULL,
  body_hash  TEXT NOT NULL,
  answer     TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT;
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);

CREATE TABLE meta (
  key   TEXT NOT NULL PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row that the readiness probe writes.
CREATE TABLE probe (
  id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
  beats INTEGER NOT NULL
) STRICT;
INSERT INTO probe (id, beats) VALUES (1, 0);

-- How people and their command lines prove who they are. Secrets stand here only as hashes or sealed.

CREATE TABLE accounts (
  user_id         BLOB NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE RESTRICT,
  password_hash   TEXT,
  totp_sealed     TEXT,
  totp_pending    TEXT,
  totp_last_step  INTEGER NOT NULL,
  recovery_hashes TEXT NOT NULL,
  password_set_at INTEGER,
  version         INTEGER NOT NULL
) STRICT;
-- A code works once (RFC 6238 section 5.2).
CREATE TRIGGER accounts_totp_step BEFORE UPDATE ON accounts
WHEN NEW.totp_last_step < OLD.totp_last_step AND NEW.totp_sealed = OLD.totp_sealed
BEGIN SELECT RAISE(ABORT, 'hallpass: a used one-time code may not become usable again'); END;

CREATE TABLE sessions (
  id           BLOB NOT NULL PRIMARY KEY,
  hash         BLOB NOT NULL UNIQUE,
  user_id      BLOB REFERENCES users (id) ON DELETE RESTRICT,
  strength     TEXT NOT NULL CHECK (strength IN ('password', 'session', 'second_factor')),
  csrf         TEXT NOT NULL,
  next         TEXT,
  agent        TEXT NOT NULL,
  network      TEXT NOT NULL,
  created_at   INTEGER NOT NULL,
  seen_at      INTEGER NOT NULL,
  expires_at   INTEGER NOT NULL,
  ended_at     INTEGER,
  device_tries INTEGER NOT NULL,
  version      INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_of_user ON sessions (user_id, expires_at);
CREATE INDEX sessions_expired ON sessions (expires_at);
CREATE TRIGGER sessions_ended BEFORE UPDATE ON sessions
WHEN OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL
BEGIN SELECT RAISE(ABORT, 'hallpass: an ended session stays ended'); END;

CREATE TABLE devices (
  id             BLOB NOT NULL PRIMARY KEY,
  device_hash    BLOB NOT NULL UNIQUE,
  user_code_hash BLOB NOT NULL UNIQUE,
  client_id      BLOB NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
  network        TEXT NOT NULL,
  machine        TEXT NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('pending', 'allowed', 'denied', 'redeemed')),
  user_id        BLOB REFERENCES users (id) ON DELETE RESTRICT,
  created_at     INTEGER NOT NULL,
  expires_at     INTEGER NOT NULL,
  poll_seconds   INTEGER NOT NULL,
  polled_at      INTEGER,
  version        INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_expired ON devices (expires_at);

CREATE TABLE api_tokens (
  id         BLOB NOT NULL PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  user_id    BLOB REFERENCES users (id) ON DELETE RESTRICT,
  client_id  BLOB NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
  label      TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  version    INTEGER NOT NULL
) STRICT;
CREATE INDEX api_tokens_of_user ON api_tokens (user_id, expires_at);
CREATE INDEX api_tokens_expired ON api_tokens (expires_at);
CREATE TRIGGER api_tokens_revoked BEFORE UPDATE ON api_tokens
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL
BEGIN SELECT RAISE(ABORT, 'hallpass: a revoked token stays revoked'); END;

-- How people and their command lines prove who they are. Secrets stand here only as hashes or sealed.

CREATE TABLE accounts (
  user_id         uuid NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE RESTRICT,
  password_hash   text,
  totp_sealed     text,
  totp_pending    text,
  totp_last_step  bigint NOT NULL,
  recovery_hashes jsonb NOT NULL,
  password_set_at timestamptz,
  version         bigint NOT NULL
);
-- A code works once (RFC 6238 section 5.2).
CREATE TRIGGER accounts_totp_step BEFORE UPDATE ON accounts FOR EACH ROW
WHEN (NEW.totp_last_step < OLD.totp_last_step AND NEW.totp_sealed = OLD.totp_sealed)
EXECUTE FUNCTION hallpass_refuse('a used one-time code may not become usable again');

CREATE TABLE sessions (
  id           uuid NOT NULL PRIMARY KEY,
  hash         bytea NOT NULL UNIQUE,
  user_id      uuid REFERENCES users (id) ON DELETE RESTRICT,
  strength     text NOT NULL CHECK (strength IN ('password', 'session', 'second_factor')),
  csrf         text NOT NULL,
  next         text,
  agent        text NOT NULL,
  network      text NOT NULL,
  created_at   timestamptz NOT NULL,
  seen_at      timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL,
  ended_at     timestamptz,
  device_tries integer NOT NULL,
  version      bigint NOT NULL
);
CREATE INDEX sessions_of_user ON sessions (user_id, expires_at);
CREATE INDEX sessions_expired ON sessions (expires_at);
CREATE TRIGGER sessions_ended BEFORE UPDATE ON sessions FOR EACH ROW
WHEN (OLD.ended_at IS NOT NULL AND NEW.ended_at IS NULL)
EXECUTE FUNCTION hallpass_refuse('an ended session stays ended');

CREATE TABLE devices (
  id             uuid NOT NULL PRIMARY KEY,
  device_hash    bytea NOT NULL UNIQUE,
  user_code_hash bytea NOT NULL UNIQUE,
  client_id      uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
  network        text NOT NULL,
  machine        text NOT NULL,
  state          text NOT NULL CHECK (state IN ('pending', 'allowed', 'denied', 'redeemed')),
  user_id        uuid REFERENCES users (id) ON DELETE RESTRICT,
  created_at     timestamptz NOT NULL,
  expires_at     timestamptz NOT NULL,
  poll_seconds   integer NOT NULL,
  polled_at      timestamptz,
  version        bigint NOT NULL
);
CREATE INDEX devices_expired ON devices (expires_at);

CREATE TABLE api_tokens (
  id         uuid NOT NULL PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  user_id    uuid REFERENCES users (id) ON DELETE RESTRICT,
  client_id  uuid NOT NULL REFERENCES clients (id) ON DELETE RESTRICT,
  label      text NOT NULL,
  created_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  version    bigint NOT NULL
);
CREATE INDEX api_tokens_of_user ON api_tokens (user_id, expires_at);
CREATE INDEX api_tokens_expired ON api_tokens (expires_at);
CREATE TRIGGER api_tokens_revoked BEFORE UPDATE ON api_tokens FOR EACH ROW
WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)
EXECUTE FUNCTION hallpass_refuse('a revoked token stays revoked');

-- The outbox, committed commands, replayable answers, small named values.

CREATE TABLE mails (
  id              uuid NOT NULL PRIMARY KEY,
  kind            text NOT NULL,
  to_email        text NOT NULL,
  to_name         text NOT NULL,
  request_id      uuid REFERENCES requests (id) ON DELETE RESTRICT,
  grant_id        uuid REFERENCES grants (id) ON DELETE RESTRICT,
  model           jsonb NOT NULL,
  state           text NOT NULL CHECK (state IN ('queued', 'sent', 'failed')),
  queued_at       timestamptz NOT NULL,
  sent_at         timestamptz,
  attempts        integer NOT NULL,
  next_attempt_at timestamptz NOT NULL,
  last_error      text,
  claimed_by      text,
  claimed_until   timestamptz,
  fence           bigint NOT NULL,
  -- The later of next_attempt_at and claimed_until: when a worker may claim it.
  claimable_at    timestamptz NOT NULL,
  version         bigint NOT NULL
);
CREATE INDEX mails_claimable ON mails (claimable_at) WHERE state = 'queued';
CREATE INDEX mails_queued ON mails (queued_at) WHERE state = 'queued';
CREATE INDEX mails_of_request ON mails (request_id, id);
CREATE INDEX mails_of_grant ON mails (grant_id, id);

-- One row for each committed transition; looked up after a COMMIT whose answer was lost.
CREATE TABLE commands (
  id uuid NOT NULL PRIMARY KEY
);

CREATE TABLE idempotency_keys (
  scope      text NOT NULL,
  key        text NOT NULL,
  body_hash  text NOT NULL,
  answer     text NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_keys_expired ON idempotency_keys (expires_at);

CREATE TABLE meta (
  key   text NOT NULL PRIMARY KEY,
  value text NOT NULL
);

-- One row that the readiness probe writes.
CREATE TABLE probe (
  id    integer NOT NULL PRIMARY KEY CHECK (id = 1),
  beats bigint NOT NULL
);
INSERT INTO probe (id, beats) VALUES (1, 0);

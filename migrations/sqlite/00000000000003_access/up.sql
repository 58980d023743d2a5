-- Requests, decisions, grants, credentials, tokens, and the legal moves of their states.

CREATE TABLE state_moves (
  noun       TEXT NOT NULL,
  from_state TEXT NOT NULL,
  to_state   TEXT NOT NULL,
  PRIMARY KEY (noun, from_state, to_state)
) STRICT, WITHOUT ROWID;
INSERT INTO state_moves (noun, from_state, to_state) VALUES
  ('request', 'none', 'pending'),
  ('request', 'pending', 'approved'),
  ('request', 'pending', 'denied'),
  ('request', 'pending', 'withdrawn'),
  ('request', 'pending', 'lapsed'),
  ('grant', 'none', 'scheduled'),
  ('grant', 'none', 'active'),
  ('grant', 'scheduled', 'active'),
  ('grant', 'scheduled', 'ending'),
  ('grant', 'scheduled', 'ended'),
  ('grant', 'active', 'ending'),
  ('grant', 'active', 'ended'),
  ('grant', 'ending', 'ended'),
  ('credential', 'none', 'intended'),
  ('credential', 'intended', 'live'),
  ('credential', 'intended', 'revoking'),
  ('credential', 'live', 'revoking'),
  ('credential', 'revoking', 'revoked');
CREATE TRIGGER state_moves_fixed_update BEFORE UPDATE ON state_moves
BEGIN SELECT RAISE(ABORT, 'hallpass: the table of legal moves is fixed'); END;
CREATE TRIGGER state_moves_fixed_delete BEFORE DELETE ON state_moves
BEGIN SELECT RAISE(ABORT, 'hallpass: the table of legal moves is fixed'); END;

CREATE TABLE requests (
  id                BLOB NOT NULL PRIMARY KEY,
  reference         TEXT NOT NULL UNIQUE,
  subject_kind      TEXT NOT NULL CHECK (subject_kind IN ('user', 'workload', 'group')),
  subject_id        BLOB NOT NULL,
  submitted_by      BLOB REFERENCES users (id) ON DELETE RESTRICT,
  requesters        TEXT NOT NULL,
  role_id           BLOB NOT NULL REFERENCES roles (id) ON DELETE RESTRICT,
  role_revision     INTEGER NOT NULL,
  target_id         BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  tier              TEXT NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  workflow_id       BLOB NOT NULL REFERENCES workflows (id) ON DELETE RESTRICT,
  workflow_revision INTEGER NOT NULL,
  stages            TEXT NOT NULL,
  stage             INTEGER NOT NULL,
  scope             TEXT NOT NULL,
  ask_seconds       INTEGER,
  ask_until         INTEGER,
  reason            TEXT NOT NULL,
  ticket            TEXT,
  digest            TEXT NOT NULL,
  cap_seconds       INTEGER,
  state             TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'withdrawn', 'lapsed')),
  submitted_at      INTEGER NOT NULL,
  decide_by         INTEGER NOT NULL,
  -- The earlier of decide_by and ask_until.
  lapses_at         INTEGER NOT NULL,
  closed_at         INTEGER,
  version           INTEGER NOT NULL,
  CHECK ((ask_seconds IS NULL) <> (ask_until IS NULL))
) STRICT;
CREATE INDEX requests_of_subject ON requests (subject_kind, subject_id, id);
CREATE INDEX requests_of_submitter ON requests (submitted_by, id);
CREATE INDEX requests_of_role ON requests (role_id, id);
-- By state: partial, because without statistics SQLite would take an index on (state, id) for everything that names a
-- state, and sort all rows that have it.
CREATE INDEX requests_by_id_pending ON requests (id) WHERE state = 'pending';
CREATE INDEX requests_by_id_approved ON requests (id) WHERE state = 'approved';
CREATE INDEX requests_by_id_denied ON requests (id) WHERE state = 'denied';
CREATE INDEX requests_by_id_withdrawn ON requests (id) WHERE state = 'withdrawn';
CREATE INDEX requests_by_id_lapsed ON requests (id) WHERE state = 'lapsed';
CREATE INDEX requests_pending ON requests (decide_by) WHERE state = 'pending';
CREATE INDEX requests_lapsing ON requests (lapses_at) WHERE state = 'pending';
CREATE TRIGGER requests_moves BEFORE UPDATE OF state ON requests
WHEN NEW.state <> OLD.state AND NOT EXISTS (
  SELECT 1 FROM state_moves WHERE noun = 'request' AND from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'hallpass: no legal move of a request''s state'); END;
CREATE TRIGGER requests_begin BEFORE INSERT ON requests
WHEN NOT EXISTS (SELECT 1 FROM state_moves WHERE noun = 'request' AND from_state = 'none' AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'hallpass: no legal first state of a request'); END;
-- What an approver decides on is what was asked.
CREATE TRIGGER requests_fixed BEFORE UPDATE ON requests
WHEN NEW.reference <> OLD.reference OR NEW.subject_kind <> OLD.subject_kind OR NEW.subject_id <> OLD.subject_id OR NEW.role_id <> OLD.role_id OR NEW.digest <> OLD.digest
BEGIN SELECT RAISE(ABORT, 'hallpass: what a request asks for may not change'); END;
CREATE TRIGGER requests_kept BEFORE DELETE ON requests
BEGIN SELECT RAISE(ABORT, 'hallpass: requests are kept'); END;

CREATE TABLE decisions (
  id          BLOB NOT NULL PRIMARY KEY,
  request_id  BLOB NOT NULL REFERENCES requests (id) ON DELETE RESTRICT,
  stage       INTEGER NOT NULL,
  approver    BLOB NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  verdict     TEXT NOT NULL CHECK (verdict IN ('approve', 'deny')),
  cap_seconds INTEGER,
  comment     TEXT,
  proof       TEXT NOT NULL CHECK (proof IN ('session', 'step-up')),
  digest      TEXT NOT NULL,
  decided_at  INTEGER NOT NULL,
  UNIQUE (request_id, approver)
) STRICT;
CREATE INDEX decisions_of_approver ON decisions (approver, id);
CREATE TRIGGER decisions_fixed BEFORE UPDATE ON decisions
BEGIN SELECT RAISE(ABORT, 'hallpass: a decision may not change'); END;
CREATE TRIGGER decisions_kept BEFORE DELETE ON decisions
BEGIN SELECT RAISE(ABORT, 'hallpass: decisions are kept'); END;

CREATE TABLE grants (
  id             BLOB NOT NULL PRIMARY KEY,
  request_id     BLOB UNIQUE REFERENCES requests (id) ON DELETE RESTRICT,
  principal_kind TEXT NOT NULL CHECK (principal_kind IN ('user', 'workload', 'group')),
  principal_id   BLOB NOT NULL,
  role_id        BLOB NOT NULL REFERENCES roles (id) ON DELETE RESTRICT,
  target_id      BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  tier           TEXT NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  scope          TEXT NOT NULL,
  starts_at      INTEGER NOT NULL,
  ends_at        INTEGER NOT NULL,
  state          TEXT NOT NULL CHECK (state IN ('scheduled', 'active', 'ending', 'ended')),
  end_reason     TEXT CHECK (end_reason IN ('expired', 'released', 'revoked')),
  ended_by       BLOB REFERENCES users (id) ON DELETE RESTRICT,
  verified_at    INTEGER,
  created_at     INTEGER NOT NULL,
  version        INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_of_principal ON grants (principal_kind, principal_id, id);
CREATE INDEX grants_of_principal_in_state ON grants (principal_kind, principal_id, state, id);
CREATE INDEX grants_of_role ON grants (role_id, id);
CREATE INDEX grants_of_role_in_state ON grants (role_id, state, id);
CREATE INDEX grants_by_id_scheduled ON grants (id) WHERE state = 'scheduled';
CREATE INDEX grants_by_id_active ON grants (id) WHERE state = 'active';
CREATE INDEX grants_by_id_ending ON grants (id) WHERE state = 'ending';
CREATE INDEX grants_by_id_ended ON grants (id) WHERE state = 'ended';
CREATE INDEX grants_usable ON grants (principal_kind, principal_id, role_id, ends_at) WHERE state = 'active';
CREATE INDEX grants_open_by_end ON grants (ends_at) WHERE state IN ('scheduled', 'active');
CREATE INDEX grants_ending ON grants (ends_at) WHERE state = 'ending';
CREATE INDEX grants_starting ON grants (starts_at) WHERE state = 'scheduled';
CREATE TRIGGER grants_moves BEFORE UPDATE OF state ON grants
WHEN NEW.state <> OLD.state AND NOT EXISTS (
  SELECT 1 FROM state_moves WHERE noun = 'grant' AND from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'hallpass: no legal move of a grant''s state'); END;
CREATE TRIGGER grants_begin BEFORE INSERT ON grants
WHEN NOT EXISTS (SELECT 1 FROM state_moves WHERE noun = 'grant' AND from_state = 'none' AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'hallpass: no legal first state of a grant'); END;
CREATE TRIGGER grants_end BEFORE UPDATE ON grants
WHEN NEW.ends_at > OLD.ends_at
BEGIN SELECT RAISE(ABORT, 'hallpass: the end of a grant may never move later'); END;
CREATE TRIGGER grants_fixed BEFORE UPDATE ON grants
WHEN NEW.principal_kind <> OLD.principal_kind OR NEW.principal_id <> OLD.principal_id OR NEW.role_id <> OLD.role_id OR NEW.target_id <> OLD.target_id OR NEW.scope <> OLD.scope OR NEW.request_id IS NOT OLD.request_id
BEGIN SELECT RAISE(ABORT, 'hallpass: what a grant gives may not change'); END;
CREATE TRIGGER grants_kept BEFORE DELETE ON grants
BEGIN SELECT RAISE(ABORT, 'hallpass: grants are kept'); END;

CREATE TABLE credentials (
  id                BLOB NOT NULL PRIMARY KEY,
  grant_id          BLOB NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  target_id         BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  kind              TEXT NOT NULL,
  state             TEXT NOT NULL CHECK (state IN ('intended', 'live', 'revoking', 'revoked')),
  external_name     TEXT NOT NULL,
  plan              TEXT NOT NULL,
  not_after         INTEGER NOT NULL,
  create_deadline   INTEGER NOT NULL,
  due_at            INTEGER NOT NULL,
  intended_at       INTEGER NOT NULL,
  live_at           INTEGER,
  denied_at         INTEGER,
  sessions_ended_at INTEGER,
  removed_at        INTEGER,
  verified_at       INTEGER,
  attempts          INTEGER NOT NULL,
  next_attempt_at   INTEGER NOT NULL,
  last_error        TEXT,
  alerted_at        INTEGER,
  claimed_by        TEXT,
  claimed_until     INTEGER,
  fence             INTEGER NOT NULL,
  external_oid      INTEGER,
  -- The latest of due_at, next_attempt_at and claimed_until: when a worker may claim it.
  claimable_at      INTEGER NOT NULL,
  version           INTEGER NOT NULL,
  UNIQUE (target_id, external_name)
) STRICT;
CREATE INDEX credentials_of_grant ON credentials (grant_id, id);
CREATE INDEX credentials_claimable ON credentials (target_id, claimable_at) WHERE state <> 'revoked';
CREATE INDEX credentials_due ON credentials (due_at) WHERE state <> 'revoked';
CREATE TRIGGER credentials_moves BEFORE UPDATE OF state ON credentials
WHEN NEW.state <> OLD.state AND NOT EXISTS (
  SELECT 1 FROM state_moves WHERE noun = 'credential' AND from_state = OLD.state AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'hallpass: no legal move of a credential''s state'); END;
CREATE TRIGGER credentials_begin BEFORE INSERT ON credentials
WHEN NOT EXISTS (SELECT 1 FROM state_moves WHERE noun = 'credential' AND from_state = 'none' AND to_state = NEW.state)
BEGIN SELECT RAISE(ABORT, 'hallpass: no legal first state of a credential'); END;
CREATE TRIGGER credentials_end BEFORE UPDATE ON credentials
-- Going live moves due_at from the create deadline to the grant's end: the one move to later.
WHEN NEW.not_after > OLD.not_after OR (NEW.due_at > OLD.due_at AND NOT (OLD.state = 'intended' AND NEW.state = 'live'))
BEGIN SELECT RAISE(ABORT, 'hallpass: the end of a credential may never move later'); END;
CREATE TRIGGER credentials_fixed BEFORE UPDATE ON credentials
WHEN NEW.grant_id <> OLD.grant_id OR NEW.target_id <> OLD.target_id OR NEW.external_name <> OLD.external_name OR NEW.plan <> OLD.plan
BEGIN SELECT RAISE(ABORT, 'hallpass: what a credential is may not change'); END;
CREATE TRIGGER credentials_fence BEFORE UPDATE ON credentials
WHEN NEW.fence < OLD.fence
BEGIN SELECT RAISE(ABORT, 'hallpass: a fence never moves back'); END;
CREATE TRIGGER credentials_kept BEFORE DELETE ON credentials
BEGIN SELECT RAISE(ABORT, 'hallpass: credentials are kept'); END;

CREATE TABLE tokens (
  id         BLOB NOT NULL PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,
  grant_id   BLOB NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  target_id  BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  client_id  BLOB REFERENCES clients (id) ON DELETE RESTRICT,
  issued_at  INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  revoked_at INTEGER,
  version    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_of_grant ON tokens (grant_id, expires_at, id);
CREATE INDEX tokens_expired ON tokens (expires_at);
CREATE TRIGGER tokens_fixed BEFORE UPDATE ON tokens
WHEN NEW.hash <> OLD.hash OR NEW.grant_id <> OLD.grant_id OR NEW.target_id <> OLD.target_id OR NEW.expires_at > OLD.expires_at
BEGIN SELECT RAISE(ABORT, 'hallpass: what a token gives may not change'); END;
CREATE TRIGGER tokens_revoked BEFORE UPDATE ON tokens
WHEN OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL
BEGIN SELECT RAISE(ABORT, 'hallpass: a revoked token stays revoked'); END;

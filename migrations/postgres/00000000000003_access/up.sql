-- Requests, decisions, grants, credentials, tokens, and the legal moves of their states.

CREATE TABLE state_moves (
  noun       text NOT NULL,
  from_state text NOT NULL,
  to_state   text NOT NULL,
  PRIMARY KEY (noun, from_state, to_state)
);
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
CREATE TRIGGER state_moves_fixed_update BEFORE UPDATE ON state_moves FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('the table of legal moves is fixed');
CREATE TRIGGER state_moves_fixed_delete BEFORE DELETE ON state_moves FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('the table of legal moves is fixed');

CREATE FUNCTION hallpass_check_move() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM state_moves
                  WHERE noun = TG_ARGV[0] AND from_state = OLD.state AND to_state = NEW.state) THEN
    RAISE EXCEPTION 'hallpass: no legal move of a %''s state', TG_ARGV[0] USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE FUNCTION hallpass_check_first() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT 1 FROM state_moves
                  WHERE noun = TG_ARGV[0] AND from_state = 'none' AND to_state = NEW.state) THEN
    RAISE EXCEPTION 'hallpass: no legal first state of a %', TG_ARGV[0] USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;

CREATE TABLE requests (
  id                uuid NOT NULL PRIMARY KEY,
  reference         text NOT NULL UNIQUE,
  subject_kind      text NOT NULL CHECK (subject_kind IN ('user', 'workload', 'group')),
  subject_id        uuid NOT NULL,
  submitted_by      uuid REFERENCES users (id) ON DELETE RESTRICT,
  requesters        jsonb NOT NULL,
  role_id           uuid NOT NULL REFERENCES roles (id) ON DELETE RESTRICT,
  role_revision     bigint NOT NULL,
  target_id         uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  tier              text NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  workflow_id       uuid NOT NULL REFERENCES workflows (id) ON DELETE RESTRICT,
  workflow_revision bigint NOT NULL,
  stages            jsonb NOT NULL,
  stage             integer NOT NULL,
  scope             jsonb NOT NULL,
  ask_seconds       bigint,
  ask_until         timestamptz,
  reason            text NOT NULL,
  ticket            text,
  digest            text NOT NULL,
  cap_seconds       bigint,
  state             text NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'withdrawn', 'lapsed')),
  submitted_at      timestamptz NOT NULL,
  decide_by         timestamptz NOT NULL,
  -- The earlier of decide_by and ask_until.
  lapses_at         timestamptz NOT NULL,
  closed_at         timestamptz,
  version           bigint NOT NULL,
  CHECK ((ask_seconds IS NULL) <> (ask_until IS NULL))
);
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
CREATE TRIGGER requests_moves BEFORE UPDATE OF state ON requests FOR EACH ROW
WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION hallpass_check_move('request');
CREATE TRIGGER requests_begin BEFORE INSERT ON requests FOR EACH ROW
EXECUTE FUNCTION hallpass_check_first('request');
-- What an approver decides on is what was asked.
CREATE TRIGGER requests_fixed BEFORE UPDATE ON requests FOR EACH ROW
WHEN (NEW.reference <> OLD.reference OR NEW.subject_kind <> OLD.subject_kind OR NEW.subject_id <> OLD.subject_id OR NEW.role_id <> OLD.role_id OR NEW.digest <> OLD.digest)
EXECUTE FUNCTION hallpass_refuse('what a request asks for may not change');
CREATE TRIGGER requests_kept BEFORE DELETE ON requests FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('requests are kept');

CREATE TABLE decisions (
  id          uuid NOT NULL PRIMARY KEY,
  request_id  uuid NOT NULL REFERENCES requests (id) ON DELETE RESTRICT,
  stage       integer NOT NULL,
  approver    uuid NOT NULL REFERENCES users (id) ON DELETE RESTRICT,
  verdict     text NOT NULL CHECK (verdict IN ('approve', 'deny')),
  cap_seconds bigint,
  comment     text,
  proof       text NOT NULL CHECK (proof IN ('session', 'step-up')),
  digest      text NOT NULL,
  decided_at  timestamptz NOT NULL,
  UNIQUE (request_id, approver)
);
CREATE INDEX decisions_of_approver ON decisions (approver, id);
CREATE TRIGGER decisions_fixed BEFORE UPDATE ON decisions FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('a decision may not change');
CREATE TRIGGER decisions_kept BEFORE DELETE ON decisions FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('decisions are kept');

CREATE TABLE grants (
  id             uuid NOT NULL PRIMARY KEY,
  request_id     uuid UNIQUE REFERENCES requests (id) ON DELETE RESTRICT,
  principal_kind text NOT NULL CHECK (principal_kind IN ('user', 'workload', 'group')),
  principal_id   uuid NOT NULL,
  role_id        uuid NOT NULL REFERENCES roles (id) ON DELETE RESTRICT,
  target_id      uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  tier           text NOT NULL CHECK (tier IN ('low', 'medium', 'high')),
  scope          jsonb NOT NULL,
  starts_at      timestamptz NOT NULL,
  ends_at        timestamptz NOT NULL,
  state          text NOT NULL CHECK (state IN ('scheduled', 'active', 'ending', 'ended')),
  end_reason     text CHECK (end_reason IN ('expired', 'released', 'revoked')),
  ended_by       uuid REFERENCES users (id) ON DELETE RESTRICT,
  verified_at    timestamptz,
  created_at     timestamptz NOT NULL,
  version        bigint NOT NULL
);
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
CREATE TRIGGER grants_moves BEFORE UPDATE OF state ON grants FOR EACH ROW
WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION hallpass_check_move('grant');
CREATE TRIGGER grants_begin BEFORE INSERT ON grants FOR EACH ROW
EXECUTE FUNCTION hallpass_check_first('grant');
CREATE TRIGGER grants_end BEFORE UPDATE ON grants FOR EACH ROW
WHEN (NEW.ends_at > OLD.ends_at)
EXECUTE FUNCTION hallpass_refuse('the end of a grant may never move later');
CREATE TRIGGER grants_fixed BEFORE UPDATE ON grants FOR EACH ROW
WHEN (NEW.principal_kind <> OLD.principal_kind OR NEW.principal_id <> OLD.principal_id OR NEW.role_id <> OLD.role_id OR NEW.target_id <> OLD.target_id OR NEW.scope <> OLD.scope OR NEW.request_id IS DISTINCT FROM OLD.request_id)
EXECUTE FUNCTION hallpass_refuse('what a grant gives may not change');
CREATE TRIGGER grants_kept BEFORE DELETE ON grants FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('grants are kept');

CREATE TABLE credentials (
  id                uuid NOT NULL PRIMARY KEY,
  grant_id          uuid NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  target_id         uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  kind              text NOT NULL,
  state             text NOT NULL CHECK (state IN ('intended', 'live', 'revoking', 'revoked')),
  external_name     text NOT NULL,
  plan              jsonb NOT NULL,
  not_after         timestamptz NOT NULL,
  create_deadline   timestamptz NOT NULL,
  due_at            timestamptz NOT NULL,
  intended_at       timestamptz NOT NULL,
  live_at           timestamptz,
  denied_at         timestamptz,
  sessions_ended_at timestamptz,
  removed_at        timestamptz,
  verified_at       timestamptz,
  attempts          integer NOT NULL,
  next_attempt_at   timestamptz NOT NULL,
  last_error        text,
  alerted_at        timestamptz,
  claimed_by        text,
  claimed_until     timestamptz,
  fence             bigint NOT NULL,
  external_oid      bigint,
  -- The latest of due_at, next_attempt_at and claimed_until: when a worker may claim it.
  claimable_at      timestamptz NOT NULL,
  version           bigint NOT NULL,
  UNIQUE (target_id, external_name)
);
CREATE INDEX credentials_of_grant ON credentials (grant_id, id);
CREATE INDEX credentials_claimable ON credentials (target_id, claimable_at) WHERE state <> 'revoked';
CREATE INDEX credentials_due ON credentials (due_at) WHERE state <> 'revoked';
CREATE TRIGGER credentials_moves BEFORE UPDATE OF state ON credentials FOR EACH ROW
WHEN (NEW.state <> OLD.state) EXECUTE FUNCTION hallpass_check_move('credential');
CREATE TRIGGER credentials_begin BEFORE INSERT ON credentials FOR EACH ROW
EXECUTE FUNCTION hallpass_check_first('credential');
CREATE TRIGGER credentials_end BEFORE UPDATE ON credentials FOR EACH ROW
-- Going live moves due_at from the create deadline to the grant's end: the one move to later.
WHEN (NEW.not_after > OLD.not_after OR (NEW.due_at > OLD.due_at AND NOT (OLD.state = 'intended' AND NEW.state = 'live')))
EXECUTE FUNCTION hallpass_refuse('the end of a credential may never move later');
CREATE TRIGGER credentials_fixed BEFORE UPDATE ON credentials FOR EACH ROW
WHEN (NEW.grant_id <> OLD.grant_id OR NEW.target_id <> OLD.target_id OR NEW.external_name <> OLD.external_name OR NEW.plan <> OLD.plan)
EXECUTE FUNCTION hallpass_refuse('what a credential is may not change');
CREATE TRIGGER credentials_fence BEFORE UPDATE ON credentials FOR EACH ROW
WHEN (NEW.fence < OLD.fence)
EXECUTE FUNCTION hallpass_refuse('a fence never moves back');
CREATE TRIGGER credentials_kept BEFORE DELETE ON credentials FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('credentials are kept');

CREATE TABLE tokens (
  id         uuid NOT NULL PRIMARY KEY,
  hash       bytea NOT NULL UNIQUE,
  grant_id   uuid NOT NULL REFERENCES grants (id) ON DELETE RESTRICT,
  target_id  uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  client_id  uuid REFERENCES clients (id) ON DELETE RESTRICT,
  issued_at  timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  revoked_at timestamptz,
  version    bigint NOT NULL
);
CREATE INDEX tokens_of_grant ON tokens (grant_id, expires_at, id);
CREATE INDEX tokens_expired ON tokens (expires_at);
CREATE TRIGGER tokens_fixed BEFORE UPDATE ON tokens FOR EACH ROW
WHEN (NEW.hash <> OLD.hash OR NEW.grant_id <> OLD.grant_id OR NEW.target_id <> OLD.target_id OR NEW.expires_at > OLD.expires_at)
EXECUTE FUNCTION hallpass_refuse('what a token gives may not change');
CREATE TRIGGER tokens_revoked BEFORE UPDATE ON tokens FOR EACH ROW
WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS NULL)
EXECUTE FUNCTION hallpass_refuse('a revoked token stays revoked');

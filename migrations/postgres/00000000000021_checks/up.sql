-- Trials of targets with throw-away accounts, each written ahead of its account; and what comparing targets with our
-- records found.

CREATE TABLE target_checks (
  id        uuid NOT NULL PRIMARY KEY,
  -- No reference: a target is tried before it is in the catalogue.
  target_id uuid NOT NULL,
  body      jsonb NOT NULL,
  -- Its account is not verified absent yet.
  open      boolean NOT NULL,
  version   bigint NOT NULL
);
CREATE INDEX target_checks_of_target ON target_checks (target_id, id);
CREATE INDEX target_checks_open ON target_checks (id) WHERE open;
CREATE TRIGGER target_checks_closed BEFORE UPDATE ON target_checks FOR EACH ROW
WHEN (NOT OLD.open)
EXECUTE FUNCTION hallpass_refuse('a closed check may not change');
CREATE TRIGGER target_checks_kept BEFORE DELETE ON target_checks FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('checks are kept');

CREATE TABLE findings (
  id            uuid NOT NULL PRIMARY KEY,
  target_id     uuid NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  external_name text NOT NULL,
  body          jsonb NOT NULL,
  open          boolean NOT NULL,
  version       bigint NOT NULL
);
CREATE UNIQUE INDEX findings_open ON findings (target_id, external_name) WHERE open;
CREATE TRIGGER findings_closed BEFORE UPDATE ON findings FOR EACH ROW
WHEN (NOT OLD.open)
EXECUTE FUNCTION hallpass_refuse('a closed finding may not change');
CREATE TRIGGER findings_kept BEFORE DELETE ON findings FOR EACH ROW
EXECUTE FUNCTION hallpass_refuse('findings are kept');

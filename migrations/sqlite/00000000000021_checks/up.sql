-- Trials of targets with throw-away accounts, each written ahead of its account; and what comparing targets with our
-- records found.

CREATE TABLE target_checks (
  id        BLOB NOT NULL PRIMARY KEY,
  -- No reference: a target is tried before it is in the catalogue.
  target_id BLOB NOT NULL,
  body      TEXT NOT NULL,
  -- Its account is not verified absent yet.
  open      INTEGER NOT NULL CHECK (open IN (0, 1)),
  version   INTEGER NOT NULL
) STRICT;
CREATE INDEX target_checks_of_target ON target_checks (target_id, id);
CREATE INDEX target_checks_open ON target_checks (id) WHERE open = 1;
CREATE TRIGGER target_checks_closed BEFORE UPDATE ON target_checks
WHEN OLD.open = 0
BEGIN SELECT RAISE(ABORT, 'hallpass: a closed check may not change'); END;
CREATE TRIGGER target_checks_kept BEFORE DELETE ON target_checks
BEGIN SELECT RAISE(ABORT, 'hallpass: checks are kept'); END;

CREATE TABLE findings (
  id            BLOB NOT NULL PRIMARY KEY,
  target_id     BLOB NOT NULL REFERENCES targets (id) ON DELETE RESTRICT,
  external_name TEXT NOT NULL,
  body          TEXT NOT NULL,
  open          INTEGER NOT NULL CHECK (open IN (0, 1)),
  version       INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX findings_open ON findings (target_id, external_name) WHERE open = 1;
CREATE TRIGGER findings_closed BEFORE UPDATE ON findings
WHEN OLD.open = 0
BEGIN SELECT RAISE(ABORT, 'hallpass: a closed finding may not change'); END;
CREATE TRIGGER findings_kept BEFORE DELETE ON findings
BEGIN SELECT RAISE(ABORT, 'hallpass: findings are kept'); END;

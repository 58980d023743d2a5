-- Open findings are listed by when they were seen first, and counted by what is wrong: whoever may create roles at a target
-- can make any number of them.
ALTER TABLE findings ADD COLUMN kind TEXT NOT NULL DEFAULT '';
DROP TRIGGER findings_closed;
UPDATE findings SET kind = json_extract(body, '$.kind');
CREATE TRIGGER findings_closed BEFORE UPDATE ON findings
WHEN OLD.open = 0
BEGIN SELECT RAISE(ABORT, 'hallpass: a closed finding may not change'); END;
CREATE INDEX findings_newest ON findings (id) WHERE open;
CREATE INDEX findings_newest_of_target ON findings (target_id, id) WHERE open;
CREATE INDEX findings_counted ON findings (target_id, kind) WHERE open;

-- Open findings are listed by when they were seen first, and counted by what is wrong: whoever may create roles at a target
-- can make any number of them. Filled by a rewrite of the table, which asks no trigger: closed findings may not change.
ALTER TABLE findings ADD COLUMN kind text NOT NULL DEFAULT '';
ALTER TABLE findings ALTER COLUMN kind DROP DEFAULT, ALTER COLUMN kind TYPE text USING body->>'kind';
CREATE INDEX findings_newest ON findings (id) WHERE open;
CREATE INDEX findings_newest_of_target ON findings (target_id, id) WHERE open;
CREATE INDEX findings_counted ON findings (target_id, kind) WHERE open;

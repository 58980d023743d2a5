DROP INDEX findings_counted;
DROP INDEX findings_newest_of_target;
DROP INDEX findings_newest;
ALTER TABLE findings DROP COLUMN kind;

DROP INDEX findings_of_target;

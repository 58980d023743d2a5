-- The findings of one target, by account. SQLite takes the partial index for no condition with a bound value.
CREATE INDEX findings_of_target ON findings (target_id, external_name);

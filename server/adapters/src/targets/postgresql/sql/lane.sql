-- Role DDL is one lane per cluster; the lock goes with the transaction. Behind it nothing may wait for long: a lock that
-- somebody else holds is an error of one account, not a stop for all.
DO $hallpass$
BEGIN
  PERFORM pg_advisory_xact_lock(1751215212, 1885434739);  -- 'hall', 'pass'
EXCEPTION WHEN lock_not_available THEN
  RAISE EXCEPTION 'role changes of others take too long' USING ERRCODE = 'HP005';
END $hallpass$;
SELECT set_config('lock_timeout', '500ms', true);

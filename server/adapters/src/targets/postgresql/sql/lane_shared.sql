-- Waits for role DDL in flight, not for other readers.
DO $hallpass$
BEGIN
  PERFORM pg_advisory_xact_lock_shared(1751215212, 1885434739);
EXCEPTION WHEN lock_not_available THEN
  RAISE EXCEPTION 'role changes of others take too long' USING ERRCODE = 'HP005';
END $hallpass$;

-- Waits for role DDL in flight, not for other readers.
SELECT pg_advisory_xact_lock_shared(1751215212, 1885434739);

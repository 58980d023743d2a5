-- Role DDL is one lane per cluster; the lock goes with the transaction.
SELECT pg_advisory_xact_lock(1751215212, 1885434739);

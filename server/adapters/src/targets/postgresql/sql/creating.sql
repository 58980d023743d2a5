-- The clock, and then whose create is in flight. A create says its account's name as its application from before its first
-- look at the clock until after its commit is seen. So one that is not in this list has been seen by all that follows, or
-- will read a later clock than this one. Whoever may create no roles cannot feign it.
SELECT set_config('hallpass.now', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), true);
SELECT set_config('hallpass.creating', (
  SELECT coalesce(jsonb_agg(DISTINCT s.application_name), '[]')::text
    FROM pg_stat_activity s JOIN pg_roles r ON r.oid = s.usesysid
   WHERE (r.rolsuper OR r.rolcreaterole) AND s.application_name IN (
         SELECT a.item->>'name' FROM jsonb_array_elements(current_setting('hallpass.args')::jsonb) AS a(item))), true);
SELECT pg_stat_clear_snapshot();

-- Asks every session of the oids in `hallpass.args` to end; answers how many there were per oid. One that we may not end
-- (somebody made the account a superuser) keeps no other.
DO $hallpass$
DECLARE
  session record;
BEGIN
  FOR session IN
    SELECT a.pid FROM pg_stat_activity a
     WHERE a.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb) AS o)
  LOOP
    BEGIN
      PERFORM pg_terminate_backend(session.pid);
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  PERFORM pg_stat_clear_snapshot();
END $hallpass$;
SELECT coalesce(jsonb_object_agg(s.oid, s.sessions), '{}')::text FROM (
  SELECT a.usesysid::bigint AS oid, count(*) AS sessions FROM pg_stat_activity a
   WHERE a.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb) AS o)
   GROUP BY 1) AS s;

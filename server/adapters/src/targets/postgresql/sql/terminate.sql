-- Asks every session of the oids in `hallpass.args` to end; answers the process ids that were asked and those that are
-- there still, per oid; a parallel worker is asked, and is no session of its own. One that we may not end (somebody made the
-- account a superuser) keeps no other.
DO $hallpass$
DECLARE
  session record;
  asked   jsonb := '{}';
BEGIN
  FOR session IN
    SELECT a.pid, a.usesysid::bigint::text AS oid, a.backend_type IS DISTINCT FROM 'parallel worker' AS whole FROM pg_stat_activity a
     WHERE a.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb) AS o)
  LOOP
    BEGIN
      IF pg_terminate_backend(session.pid) AND session.whole THEN
        asked := jsonb_set(asked, ARRAY[session.oid], coalesce(asked->session.oid, '[]') || to_jsonb(session.pid));
      END IF;
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  PERFORM pg_stat_clear_snapshot();
  PERFORM set_config('hallpass.asked', asked::text, true);
END $hallpass$;
SELECT jsonb_build_object('asked', current_setting('hallpass.asked')::jsonb, 'left', coalesce(jsonb_object_agg(s.oid, s.pids), '{}'))::text FROM (
  SELECT a.usesysid::bigint AS oid, jsonb_agg(a.pid) AS pids FROM pg_stat_activity a
   WHERE a.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb) AS o)
   GROUP BY 1) AS s;

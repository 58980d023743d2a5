-- Ends every session of the logins with the mark of `hallpass.args` that hold a tenth or more of all locks of the cluster.
-- No function that is itself written in SQL: it would need locks of its own.
DO $hallpass$
DECLARE
  session record;
  ended   int := 0;
BEGIN
  FOR session IN
    WITH held AS (
      SELECT a.usesysid, count(*) AS locks FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid GROUP BY 1
    )
    SELECT a.pid FROM held h JOIN pg_stat_activity a ON a.usesysid = h.usesysid
      JOIN pg_shdescription d ON d.objoid = h.usesysid AND d.classoid = 'pg_authid'::regclass
     WHERE h.locks * 10 >= (SELECT sum(x.locks) FROM held x)
       AND starts_with(d.description, current_setting('hallpass.args')::jsonb->>'prefix')
  LOOP
    BEGIN
      IF pg_terminate_backend(session.pid) THEN ended := ended + 1; END IF;
    EXCEPTION WHEN insufficient_privilege THEN
      NULL;
    END;
  END LOOP;
  PERFORM set_config('hallpass.ended', jsonb_build_object('ended', ended)::text, true);
END $hallpass$;
SELECT current_setting('hallpass.ended');

-- Drops every account that is ours, may not log in and has no session. Somebody else may hold a lock on one (a GRANT to it
-- that is not committed): that is this account's error, and soon told.
DO $hallpass$
DECLARE
  account record;
  detail  text;
  errors  jsonb := '{}';
BEGIN
  PERFORM set_config('lock_timeout', '100ms', true);
  FOR account IN
    SELECT a.name, a.ord FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, name text, oid bigint, ord int)
      JOIN pg_roles r ON r.oid = a.oid::oid
     WHERE a.state = 'ours' AND NOT r.rolcanlogin AND NOT EXISTS (SELECT FROM pg_stat_activity s WHERE s.usesysid = r.oid)
     ORDER BY a.oid
  LOOP
    BEGIN
      EXECUTE format('DROP ROLE IF EXISTS %I', account.name);
    EXCEPTION WHEN OTHERS THEN
      -- Out of something, or somebody changed it at the same instant: the whole script is tried again.
      IF SQLSTATE LIKE '53%' OR SQLSTATE = 'XX000' THEN RAISE; END IF;
      GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
      errors := errors || jsonb_build_object(account.ord::text, format('%s (%s) %s', SQLERRM, SQLSTATE, left(detail, 500)));
    END;
  END LOOP;
  PERFORM set_config('hallpass.errors', errors::text, true);
END $hallpass$;

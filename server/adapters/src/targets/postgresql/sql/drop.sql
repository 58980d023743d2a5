-- Drops every account that is ours, may not log in and has no session.
DO $hallpass$
DECLARE
  account record;
BEGIN
  FOR account IN
    SELECT a.name FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, name text, oid bigint)
      JOIN pg_roles r ON r.oid = a.oid::oid
     WHERE a.state = 'ours' AND NOT r.rolcanlogin AND NOT EXISTS (SELECT FROM pg_stat_activity s WHERE s.usesysid = r.oid)
  LOOP
    EXECUTE format('DROP ROLE IF EXISTS %I', account.name);
  END LOOP;
END $hallpass$;

-- Refuses new logins of all accounts that are ours. A session of the account can hold its row (`ALTER ROLE CURRENT_USER
-- PASSWORD` in an open transaction): then all its sessions are ended and it is tried again, first in the row's queue. What
-- fails for one account is that account's error.
DO $hallpass$
DECLARE
  account record;
  session record;
  errors  jsonb := '{}';
BEGIN
  FOR account IN
    SELECT a.name, a.oid::oid AS oid, a.ord FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, name text, oid bigint, ord int)
      JOIN pg_roles r ON r.oid = a.oid::oid
     WHERE a.state = 'ours' AND (r.rolcanlogin OR r.rolconnlimit <> 0 OR r.rolvaliduntil IS DISTINCT FROM '-infinity')
     ORDER BY a.oid
  LOOP
    PERFORM set_config('lock_timeout', '50ms', true);
    FOR attempt IN 1..3 LOOP
      BEGIN
        EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL CONNECTION LIMIT 0 VALID UNTIL ''-infinity''', account.name);
        EXIT;
      EXCEPTION WHEN OTHERS THEN
        -- Out of something: not this account's doing.
        IF SQLSTATE LIKE '53%' THEN RAISE; END IF;
        IF attempt = 3 THEN
          errors := errors || jsonb_build_object(account.ord::text, format('%s (%s)%s', SQLERRM, SQLSTATE,
            CASE WHEN SQLSTATE = '55P03' AND EXISTS (SELECT FROM pg_prepared_xact()) THEN ': look at pg_prepared_xacts as a superuser' ELSE '' END));
        END IF;
        PERFORM set_config('lock_timeout', '300ms', true);
        PERFORM pg_stat_clear_snapshot();
        FOR session IN SELECT a.pid FROM pg_stat_activity a WHERE a.usesysid = account.oid LOOP
          BEGIN
            PERFORM pg_terminate_backend(session.pid);
          EXCEPTION WHEN insufficient_privilege THEN
            NULL;
          END;
        END LOOP;
      END;
    END LOOP;
  END LOOP;
  PERFORM set_config('hallpass.errors', errors::text, true);
END $hallpass$;

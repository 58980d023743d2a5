-- Refuses new logins of all accounts that are ours, and withdraws memberships in both directions.
DO $hallpass$
DECLARE
  account record;
  member  record;
  granted_by CONSTANT boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
  FOR account IN
    SELECT a.name FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, name text, oid bigint)
      JOIN pg_roles r ON r.oid = a.oid::oid
     WHERE a.state = 'ours' AND (r.rolcanlogin OR r.rolconnlimit <> 0 OR r.rolvaliduntil IS DISTINCT FROM '-infinity')
  LOOP
    EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL CONNECTION LIMIT 0 VALID UNTIL ''-infinity''', account.name);
  END LOOP;
  FOR member IN
    SELECT m.roleid, g.rolname AS granted, r.rolname AS member, b.rolname AS grantor
      FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, oid bigint)
      JOIN pg_auth_members m ON a.oid::oid IN (m.member, m.roleid)
      JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member LEFT JOIN pg_roles b ON b.oid = m.grantor
     WHERE a.state = 'ours' AND r.rolname <> session_user  -- our own administration of the account goes with the account
  LOOP
    BEGIN
      EXECUTE format('REVOKE %I FROM %I%s', member.granted, member.member,
                     CASE WHEN granted_by THEN format(' GRANTED BY %I', member.grantor) ELSE '' END);
    EXCEPTION WHEN OTHERS THEN
      -- A membership that we may not withdraw must not keep the login open; it goes with DROP ROLE.
      NULL;
    END;
  END LOOP;
END $hallpass$;
SELECT current_setting('hallpass.accounts');

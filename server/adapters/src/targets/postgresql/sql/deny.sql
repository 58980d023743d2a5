-- Refuses new logins of all accounts that are ours, and withdraws memberships in both directions.
DO $hallpass$
DECLARE
  account    record;
  membership record;
  each_one   text;
  granted_by CONSTANT boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
  FOR account IN
    SELECT a.name FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, name text, oid bigint)
      JOIN pg_roles r ON r.oid = a.oid::oid
     WHERE a.state = 'ours' AND (r.rolcanlogin OR r.rolconnlimit <> 0 OR r.rolvaliduntil IS DISTINCT FROM '-infinity')
  LOOP
    EXECUTE format('ALTER ROLE %I NOLOGIN PASSWORD NULL CONNECTION LIMIT 0 VALID UNTIL ''-infinity''', account.name);
  END LOOP;
  -- One REVOKE a group: from 16 on each one reads all members of the group again.
  FOR membership IN
    SELECT format('REVOKE %I FROM', g.rolname) AS revoke, array_agg(format('%I', r.rolname)) AS members,
           CASE WHEN granted_by THEN format(' GRANTED BY %I', b.rolname) ELSE '' END AS grantor
      FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, oid bigint)
      JOIN pg_auth_members m ON a.oid::oid IN (m.member, m.roleid)
      JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member LEFT JOIN pg_roles b ON b.oid = m.grantor
     WHERE a.state = 'ours' AND r.rolname <> session_user  -- our own administration of the account goes with the account
     GROUP BY 1, 3
  LOOP
    BEGIN
      EXECUTE concat_ws(' ', membership.revoke, array_to_string(membership.members, ', '), membership.grantor);
    EXCEPTION WHEN OTHERS THEN
      FOREACH each_one IN ARRAY membership.members LOOP
        BEGIN
          EXECUTE concat_ws(' ', membership.revoke, each_one, membership.grantor);
        EXCEPTION WHEN OTHERS THEN
          NULL;  -- a membership that we may not withdraw must not keep the login open; it goes with the role
        END;
      END LOOP;
    END;
  END LOOP;
END $hallpass$;
SELECT current_setting('hallpass.accounts');

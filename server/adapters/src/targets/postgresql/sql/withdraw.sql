-- Withdraws memberships of refused accounts in both directions, as far as that goes without waiting: what is left goes
-- with the role. Groups in one order everywhere, so that nobody waits in a circle.
DO $hallpass$
DECLARE
  membership record;
  each_one   text;
  granted_by CONSTANT boolean := current_setting('server_version_num')::int >= 160000;
BEGIN
  PERFORM set_config('lock_timeout', '100ms', true);
  -- One REVOKE a group: from 16 on each one reads all members of the group again.
  FOR membership IN
    SELECT format('REVOKE %I FROM', g.rolname) AS revoke, array_agg(format('%I', r.rolname)) AS members,
           CASE WHEN granted_by THEN format(' GRANTED BY %I', b.rolname) ELSE '' END AS grantor
      FROM jsonb_to_recordset(current_setting('hallpass.accounts')::jsonb) AS a(state text, oid bigint, login boolean)
      JOIN pg_auth_members m ON a.oid::oid IN (m.member, m.roleid)
      JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles r ON r.oid = m.member LEFT JOIN pg_roles b ON b.oid = m.grantor
     WHERE a.state = 'ours' AND NOT a.login AND r.rolname <> session_user  -- our own administration of the account goes with the account
     GROUP BY 1, 3 ORDER BY 1, 3
  LOOP
    BEGIN
      EXECUTE concat_ws(' ', membership.revoke, array_to_string(membership.members, ', '), membership.grantor);
    EXCEPTION WHEN lock_not_available THEN
      NULL;
    WHEN OTHERS THEN
      FOREACH each_one IN ARRAY membership.members LOOP
        BEGIN
          EXECUTE concat_ws(' ', membership.revoke, each_one, membership.grantor);
        EXCEPTION WHEN OTHERS THEN
          NULL;  -- one that we may not withdraw
        END;
      END LOOP;
    END;
  END LOOP;
END $hallpass$;
SELECT 'null';

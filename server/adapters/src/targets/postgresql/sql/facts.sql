-- Rights and settings that issuing and revoking rest on.
SELECT jsonb_build_object(
  'version', current_setting('server_version'),
  'version_num', current_setting('server_version_num')::int,
  'now', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'standby', pg_is_in_recovery(),
  'user', session_user,
  'super', u.rolsuper,
  'createrole', u.rolcreaterole,
  'signal', pg_has_role(session_user, 'pg_signal_backend', 'USAGE'),
  'stats', pg_has_role(session_user, 'pg_read_all_stats', 'USAGE'),
  'prepared', current_setting('max_prepared_transactions')::int,
  'plpgsql', EXISTS (SELECT FROM pg_language l WHERE l.lanname = 'plpgsql'),
  'quarantine', (SELECT jsonb_build_object(
      'login', q.rolcanlogin,
      'powerful', q.rolsuper OR q.rolcreaterole OR q.rolcreatedb OR q.rolreplication OR q.rolbypassrls,
      'members', (SELECT coalesce(jsonb_agg(DISTINCT g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.member
                   WHERE m.roleid = q.oid AND g.rolname <> session_user),
      'groups', (SELECT coalesce(jsonb_agg(DISTINCT g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                  WHERE m.member = q.oid))
    FROM pg_roles q WHERE q.rolname = current_setting('hallpass.args')::jsonb->>'quarantine')
)::text FROM pg_roles u WHERE u.rolname = session_user;

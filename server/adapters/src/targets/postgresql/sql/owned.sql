-- In one database: hands what the accounts own to the quarantine role and takes away what was granted to them.
-- `hallpass.args`: {prefix, quarantine, accounts: [{oid, groups}]}. Memberships that this needs never leave the transaction.
DO $hallpass$
DECLARE
  args       CONSTANT jsonb   := current_setting('hallpass.args')::jsonb;
  quarantine CONSTANT text    := args->>'quarantine';
  super      CONSTANT boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);
  options    CONSTANT text    := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  account    record;
  loan       record;
  lent       jsonb;
  stuck      text;
  left_over  jsonb := '{}';
  found      jsonb;
BEGIN
  FOR account IN
    SELECT r.oid, r.rolname AS name, a.groups
      FROM jsonb_to_recordset(args->'accounts') AS a(oid bigint, groups jsonb) JOIN pg_roles r ON r.oid = a.oid::oid
     WHERE NOT r.rolcanlogin AND starts_with(shobj_description(r.oid, 'pg_authid'), args->>'prefix')
  LOOP
    SELECT coalesce(jsonb_agg(t.what), '[]') INTO found FROM (
      SELECT pg_describe_object(p.classid, p.objid, p.objsubid) AS what
        FROM pg_shdepend p
       WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype = 'o'
         AND p.dbid IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
         AND p.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
       ORDER BY p.classid, p.objid LIMIT 100) AS t WHERE t.what IS NOT NULL;
    left_over := left_over || jsonb_build_object(account.oid::bigint::text, found);

    lent := '[]';
    IF NOT super THEN
      -- We must have the rights of both sides; and the new owner of a function or type needs CREATE on its schema, which
      -- the login had from its groups. What stood before stays: only what is lent here is taken back.
      FOR loan IN
        SELECT account.name AS granted, session_user AS member, options AS with_options
        UNION ALL SELECT quarantine, session_user, options
        UNION ALL SELECT g, quarantine, '' FROM jsonb_array_elements_text(account.groups) AS g
         WHERE EXISTS (SELECT FROM pg_roles r WHERE r.rolname = g AND NOT r.rolsuper)
      LOOP
        CONTINUE WHEN EXISTS (
          SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles b ON b.oid = m.member
           WHERE r.rolname = loan.granted AND b.rolname = loan.member
             AND (options = '' OR m.grantor = (SELECT u.oid FROM pg_roles u WHERE u.rolname = session_user)));
        EXECUTE format('GRANT %I TO %I%s', loan.granted, loan.member, loan.with_options);
        lent := lent || jsonb_build_object('granted', loan.granted, 'member', loan.member);
      END LOOP;
    END IF;
    EXECUTE format('REASSIGN OWNED BY %I TO %I', account.name, quarantine);
    EXECUTE format('DROP OWNED BY %I', account.name);
    FOR loan IN SELECT * FROM jsonb_to_recordset(lent) AS l(granted text, member text) LOOP
      EXECUTE format('REVOKE %I FROM %I', loan.granted, loan.member);
    END LOOP;

    -- DROP OWNED only warns where a privilege was granted by somebody over whom we have no power.
    SELECT string_agg(t.what, ', ') INTO stuck FROM (
      SELECT DISTINCT pg_describe_object(p.classid, p.objid, p.objsubid) AS what
        FROM pg_shdepend p
       WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.classid <> 'pg_auth_members'::regclass
         AND p.dbid IN (0, (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()))
       LIMIT 20) AS t;
    IF stuck IS NOT NULL THEN
      RAISE EXCEPTION 'not ours to withdraw: what % has in database % on %', account.name, current_database(), stuck
        USING ERRCODE = 'HP003';
    END IF;
  END LOOP;
  PERFORM set_config('hallpass.left', left_over::text, true);
END $hallpass$;
SELECT current_setting('hallpass.left');

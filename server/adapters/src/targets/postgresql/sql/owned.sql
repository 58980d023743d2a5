-- In one database: hands what an account owns to the quarantine role and takes away what was granted to it.
-- `hallpass.args`: {prefix, quarantine, oid, groups}. Memberships that this needs never leave the transaction. A hoard is
-- handed over in portions, each a short transaction: `more` says that it must be called again.
DO $hallpass$
DECLARE
  args       CONSTANT jsonb   := current_setting('hallpass.args')::jsonb;
  quarantine CONSTANT text    := args->>'quarantine';
  super      CONSTANT boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);
  options    CONSTANT text    := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  here       CONSTANT oid     := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  begun      CONSTANT timestamptz := clock_timestamp();
  hoard      CONSTANT int     := 200;  -- more than this is handed over in portions
  portion    CONSTANT int     := 500;  -- each object costs a lock until the end of the transaction
  account    record;
  loan       record;
  owned      record;
  lent       jsonb := '[]';
  stuck      text;
  found      jsonb := '[]';
  many       boolean;
  moved      int := 0;
BEGIN
  PERFORM set_config('lock_timeout', '300ms', true);
  SELECT r.oid, r.rolname AS name INTO account FROM pg_roles r
   WHERE r.oid = (args->>'oid')::bigint::oid AND NOT r.rolcanlogin AND starts_with(shobj_description(r.oid, 'pg_authid'), args->>'prefix');
  IF account IS NULL THEN
    PERFORM set_config('hallpass.left', jsonb_build_object('left', found, 'more', false)::text, true);
    RETURN;
  END IF;

  SELECT count(*) > hoard INTO many FROM (
    SELECT FROM pg_shdepend p WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype = 'o' AND p.dbid = here LIMIT hoard + 1) AS t;
  IF NOT many THEN
    SELECT coalesce(jsonb_agg(t.what), '[]') INTO found FROM (
      SELECT pg_describe_object(p.classid, p.objid, p.objsubid) AS what
        FROM pg_shdepend p
       WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype = 'o' AND p.dbid IN (0, here)
         AND p.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
       ORDER BY p.classid, p.objid LIMIT 100) AS t WHERE t.what IS NOT NULL;
  END IF;

  IF NOT super THEN
    -- We must have the rights of both sides; and the new owner of a function or type needs CREATE on its schema, which
    -- the login had from its groups. What stood before stays: only what is lent here is taken back.
    FOR loan IN
      SELECT account.name AS granted, session_user AS member, options AS with_options
      UNION ALL SELECT quarantine, session_user, options
      UNION ALL (SELECT g, quarantine, '' FROM jsonb_array_elements_text(args->'groups') AS g
                  WHERE EXISTS (SELECT FROM pg_roles r WHERE r.rolname = g AND NOT r.rolsuper) ORDER BY g)
    LOOP
      CONTINUE WHEN EXISTS (
        SELECT FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid JOIN pg_roles b ON b.oid = m.member
         WHERE r.rolname = loan.granted AND b.rolname = loan.member
           AND (options = '' OR m.grantor = (SELECT u.oid FROM pg_roles u WHERE u.rolname = session_user)));
      EXECUTE format('GRANT %I TO %I%s', loan.granted, loan.member, loan.with_options);
      lent := lent || jsonb_build_object('granted', loan.granted, 'member', loan.member);
    END LOOP;
  END IF;
  IF many THEN
    FOR owned IN
      SELECT i.type, i.identity FROM (
        SELECT p.classid, p.objid, p.objsubid FROM pg_shdepend p
         WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype = 'o' AND p.dbid = here
           AND p.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)
         ORDER BY p.classid DESC, p.objid LIMIT portion) AS p,
        LATERAL pg_identify_object(p.classid, p.objid, p.objsubid) AS i
    LOOP
      EXIT WHEN clock_timestamp() > begun + interval '400 ms';
      BEGIN
        EXECUTE format('ALTER %s %s OWNER TO %I', owned.type, owned.identity, quarantine);
        moved := moved + 1;
      EXCEPTION WHEN OTHERS THEN
        stuck := format('%s %s: %s (%s)', owned.type, owned.identity, SQLERRM, SQLSTATE);
        EXIT WHEN SQLSTATE LIKE '53%';  -- what was moved so far is kept, and frees what it took
      END;
    END LOOP;
    IF moved = 0 THEN
      RAISE EXCEPTION 'it owns many objects in database %, and none can be handed over: %', current_database(), stuck USING ERRCODE = 'HP003';
    END IF;
    found := jsonb_build_array(format('%s objects', moved));
  ELSE
    EXECUTE format('REASSIGN OWNED BY %I TO %I', account.name, quarantine);
    EXECUTE format('DROP OWNED BY %I', account.name);
  END IF;
  FOR loan IN SELECT * FROM jsonb_to_recordset(lent) AS l(granted text, member text) LOOP
    EXECUTE format('REVOKE %I FROM %I', loan.granted, loan.member);
  END LOOP;

  -- DROP OWNED only warns where a privilege was granted by somebody over whom we have no power.
  stuck := NULL;
  IF NOT many THEN
    SELECT string_agg(t.what, ', ') INTO stuck FROM (
      SELECT DISTINCT pg_describe_object(p.classid, p.objid, p.objsubid) AS what
        FROM pg_shdepend p
       WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.classid <> 'pg_auth_members'::regclass
         AND p.dbid IN (0, here)
       LIMIT 20) AS t;
  END IF;
  IF stuck IS NOT NULL THEN
    RAISE EXCEPTION 'not ours to withdraw: what % has in database % on %', account.name, current_database(), stuck
      USING ERRCODE = 'HP003';
  END IF;
  PERFORM set_config('hallpass.left', jsonb_build_object('left', found, 'more', many)::text, true);
END $hallpass$;
SELECT current_setting('hallpass.left');

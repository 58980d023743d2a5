-- In one database: hands what an account owns to the quarantine role and takes away what was granted to it.
-- `hallpass.args`: {prefix, quarantine, oid, groups, after, whole}. Memberships that this needs never leave the transaction.
-- A hoard is handled in portions, each a short transaction: `more` says that it must be called again, with `next` as `after`.
-- One thing that cannot be moved is passed over; at the end of a list of which nothing could be, `whole` has the server
-- try all of it at once, which knows some ways that ALTER does not, and tells what is in the way.
DO $hallpass$
DECLARE
  args       CONSTANT jsonb   := current_setting('hallpass.args')::jsonb;
  quarantine CONSTANT text    := args->>'quarantine';
  super      CONSTANT boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);
  options    CONSTANT text    := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  here       CONSTANT oid     := (SELECT d.oid FROM pg_database d WHERE d.datname = current_database());
  begun      CONSTANT timestamptz := clock_timestamp();
  hoard      CONSTANT int     := 200;  -- more than this is handled in portions
  portion    CONSTANT int     := 500;  -- each object costs a lock until the end of the transaction
  account    record;
  loan       record;
  thing      record;
  lent       jsonb := '[]';
  stuck      text;
  found      jsonb := '[]';
  many       boolean;
  moved      int := 0;
  handed     int := 0;
  seen       int := 0;
  cut        boolean := false;  -- ended before the end of the list
  place      jsonb := args->'after';
BEGIN
  PERFORM set_config('lock_timeout', '300ms', true);
  SELECT r.oid, r.rolname AS name INTO account FROM pg_roles r
   WHERE r.oid = (args->>'oid')::bigint::oid AND NOT r.rolcanlogin AND starts_with(shobj_description(r.oid, 'pg_authid'), args->>'prefix');
  IF account IS NULL THEN
    PERFORM set_config('hallpass.left', jsonb_build_object('left', found, 'more', false, 'moved', 0)::text, true);
    RETURN;
  END IF;

  SELECT count(*) > hoard AND NOT (args->>'whole')::boolean INTO many FROM (
    SELECT FROM pg_shdepend p
     WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype IN ('o', 'a') AND p.dbid = here LIMIT hoard + 1) AS t;
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
    -- Owned first, schemas ahead of what is in them; then what was granted. Without what only moves with something else (a
    -- sequence of a column) or by no ALTER at all (default privileges, user mappings, extensions).
    FOR thing IN
      SELECT p.*, i.identity, CASE
               WHEN i.type IN ('function', 'procedure', 'aggregate') THEN 'ROUTINE'
               WHEN i.type = 'statistics object' THEN 'STATISTICS'
               WHEN i.type = 'foreign-data wrapper' THEN 'FOREIGN DATA WRAPPER'
               WHEN p.granted AND i.type IN ('view', 'materialized view', 'foreign table') THEN 'TABLE'
               WHEN p.granted AND i.type = 'server' THEN 'FOREIGN SERVER'
               ELSE i.type END AS kind
        FROM (
          SELECT DISTINCT p.deptype = 'a' AS granted, -p.classid::bigint AS rank, p.objid::bigint AS object, p.classid
            FROM pg_shdepend p
           WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype IN ('o', 'a') AND p.dbid = here
             AND p.classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass, 'pg_extension'::regclass)
             AND (place IS NULL OR jsonb_typeof(place) = 'null' OR
                  (p.deptype = 'a', -p.classid::bigint, p.objid::bigint) > ((place->>0)::boolean, (place->>1)::bigint, (place->>2)::bigint))
             AND NOT (p.deptype = 'o' AND p.classid = 'pg_class'::regclass AND EXISTS (
                  SELECT FROM pg_depend d
                   WHERE d.classid = 'pg_class'::regclass AND d.objid = p.objid AND d.refclassid = 'pg_class'::regclass
                     AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i')))
           ORDER BY 1, 2, 3 LIMIT portion) AS p,
        LATERAL pg_identify_object(p.classid, p.object::oid, 0) AS i
       ORDER BY 1, 2, 3
    LOOP
      IF seen > 0 AND clock_timestamp() > begun + interval '400 ms' THEN
        cut := true;
        EXIT;
      END IF;
      seen := seen + 1;
      BEGIN
        IF thing.granted THEN
          EXECUTE format('REVOKE ALL ON %s %s FROM %I CASCADE', thing.kind, thing.identity, account.name);
          IF EXISTS (SELECT FROM pg_shdepend p
                      WHERE p.dbid = here AND p.classid = thing.classid AND p.objid = thing.object::oid
                        AND p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.deptype = 'a') THEN
            stuck := format('the grant on %s %s is not ours to withdraw', thing.kind, thing.identity);
          ELSE
            moved := moved + 1;
          END IF;
        ELSE
          EXECUTE format('ALTER %s %s OWNER TO %I', thing.kind, thing.identity, quarantine);
          IF NOT super AND thing.classid = 'pg_namespace'::regclass AND NOT has_schema_privilege(quarantine, thing.object::oid, 'CREATE') THEN
            EXECUTE format('GRANT CREATE ON SCHEMA %s TO %I', thing.identity, quarantine);  -- its owner may have taken it from himself
          END IF;
          moved := moved + 1;
          handed := handed + 1;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        IF SQLSTATE LIKE '53%' THEN
          IF moved = 0 THEN RAISE; END IF;
          cut := true;  -- what was moved so far is kept, and frees what it took
          EXIT;
        END IF;
        stuck := format('%s %s: %s (%s)', thing.kind, thing.identity, SQLERRM, SQLSTATE);
      END;
      place := jsonb_build_array(thing.granted, thing.rank, thing.object);
    END LOOP;
    IF handed > 0 THEN found := jsonb_build_array(format('%s objects', handed)); END IF;
  ELSE
    -- What is in a schema of his own cannot be moved where nobody may create there: its owner can take that from himself.
    FOR thing IN
      SELECT n.nspname FROM pg_namespace n
       WHERE NOT super AND n.nspowner IN (SELECT r.oid FROM pg_roles r WHERE r.oid = account.oid OR r.rolname = quarantine)
         AND NOT has_schema_privilege(quarantine, n.oid, 'CREATE')
       ORDER BY n.oid LIMIT portion
    LOOP
      EXECUTE format('GRANT CREATE ON SCHEMA %I TO %I', thing.nspname, quarantine);
    END LOOP;
    EXECUTE format('REASSIGN OWNED BY %I TO %I', account.name, quarantine);
    EXECUTE format('DROP OWNED BY %I', account.name);
  END IF;
  FOR loan IN SELECT * FROM jsonb_to_recordset(lent) AS l(granted text, member text) LOOP
    EXECUTE format('REVOKE %I FROM %I', loan.granted, loan.member);
  END LOOP;

  IF many THEN
    PERFORM set_config('hallpass.left', jsonb_build_object('left', found, 'more', true, 'moved', moved, 'stuck', stuck, 'next',
      CASE WHEN cut OR seen = portion THEN place END)::text, true);
    RETURN;
  END IF;
  -- DROP OWNED only warns where a privilege was granted by somebody over whom we have no power.
  SELECT string_agg(t.what, ', ') INTO stuck FROM (
    SELECT DISTINCT pg_describe_object(p.classid, p.objid, p.objsubid) AS what
      FROM pg_shdepend p
     WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = account.oid AND p.classid <> 'pg_auth_members'::regclass
       AND p.dbid IN (0, here)
     LIMIT 20) AS t;
  IF stuck IS NOT NULL THEN
    RAISE EXCEPTION 'not ours to withdraw: what % has in database % on %', account.name, current_database(), stuck
      USING ERRCODE = 'HP003';
  END IF;
  PERFORM set_config('hallpass.left', jsonb_build_object('left', found, 'more', false, 'moved', 0)::text, true);
END $hallpass$;
SELECT current_setting('hallpass.left');

-- Ends connections in start-up that belong to our accounts and are listed nowhere. Whose they are is not shown, but the
-- account itself may end its own and nobody else's (it has no memberships any more): so each account is asked to.
DO $hallpass$
DECLARE
  args    CONSTANT jsonb := current_setting('hallpass.args')::jsonb;
  account record;
  backend int;
  ended   int := 0;
  asked   jsonb := '[]';
  lend    boolean;
  super   CONSTANT boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);
  options CONSTANT text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
BEGIN
  FOR account IN
    SELECT r.rolname AS name, r.oid FROM jsonb_array_elements_text(args->'oids') AS o JOIN pg_roles r ON r.oid = o::bigint::oid
     WHERE NOT r.rolcanlogin AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid)
       AND starts_with(shobj_description(r.oid, 'pg_authid'), args->>'prefix')
  LOOP
    lend := NOT super AND NOT EXISTS (
      SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
       WHERE m.roleid = account.oid AND u.rolname = session_user AND (options = '' OR m.grantor = u.oid));
    IF lend THEN
      EXECUTE format('GRANT %I TO %I%s', account.name, session_user, options);
    END IF;
    PERFORM set_config('role', account.name, true);
    FOR backend IN SELECT p::int FROM jsonb_array_elements_text(args->'pids') AS p LOOP
      BEGIN
        IF pg_terminate_backend(backend) THEN ended := ended + 1; END IF;
      EXCEPTION WHEN insufficient_privilege THEN
        NULL;  -- somebody else's, or not yet anybody's: that one will be refused
      END;
    END LOOP;
    PERFORM set_config('role', 'none', true);
    asked := asked || to_jsonb(account.oid::bigint);
    IF lend THEN
      EXECUTE format('REVOKE %I FROM %I', account.name, session_user);
    END IF;
  END LOOP;
  PERFORM set_config('hallpass.ended', jsonb_build_object('ended', ended, 'asked', asked)::text, true);
END $hallpass$;
SELECT current_setting('hallpass.ended');

-- Unlinks the large object of the trial, which belongs to the quarantine role by now.
DO $hallpass$
DECLARE
  args       CONSTANT jsonb   := current_setting('hallpass.args')::jsonb;
  quarantine CONSTANT text    := args->>'quarantine';
  object     CONSTANT oid     := (args->>'object')::bigint::oid;
  options    CONSTANT text    := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  lend       CONSTANT boolean := NOT pg_has_role(session_user, quarantine, 'USAGE');
BEGIN
  IF EXISTS (SELECT FROM pg_largeobject_metadata l JOIN pg_roles q ON q.oid = l.lomowner WHERE l.oid = object AND q.rolname = quarantine) THEN
    IF lend THEN EXECUTE format('GRANT %I TO %I%s', quarantine, session_user, options); END IF;
    PERFORM lo_unlink(object);
    IF lend THEN EXECUTE format('REVOKE %I FROM %I', quarantine, session_user); END IF;
  END IF;
END $hallpass$;
SELECT 'null';

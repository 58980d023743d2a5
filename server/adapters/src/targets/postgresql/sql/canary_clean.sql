-- Unlinks what a trial made: the large object with its mark, which belongs to the quarantine role by now. Only its owner can
-- have marked it so.
DO $hallpass$
DECLARE
  args       CONSTANT jsonb   := current_setting('hallpass.args')::jsonb;
  quarantine CONSTANT text    := args->>'quarantine';
  options    CONSTANT text    := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN ' WITH INHERIT TRUE, SET TRUE' ELSE '' END;
  objects    CONSTANT oid[]   := ARRAY(
    SELECT l.oid FROM pg_largeobject_metadata l JOIN pg_roles q ON q.oid = l.lomowner
      JOIN pg_description d ON d.objoid = l.oid AND d.classoid = 'pg_largeobject'::regclass
     WHERE q.rolname = quarantine AND d.description = args->>'mark');
  object     oid;
  lend       boolean;
BEGIN
  IF cardinality(objects) > 0 THEN
    lend := NOT pg_has_role(session_user, quarantine, 'USAGE');
    IF lend THEN EXECUTE format('GRANT %I TO %I%s', quarantine, session_user, options); END IF;
    FOREACH object IN ARRAY objects LOOP
      PERFORM lo_unlink(object);
    END LOOP;
    IF lend THEN EXECUTE format('REVOKE %I FROM %I', quarantine, session_user); END IF;
  END IF;
END $hallpass$;
SELECT 'null';

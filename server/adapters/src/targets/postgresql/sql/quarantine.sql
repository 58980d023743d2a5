-- Makes the quarantine role where there is none: no login, no privileges, no members.
DO $hallpass$
DECLARE
  quarantine CONSTANT text := current_setting('hallpass.args')::jsonb->>'quarantine';
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = quarantine) THEN
    EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS', quarantine);
    EXECUTE format('COMMENT ON ROLE %I IS %L', quarantine,
                   'Hallpass: receives what expired logins owned. No login, no privileges, no members.');
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- somebody else has just made it
END $hallpass$;
SELECT 'null';

-- One message, one implicit transaction: nothing waits for us half-way. Arguments: session setting `hallpass.args`.
-- The proof of absence sees by the name of the application that this create is in flight.
SELECT set_config('application_name', current_setting('hallpass.args')::jsonb->>'name', true);
DO $hallpass$
DECLARE
  args       CONSTANT jsonb       := current_setting('hallpass.args')::jsonb;
  login      CONSTANT text        := args->>'name';
  deadline   CONSTANT timestamptz := (args->>'create_deadline')::timestamptz;
  not_after  CONSTANT timestamptz := (args->>'not_after')::timestamptz;
  wanted     CONSTANT text[]      := ARRAY(SELECT jsonb_array_elements_text(args->'groups'));
  trouble    text;
  membership text;
BEGIN
  IF clock_timestamp() > deadline THEN
    RAISE EXCEPTION 'late' USING ERRCODE = 'HP001';
  END IF;

  -- It was 0 when the target was checked; what a login prepares after SET ROLE could never be told to be its own.
  IF current_setting('max_prepared_transactions')::int > 0 THEN
    RAISE EXCEPTION 'max_prepared_transactions is not 0: what a login prepares would outlive it' USING ERRCODE = 'HP003';
  END IF;

  SELECT CASE WHEN starts_with(shobj_description(r.oid, 'pg_authid'), args->>'mark') THEN 'HP004' ELSE 'HP002' END
    INTO trouble FROM pg_roles r WHERE r.rolname = login;
  IF trouble IS NOT NULL THEN
    RAISE EXCEPTION 'an account of that name exists' USING ERRCODE = trouble;
  END IF;

  SELECT string_agg(format('there is no group role %I', w), '; ') INTO trouble
    FROM unnest(wanted) AS w WHERE NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = w);
  IF trouble IS NOT NULL THEN
    RAISE EXCEPTION '%', trouble USING ERRCODE = 'HP003';
  END IF;
  SELECT string_agg(format('%I can log in itself: only NOLOGIN group roles are joined', r.rolname), '; ') INTO trouble
    FROM pg_roles r WHERE r.rolname = ANY (wanted) AND r.rolcanlogin;
  IF trouble IS NOT NULL THEN
    RAISE EXCEPTION '%', trouble USING ERRCODE = 'HP003';
  END IF;
  -- Everything that the login could become, by INHERIT or by SET ROLE.
  WITH RECURSIVE reach(oid) AS (
    SELECT r.oid FROM pg_roles r WHERE r.rolname = ANY (wanted)
    UNION
    SELECT m.roleid FROM pg_auth_members m JOIN reach ON m.member = reach.oid
  )
  SELECT string_agg(format('%I is or inherits %s', r.rolname, concat_ws(', ',
           CASE WHEN r.rolsuper THEN 'SUPERUSER' END, CASE WHEN r.rolcreaterole THEN 'CREATEROLE' END,
           CASE WHEN r.rolcreatedb THEN 'CREATEDB' END, CASE WHEN r.rolreplication THEN 'REPLICATION' END,
           CASE WHEN r.rolbypassrls THEN 'BYPASSRLS' END,
           CASE WHEN starts_with(r.rolname, 'pg_') THEN 'a predefined role' END)), '; ')
    INTO trouble
    FROM reach JOIN pg_roles r ON r.oid = reach.oid
   WHERE r.rolsuper OR r.rolcreaterole OR r.rolcreatedb OR r.rolreplication OR r.rolbypassrls
      OR starts_with(r.rolname, 'pg_');
  IF trouble IS NOT NULL THEN
    RAISE EXCEPTION '%', trouble USING ERRCODE = 'HP003';
  END IF;

  SELECT ' IN ROLE ' || string_agg(format('%I', w), ', ' ORDER BY w) INTO membership FROM unnest(wanted) AS w;
  EXECUTE format('CREATE ROLE %I LOGIN INHERIT NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS '
                 'CONNECTION LIMIT %s PASSWORD %L VALID UNTIL %L%s',
                 login, (args->>'connection_limit')::int, args->>'verifier', not_after, coalesce(membership, ''));
  EXECUTE format('COMMENT ON ROLE %I IS %L', login, args->>'comment');

  -- Last, because everything above may have waited.
  IF clock_timestamp() > deadline THEN
    RAISE EXCEPTION 'late' USING ERRCODE = 'HP001';
  END IF;
END $hallpass$;
SELECT jsonb_build_object('oid', r.oid::bigint)::text FROM pg_roles r
 WHERE r.rolname = current_setting('hallpass.args')::jsonb->>'name';

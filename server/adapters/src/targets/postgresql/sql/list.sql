-- Every role with the mark of `hallpass.args`, and what it can do beyond what was created.
WITH RECURSIVE marked AS (
  SELECT r.*, d.description FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid
   WHERE d.classoid = 'pg_authid'::regclass AND starts_with(d.description, current_setting('hallpass.args')::jsonb->>'prefix')
), reach(account, oid) AS (
  SELECT m.member, m.roleid FROM pg_auth_members m JOIN marked k ON k.oid = m.member
  UNION
  SELECT x.account, m.roleid FROM pg_auth_members m JOIN reach x ON m.member = x.oid
)
SELECT coalesce(jsonb_agg(jsonb_build_object(
         'name', k.rolname,
         'oid', k.oid::bigint,
         'login', k.rolcanlogin,
         'comment', k.description,
         'attributes', to_jsonb(array_remove(ARRAY[
            CASE WHEN k.rolsuper THEN 'SUPERUSER' END, CASE WHEN k.rolcreaterole THEN 'CREATEROLE' END,
            CASE WHEN k.rolcreatedb THEN 'CREATEDB' END, CASE WHEN k.rolreplication THEN 'REPLICATION' END,
            CASE WHEN k.rolbypassrls THEN 'BYPASSRLS' END], NULL)),
         'limit', k.rolconnlimit,
         'valid_until', CASE WHEN isfinite(k.rolvaliduntil)
            THEN to_char(k.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
         'groups', (SELECT coalesce(jsonb_agg(DISTINCT g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                     WHERE m.member = k.oid),
         'members', (SELECT coalesce(jsonb_agg(DISTINCT g.rolname), '[]') FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.member
                      WHERE m.roleid = k.oid AND g.rolname <> session_user),
         'powers', (SELECT coalesce(jsonb_agg(DISTINCT p.rolname), '[]') FROM reach x JOIN pg_roles p ON p.oid = x.oid
                     WHERE x.account = k.oid AND (p.rolsuper OR p.rolcreaterole OR p.rolcreatedb OR p.rolreplication OR p.rolbypassrls
                        OR starts_with(p.rolname, 'pg_')))
       ) ORDER BY k.rolname), '[]')::text
  FROM marked k;

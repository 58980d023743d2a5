-- Roles with the mark of `hallpass.args` ({prefix, after, rows}), in the order of their oids from `after` on, and what each
-- can do beyond what was created. Somebody else may write comments and memberships without end: all of it is cut short.
WITH RECURSIVE args AS (
  SELECT current_setting('hallpass.args')::jsonb AS a
), marked AS (
  SELECT r.*, left(d.description, 16000) AS mark FROM pg_shdescription d JOIN pg_roles r ON r.oid = d.objoid
   WHERE d.classoid = 'pg_authid'::regclass AND starts_with(left(d.description, 100), (SELECT a->>'prefix' FROM args))
     AND d.objoid > (SELECT (a->>'after')::bigint::oid FROM args)
   ORDER BY d.objoid LIMIT (SELECT (a->>'rows')::int FROM args)
), reach(account, oid) AS (
  SELECT m.member, m.roleid FROM pg_auth_members m JOIN marked k ON k.oid = m.member
  UNION
  SELECT x.account, m.roleid FROM pg_auth_members m JOIN reach x ON m.member = x.oid
)
SELECT coalesce(jsonb_agg(jsonb_build_object(
         'name', k.rolname,
         'oid', k.oid::bigint,
         'login', k.rolcanlogin,
         'comment', k.mark,
         'attributes', to_jsonb(array_remove(ARRAY[
            CASE WHEN k.rolsuper THEN 'SUPERUSER' END, CASE WHEN k.rolcreaterole THEN 'CREATEROLE' END,
            CASE WHEN k.rolcreatedb THEN 'CREATEDB' END, CASE WHEN k.rolreplication THEN 'REPLICATION' END,
            CASE WHEN k.rolbypassrls THEN 'BYPASSRLS' END], NULL)),
         'limit', k.rolconnlimit,
         'valid_until', CASE WHEN isfinite(k.rolvaliduntil)
            THEN to_char(k.rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') END,
         'groups', (SELECT coalesce(jsonb_agg(t.rolname), '[]') FROM (
                      SELECT DISTINCT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid
                       WHERE m.member = k.oid ORDER BY 1 LIMIT 200) AS t),
         'members', (SELECT coalesce(jsonb_agg(t.rolname), '[]') FROM (
                      SELECT DISTINCT g.rolname FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.member
                       WHERE m.roleid = k.oid AND g.rolname <> session_user ORDER BY 1 LIMIT 20) AS t),
         'powers', (SELECT coalesce(jsonb_agg(t.rolname), '[]') FROM (
                      SELECT DISTINCT p.rolname FROM reach x JOIN pg_roles p ON p.oid = x.oid
                       WHERE x.account = k.oid AND (p.rolsuper OR p.rolcreaterole OR p.rolcreatedb OR p.rolreplication OR p.rolbypassrls
                          OR starts_with(p.rolname, 'pg_')) ORDER BY 1 LIMIT 20) AS t)
       ) ORDER BY k.oid), '[]')::text
  FROM marked k;

-- What each account of `hallpass.args` (array of {name, mark, oid, groups}) is now, into `hallpass.accounts`:
-- ours (marker ours, and name or oid as we know it), foreign (the name or the oid without our marker), elsewhere (our
-- marker on another role), absent. `oids` are those whose sessions are ours: of the role, or of a role that is no more.
SELECT length(set_config('hallpass.accounts', coalesce((
  WITH wanted AS (
    SELECT a.ord, a.item->>'name' AS name, a.item->>'mark' AS mark, (a.item->>'oid')::bigint::oid AS known, a.item->'groups' AS groups
      FROM jsonb_array_elements(current_setting('hallpass.args')::jsonb) WITH ORDINALITY AS a(item, ord)
  ), marked AS (
    -- A mark is shorter than that; somebody else's comment may be very long.
    SELECT d.objoid AS oid, substring(left(d.description, 100) FROM '^hallpass:v1:[a-z0-9]+:[0-9a-f-]{36}:') AS mark
      FROM pg_shdescription d
     WHERE d.classoid = 'pg_authid'::regclass AND starts_with(left(d.description, 100), 'hallpass:v1:')
  ), named AS (
    SELECT w.ord, r.oid, m.mark
      FROM wanted w JOIN pg_roles r ON r.rolname = w.name LEFT JOIN marked m ON m.oid = r.oid
  ), bearing AS (
    SELECT w.ord, w.known, r.oid, r.rolname = w.name AS as_named
      FROM wanted w JOIN marked m ON m.mark = w.mark JOIN pg_roles r ON r.oid = m.oid
  ), ours AS (
    SELECT DISTINCT ON (b.ord) b.ord, b.oid FROM bearing b
     WHERE b.as_named OR b.oid = b.known ORDER BY b.ord, b.as_named DESC
  )
  SELECT jsonb_agg(jsonb_build_object(
           'ord', w.ord - 1,
           'state', CASE WHEN n.oid IS NOT NULL AND n.mark IS DISTINCT FROM w.mark THEN 'foreign'
                         WHEN o.oid IS NOT NULL THEN 'ours'
                         WHEN EXISTS (SELECT FROM pg_roles g WHERE g.oid = w.known) THEN 'foreign'
                         WHEN EXISTS (SELECT FROM bearing b WHERE b.ord = w.ord) THEN 'elsewhere'
                         ELSE 'absent' END,
           'oid', o.oid::bigint,
           'name', r.rolname,
           'login', coalesce(r.rolcanlogin, false),
           'groups', w.groups,
           'oids', (SELECT coalesce(jsonb_agg(DISTINCT x::bigint), '[]') FROM unnest(ARRAY[o.oid, w.known]) AS x
                     WHERE x IS NOT NULL AND (x = o.oid OR NOT EXISTS (SELECT FROM pg_roles g WHERE g.oid = x)))
         ) ORDER BY w.ord)
    FROM wanted w LEFT JOIN named n ON n.ord = w.ord LEFT JOIN ours o ON o.ord = w.ord
    LEFT JOIN pg_roles r ON r.oid = o.oid
), '[]'::jsonb)::text, true));

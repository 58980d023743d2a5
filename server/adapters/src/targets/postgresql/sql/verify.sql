-- Facts for the proof of absence. The lane is shared: a create in flight holds it alone until its commit is visible,
-- and one that comes later reads the clock later than this.
SELECT jsonb_build_object(
  'now', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
  'orphans', (SELECT count(*) FROM pg_stat_activity s
               WHERE s.usesysid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.usesysid)),
  'sessions', (SELECT coalesce(jsonb_object_agg(t.oid, t.sessions), '{}') FROM (
                 SELECT s.holder::bigint AS oid, count(*) AS sessions
                   FROM (SELECT usesysid FROM pg_stat_activity UNION ALL SELECT ownerid FROM pg_prepared_xact()) AS s(holder)
                  WHERE s.holder IN (SELECT o::bigint::oid
                          FROM jsonb_array_elements(current_setting('hallpass.accounts')::jsonb) AS x(account),
                               jsonb_array_elements_text(x.account->'oids') AS o)
                  GROUP BY 1) AS t),
  'accounts', current_setting('hallpass.accounts')::jsonb)::text;

-- Facts for the proof of absence.
SELECT jsonb_build_object(
  'now', current_setting('hallpass.now'),
  'creating', current_setting('hallpass.creating')::jsonb,
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

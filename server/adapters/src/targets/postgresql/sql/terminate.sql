-- Asks every session of the oids in `hallpass.args` to end; answers how many there were per oid.
SELECT coalesce(jsonb_object_agg(s.oid, s.sessions), '{}')::text FROM (
  SELECT a.usesysid::bigint AS oid, count(*) AS sessions, count(*) FILTER (WHERE pg_terminate_backend(a.pid)) AS asked
    FROM pg_stat_activity a
   WHERE a.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb) AS o)
   GROUP BY 1) AS s;

SELECT coalesce(jsonb_agg(jsonb_build_object(
         'pid', s.pid,
         'database', coalesce(s.datname, ''),
         'client', coalesce(host(s.client_addr) || ':' || s.client_port, 'local socket'),
         'application', coalesce(s.application_name, ''),
         'state', coalesce(s.state, 'unknown'),
         'since', to_char(s.backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ORDER BY s.backend_start, s.pid), '[]')::text
  FROM pg_stat_activity s
 WHERE s.usesysid IN (SELECT o::bigint::oid
         FROM jsonb_array_elements(current_setting('hallpass.accounts')::jsonb) AS x(account),
              jsonb_array_elements_text(x.account->'oids') AS o);

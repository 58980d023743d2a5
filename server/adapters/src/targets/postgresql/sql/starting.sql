-- Connections in start-up: they hold a virtual transaction and are not listed yet. Read *before* the list of sessions,
-- or one could pass from here to there unseen. A client can stay here for long (post_auth_delay is a client's option).
SELECT coalesce(jsonb_agg(jsonb_build_array(l.pid, l.virtualtransaction)), '[]')::text
  FROM (SELECT DISTINCT pid, virtualtransaction FROM pg_locks WHERE locktype = 'virtualxid' AND granted AND pid IS NOT NULL) AS l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
 WHERE a.pid IS NULL
    OR (current_setting('server_version_num')::int >= 180000 AND a.usesysid IS NULL
        AND coalesce(a.backend_type, 'client backend') IN ('client backend', 'walsender'));

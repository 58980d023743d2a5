-- Prepared transactions of the oids in `hallpass.args`: they keep locks after every session is gone. One statement each
-- ends them, in their own database and outside of any transaction block, so it is written here and sent by itself.
SELECT coalesce(jsonb_agg(jsonb_build_object('database', d.datname, 'statement', format('ROLLBACK PREPARED %L', p.gid))), '[]')::text
  FROM pg_prepared_xact() AS p JOIN pg_database d ON d.oid = p.dbid
 WHERE p.ownerid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb) AS o);

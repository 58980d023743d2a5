-- Prepared transactions that keep the accounts of `hallpass.args` ({oids, groups}) locked: they outlive every session. Those
-- of the oids, and those that somebody prepared after SET ROLE to a group, which then is their owner: where such a one has a
-- lock on roles it was made by changing its own login, or granting to one of ours, and has no other use. One statement each
-- ends them, in their own database and outside of any transaction block, so it is written here and sent by itself.
WITH RECURSIVE ours(oid) AS (
  SELECT o::bigint::oid FROM jsonb_array_elements_text(current_setting('hallpass.args')::jsonb->'oids') AS o
), reach(oid) AS (
  SELECT r.oid FROM pg_roles r JOIN jsonb_array_elements_text(current_setting('hallpass.args')::jsonb->'groups') AS g ON g = r.rolname
  UNION
  SELECT m.roleid FROM pg_auth_members m JOIN reach ON m.member = reach.oid
)
SELECT coalesce(jsonb_agg(jsonb_build_object('database', d.datname, 'statement', format('ROLLBACK PREPARED %L', p.gid))), '[]')::text
  FROM pg_prepared_xact() AS p JOIN pg_database d ON d.oid = p.dbid
 WHERE p.ownerid IN (SELECT oid FROM ours)
    OR (p.ownerid IN (SELECT oid FROM reach) AND EXISTS (
          SELECT FROM pg_locks t JOIN pg_locks l ON l.pid IS NULL AND l.virtualtransaction = t.virtualtransaction
           WHERE t.pid IS NULL AND t.locktype = 'transactionid' AND t.transactionid = p.transaction AND l.database = 0
             AND ((l.locktype = 'relation' AND l.relation = 'pg_authid'::regclass AND l.mode = 'RowExclusiveLock')
               OR (l.locktype = 'object' AND l.classid = 'pg_authid'::regclass AND l.objid IN (SELECT oid FROM ours)))));

-- What stands in the way of dropping each account of `hallpass.accounts`.
SELECT coalesce(jsonb_agg(x.account || jsonb_build_object(
         'sessions', (SELECT count(*) FROM pg_stat_activity s
                       WHERE s.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(x.account->'oids') AS o))
                  + (SELECT count(*) FROM pg_prepared_xact() AS p
                       WHERE p.ownerid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(x.account->'oids') AS o)),
         'databases', (SELECT coalesce(jsonb_agg(DISTINCT coalesce(d.datname, current_database())), '[]')
                         FROM pg_shdepend p LEFT JOIN pg_database d ON d.oid = p.dbid
                        WHERE p.refclassid = 'pg_authid'::regclass AND p.refobjid = (x.account->>'oid')::bigint::oid
                          AND p.classid <> 'pg_auth_members'::regclass)
       )), '[]')::text
  FROM jsonb_array_elements(current_setting('hallpass.accounts')::jsonb) AS x(account);

-- How many sessions each account of `hallpass.accounts` has.
SELECT coalesce(jsonb_agg(x.account || jsonb_build_object(
         'sessions', (SELECT count(*) FROM pg_stat_activity s
                       WHERE s.usesysid IN (SELECT o::bigint::oid FROM jsonb_array_elements_text(x.account->'oids') AS o))
       )), '[]')::text
  FROM jsonb_array_elements(current_setting('hallpass.accounts')::jsonb) AS x(account);

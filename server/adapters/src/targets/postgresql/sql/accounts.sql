-- What each account was, and what went wrong with it.
SELECT coalesce(jsonb_agg(x.account || jsonb_build_object(
         'error', nullif(current_setting('hallpass.errors', true), '')::jsonb->>(x.account->>'ord'))), '[]')::text
  FROM jsonb_array_elements(current_setting('hallpass.accounts')::jsonb) AS x(account);

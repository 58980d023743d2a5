-- A transaction that has the locks of all shared catalogues which the scripts on sessions read. It sees no data of its
-- own and keeps no snapshot, so it holds back no VACUUM.
BEGIN;
SELECT count(*) FROM pg_stat_activity, pg_roles, pg_auth_members, pg_database, pg_shdescription, pg_db_role_setting WHERE false;
SAVEPOINT hallpass;

ALTER TABLE credentials DROP COLUMN sessions_cut;
ALTER TABLE credentials DROP COLUMN probe;

-- What came of using a new credential once, and how many sessions its end cut.
ALTER TABLE credentials ADD COLUMN probe jsonb;
ALTER TABLE credentials ADD COLUMN sessions_cut integer;

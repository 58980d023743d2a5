-- What came of using a new credential once (JSON), and how many sessions its end cut.
ALTER TABLE credentials ADD COLUMN probe TEXT;
ALTER TABLE credentials ADD COLUMN sessions_cut INTEGER;

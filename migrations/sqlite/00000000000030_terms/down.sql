DROP TABLE standing_blocks;
DROP TRIGGER grants_terms;
DROP TRIGGER requests_terms;
ALTER TABLE grants DROP COLUMN terms;
ALTER TABLE requests DROP COLUMN closed_because;
ALTER TABLE requests DROP COLUMN terms;

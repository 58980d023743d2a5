DROP TABLE standing_blocks;
DROP TRIGGER grants_terms ON grants;
DROP TRIGGER requests_terms ON requests;
ALTER TABLE grants DROP COLUMN terms;
ALTER TABLE requests DROP COLUMN closed_because;
ALTER TABLE requests DROP COLUMN terms;

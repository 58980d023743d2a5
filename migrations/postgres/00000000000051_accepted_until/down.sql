ALTER TABLE grants DROP COLUMN accepted_until;
ALTER TABLE tokens DROP COLUMN accepted_until;

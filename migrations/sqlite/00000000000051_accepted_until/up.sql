-- Until when a verifier that works offline may accept a token is fixed when it is issued: a later change of its target's
-- settings does not change what is out. Rows from before have none, and are read by the target's settings as they are.
-- Of a grant it is kept when it has ended, because the rows of tokens are swept a day after their end.
ALTER TABLE tokens ADD COLUMN accepted_until INTEGER;
ALTER TABLE grants ADD COLUMN accepted_until INTEGER;

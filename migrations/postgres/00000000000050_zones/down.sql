ALTER TABLE users DROP COLUMN chosen_zone;

-- The time zone that a person chose instead of the one in the catalogue.
ALTER TABLE users ADD COLUMN chosen_zone text;

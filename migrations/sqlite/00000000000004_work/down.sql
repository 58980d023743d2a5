DROP TABLE probe;
DROP TABLE meta;
DROP TABLE idempotency_keys;
DROP TABLE commands;
DROP TABLE mails;

DROP TABLE api_tokens;
DROP TABLE devices;
DROP TABLE sessions;
DROP TABLE accounts;

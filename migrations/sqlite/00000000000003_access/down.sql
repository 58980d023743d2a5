DROP TABLE tokens;
DROP TABLE credentials;
DROP TABLE grants;
DROP TABLE decisions;
DROP TABLE requests;
DROP TABLE state_moves;

DROP TABLE tokens;
DROP TABLE credentials;
DROP TABLE grants;
DROP TABLE decisions;
DROP TABLE requests;
DROP TABLE state_moves;
DROP FUNCTION hallpass_check_first();
DROP FUNCTION hallpass_check_move();

-- Lists that go on from a place have it as a whole in their index: the time, and the id where times are the same.
DROP INDEX requests_pending;
CREATE INDEX requests_pending ON requests (decide_by, id) WHERE state = 'pending';
DROP INDEX grants_ending;
CREATE INDEX grants_ending ON grants (ends_at, id) WHERE state = 'ending';

DROP INDEX grants_ending;
CREATE INDEX grants_ending ON grants (ends_at) WHERE state = 'ending';
DROP INDEX requests_pending;
CREATE INDEX requests_pending ON requests (decide_by) WHERE state = 'pending';

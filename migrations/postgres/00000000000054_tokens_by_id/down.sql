ALTER TABLE tokens ADD CONSTRAINT tokens_hash_key UNIQUE (hash);

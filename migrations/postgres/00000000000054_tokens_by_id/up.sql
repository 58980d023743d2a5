-- A token's row is read by its id, which the token names, and its hash is compared. The index of hashes was the one whose
-- every insert changed a page of its own, since hashes have no order.
ALTER TABLE tokens DROP CONSTRAINT tokens_hash_key;

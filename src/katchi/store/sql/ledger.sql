-- The ledger's rows. They are only ever added.

-- name: end_of_ledger
SELECT count(*) AS size FROM ledger;

-- name: frontier
SELECT value FROM setting WHERE name = 'frontier';

-- name: put_setting
INSERT INTO setting (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: setting
SELECT value FROM setting WHERE name = :name;

-- name: drop_setting
DELETE FROM setting WHERE name = :name;

-- name: append
INSERT INTO ledger ("index", at, kind, partner, object_id, id_hash, entry, hash)
VALUES (:index, :at, :kind, :partner, :object_id, :id_hash, :entry, :hash);

-- name: hashes
SELECT hash FROM ledger WHERE "index" < :size ORDER BY "index";

-- name: rows
SELECT "index", at, kind, partner, object_id, entry, hash FROM ledger
WHERE "index" >= :start ORDER BY "index" LIMIT :limit;

-- name: latest
SELECT "index", at, kind, partner, object_id, entry, hash FROM ledger
WHERE (:partner = '' OR partner = :partner) AND (:kind = '' OR kind = :kind) ORDER BY "index" DESC LIMIT :limit;

-- name: about
SELECT "index", at, kind, partner, object_id, entry, hash FROM ledger
WHERE id_hash = :id_hash AND object_id = :object_id AND partner = :partner ORDER BY "index";

-- name: put_head
INSERT INTO head (partner, size, document) VALUES (:partner, :size, :document)
ON CONFLICT (partner, size) DO NOTHING;

-- name: last_head
SELECT document FROM head WHERE partner = :partner ORDER BY size DESC LIMIT 1;

-- name: heads
SELECT document FROM head WHERE partner = :partner ORDER BY size;

-- What was taken back: by us from partners, and by partners from us.

-- name: untold
SELECT position, object_id, version_text, digest, withdrawn_at FROM release
WHERE partner = :partner AND withdrawn_at IS NOT NULL AND told IS NULL AND is_deleted = 0
ORDER BY position LIMIT :limit;

-- name: is_untold
SELECT position FROM release
WHERE partner = :partner AND withdrawn_at IS NOT NULL AND told IS NULL AND is_deleted = 0 LIMIT 1;

-- name: told
UPDATE release SET told = :told, told_at = :at
WHERE id_hash = :id_hash AND object_id = :object_id AND partner = :partner AND digest = :digest
  AND withdrawn_at IS NOT NULL;

-- name: listed
SELECT object_id, version_text, digest, withdrawn_at, ledger_index FROM release
WHERE partner = :partner AND withdrawn_at IS NOT NULL AND is_deleted = 0
  AND (withdrawn_at > :after OR (withdrawn_at = :after AND ledger_index > :index))
ORDER BY withdrawn_at, ledger_index LIMIT :limit;

-- name: in_force_of
SELECT position, seq, of_id, object_id, version, digest, epoch, is_recall FROM release
WHERE of_hash = :of_hash AND of_id = :of_id AND partner = :partner AND epoch = :epoch AND withdrawn_at IS NULL
ORDER BY position;

-- name: pointing_to
SELECT DISTINCT o.object_id FROM link l JOIN object o ON o.seq = l.from_seq WHERE l.to_hash = :to_hash;

-- name: note
INSERT INTO taken_back (digest, partner, object_id, id_hash, at, noted_at)
VALUES (:digest, :partner, :object_id, :id_hash, :at, :noted_at)
ON CONFLICT (digest, partner) DO UPDATE SET at = excluded.at, noted_at = excluded.noted_at
WHERE taken_back.at < excluded.at;

-- name: any
SELECT 1 AS found FROM taken_back LIMIT 1;

-- name: is_taken_back
SELECT 1 AS found FROM taken_back WHERE id_hash = :id_hash AND partner = :partner AND digest = :digest LIMIT 1;

-- name: of_object
SELECT partner, digest, at, noted_at FROM taken_back WHERE id_hash = :id_hash AND object_id = :object_id ORDER BY noted_at;

-- name: given_again (sqlite)
SELECT digest, object_id FROM taken_back
WHERE partner = :partner AND at < :as_of AND id_hash IN (SELECT value FROM json_each(:hashes));

-- name: given_again (postgresql)
SELECT digest, object_id FROM taken_back WHERE partner = :partner AND at < :as_of AND id_hash = ANY(:hashes);

-- name: forget
DELETE FROM taken_back WHERE digest = :digest AND partner = :partner;

-- name: decide_again
-- A delay that has ended: whoever judges next looks at it anew.
INSERT INTO withheld (partner, object_id, seq, code, detail, rule, waits_for, until, epoch, at)
SELECT p.name, o.object_id, o.seq, 'delayed', '', '', NULL, 0, p.epoch, :at
FROM partner p JOIN newest n ON n.id_hash = :id_hash JOIN object o ON o.seq = n.seq AND o.object_id = :object_id
WHERE p.state <> 'ended'
ON CONFLICT (partner, object_id) DO UPDATE SET until = 0;

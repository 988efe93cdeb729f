-- Everything that `katchi ledger verify` reads again, row by row.

-- name: ends
SELECT (SELECT coalesce(max(seq), 0) FROM object) AS objects,
  (SELECT count(*) FROM ledger) AS entries,
  (SELECT count(*) FROM release) AS releases;

-- name: objects
SELECT seq, object_id, version, version_text, type, spec_version, digest, raw
FROM object WHERE seq > :after ORDER BY seq LIMIT :limit;

-- name: releases
SELECT r.position, r.partner, r.object_id, r.version_text, r.digest, r.rule, r.withdrawn_at, r.ledger_index,
  coalesce(r.raw, o.raw) AS raw, l.kind, l.entry
FROM release r LEFT JOIN object o ON o.seq = r.seq LEFT JOIN ledger l ON l."index" = r.ledger_index
WHERE r.position > :after ORDER BY r.position LIMIT :limit;

-- name: digests_released
SELECT digest FROM release WHERE partner = :partner AND object_id = :object_id;

-- name: terms
SELECT t.partner, t.epoch, t.digest, t.text, p.epoch AS epoch_in_force, p.terms_digest
FROM terms t LEFT JOIN partner p ON p.name = t.partner ORDER BY t.partner, t.epoch;

-- name: heads
SELECT partner, size, document FROM head ORDER BY partner, size;

-- name: partners
SELECT name, state, document FROM partner ORDER BY name;

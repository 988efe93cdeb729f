-- Private overlaps with partners.

-- name: all
SELECT id, partner, role, state, core, query, NULL, NULL, NULL, own, theirs, common, NULL, agreed_by, person, made_at,
  changed_at, trouble
FROM overlap ORDER BY made_at DESC, id LIMIT 200;

-- name: waiting
SELECT id, partner, role, state, core, query, NULL, NULL, NULL, own, theirs, common, NULL, agreed_by, person, made_at,
  changed_at, trouble
FROM overlap WHERE state IN ('asked', 'counted') ORDER BY made_at DESC, id LIMIT 200;

-- name: left
SELECT id FROM overlap WHERE state IN ('revealed', 'declined', 'failed', 'closed') AND key IS NOT NULL
  AND changed_at < :before;

-- name: beginning
SELECT id FROM overlap WHERE substr(id, 1, length(:start)) = :start LIMIT 2;

-- name: one
SELECT id, partner, role, state, core, query, key, items, hello, own, theirs, common, found, agreed_by, person, made_at,
  changed_at, trouble
FROM overlap WHERE id = :id;

-- name: under_way
SELECT id, changed_at FROM overlap WHERE partner = :partner AND role = 'initiator'
  AND state IN ('proposed', 'comparing', 'counted', 'agreed') ORDER BY made_at;

-- name: add
INSERT INTO overlap (id, partner, role, state, core, query, key, items, hello, own, theirs, common, found, agreed_by,
  person, made_at, changed_at, trouble)
VALUES (:id, :partner, :role, :state, :core, :query, :key, :items, :hello, :own, :theirs, :common, :found, :agreed_by,
  :person, :made_at, :changed_at, :trouble);

-- name: change
UPDATE overlap SET state = :state, query = :query, key = :key, items = :items, hello = :hello, own = :own,
  theirs = :theirs, common = :common, found = :found, agreed_by = :agreed_by, person = :person,
  changed_at = :changed_at, trouble = :trouble
WHERE id = :id;

-- name: spent
SELECT core, role, theirs FROM overlap WHERE partner = :partner AND made_at >= :since AND theirs > 0;

-- name: tellable (sqlite)
SELECT DISTINCT m.key_hash FROM mention m JOIN summary s ON s.seq = m.seq
WHERE m.key_hash IN (SELECT value FROM json_each(:hashes)) AND s.is_revoked = 0
  AND (s.marking = 'clear' OR (s.origin = 'own' AND s.marking IN ('green', 'amber')));

-- name: tellable (postgresql)
SELECT DISTINCT m.key_hash FROM mention m JOIN summary s ON s.seq = m.seq
WHERE m.key_hash = ANY(:hashes) AND s.is_revoked = 0
  AND (s.marking = 'clear' OR (s.origin = 'own' AND s.marking IN ('green', 'amber')));

-- name: told (sqlite)
SELECT DISTINCT m.key_hash FROM mention m JOIN "release" r ON r.of_hash = m.id_hash
WHERE m.key_hash IN (SELECT value FROM json_each(:hashes)) AND r.partner = :partner AND r.withdrawn_at IS NULL;

-- name: told (postgresql)
SELECT DISTINCT m.key_hash FROM mention m JOIN "release" r ON r.of_hash = m.id_hash
WHERE m.key_hash = ANY(:hashes) AND r.partner = :partner AND r.withdrawn_at IS NULL;

-- name: open_of
SELECT count(*) AS n FROM overlap WHERE partner = :partner AND role = 'responder'
  AND state NOT IN ('revealed', 'declined', 'failed', 'closed');

-- Things: their rows, what is said of them, who decided what about them.

-- name: rows (sqlite)
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE key_hash IN (SELECT value FROM json_each(:hashes));

-- name: rows (postgresql)
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE key_hash = ANY(:hashes);

-- name: last_number
SELECT coalesce(max(number), 0) AS number FROM thing;

-- name: add
INSERT INTO thing (number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings,
  sources, warned)
VALUES (:number, :key_hash, :key, :kind, :name, :base, :fresh_at, :rank, :first_at, :last_at, :statements, :sightings,
  :sources, :warned);

-- name: change
UPDATE thing SET name = :name, base = :base, fresh_at = :fresh_at, rank = :rank, first_at = :first_at,
  last_at = :last_at, statements = :statements, sightings = :sightings, sources = :sources, warned = :warned
WHERE number = :number;

-- name: drop
DELETE FROM thing WHERE number = :number;

-- name: statements (sqlite)
SELECT key_hash, stance, weight, at, until, author, report, source, id_hash, seq FROM mention
WHERE key_hash IN (SELECT value FROM json_each(:hashes));

-- name: statements (postgresql)
SELECT key_hash, stance, weight, at, until, author, report, source, id_hash, seq FROM mention
WHERE key_hash = ANY(:hashes);

-- name: latest_statements
SELECT key_hash, stance, weight, at, until, author, report, source, id_hash, seq FROM mention
WHERE key_hash = :hash ORDER BY seq DESC LIMIT :limit;

-- name: count_statements
SELECT count(*) AS n FROM mention WHERE key_hash = :hash;

-- name: attestations (sqlite)
SELECT of_hash, opinion, times, first, last, author, source, seq, is_summary FROM attestation
WHERE of_hash IN (SELECT value FROM json_each(:hashes));

-- name: attestations (postgresql)
SELECT of_hash, opinion, times, first, last, author, source, seq, is_summary FROM attestation WHERE of_hash = ANY(:hashes);

-- name: kin (sqlite)
SELECT DISTINCT key, other FROM kin WHERE key_hash IN (SELECT value FROM json_each(:hashes)) LIMIT :limit;

-- name: kin (postgresql)
SELECT DISTINCT key, other FROM kin WHERE key_hash = ANY(:hashes) LIMIT :limit;

-- name: sources
SELECT hash, name FROM source;

-- name: rulings
SELECT number, key, other, is_same, person, at, why FROM ruling ORDER BY number;

-- name: rule
INSERT INTO ruling (key, other, is_same, person, at, why) VALUES (:key, :other, :is_same, :person, :at, :why);

-- name: grades
SELECT name, letter, person, at, why FROM grade ORDER BY name;

-- name: put_grade
INSERT INTO grade (name, letter, person, at, why) VALUES (:name, :letter, :person, :at, :why)
ON CONFLICT (name) DO UPDATE SET letter = excluded.letter, person = excluded.person, at = excluded.at,
  why = excluded.why;

-- name: after
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE number > :number ORDER BY number LIMIT :limit;

-- name: newest
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE number < :before AND (:kind = '' OR kind = :kind) AND (:source = '' OR sources LIKE :source)
  AND last_at >= :since ORDER BY number DESC LIMIT :limit;

-- name: best
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE kind = :kind AND rank >= :least AND (:source = '' OR sources LIKE :source) AND last_at >= :since
ORDER BY rank DESC LIMIT :limit;

-- name: named (sqlite)
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE (:kind = '' OR kind = :kind) AND name LIKE :like ESCAPE '\' ORDER BY number DESC LIMIT :limit;

-- name: named (postgresql)
SELECT number, key_hash, key, kind, name, base, fresh_at, rank, first_at, last_at, statements, sightings, sources, warned
FROM thing WHERE (:kind = '' OR kind = :kind) AND name ILIKE :like ESCAPE '\' ORDER BY number DESC LIMIT :limit;

-- name: counts
SELECT kind, count(*) AS n FROM thing GROUP BY kind ORDER BY n DESC;

-- name: speaking (sqlite)
SELECT s.object_id, s.seq, s.type, s.name, s.origin, s.marking, s.is_revoked, s.version, m.key_hash, m.stance, m.weight,
  m.at, m.until, m.author, m.report, m.source, m.id_hash
FROM mention m JOIN summary s ON s.seq = m.seq
WHERE m.key_hash IN (SELECT value FROM json_each(:hashes)) ORDER BY s.seq DESC LIMIT :limit;

-- name: speaking (postgresql)
SELECT s.object_id, s.seq, s.type, s.name, s.origin, s.marking, s.is_revoked, s.version, m.key_hash, m.stance, m.weight,
  m.at, m.until, m.author, m.report, m.source, m.id_hash
FROM mention m JOIN summary s ON s.seq = m.seq
WHERE m.key_hash = ANY(:hashes) ORDER BY s.seq DESC LIMIT :limit;

-- name: pointing (sqlite)
SELECT l.to_hash, l.path, s.object_id, s.type, s.name, s.origin, o.raw FROM link l JOIN summary s ON s.seq = l.from_seq
JOIN object o ON o.seq = l.from_seq WHERE l.to_hash IN (SELECT value FROM json_each(:hashes)) LIMIT :limit;

-- name: pointing (postgresql)
SELECT l.to_hash, l.path, s.object_id, s.type, s.name, s.origin, o.raw FROM link l JOIN summary s ON s.seq = l.from_seq
JOIN object o ON o.seq = l.from_seq WHERE l.to_hash = ANY(:hashes) LIMIT :limit;

-- name: sighted_since
SELECT DISTINCT of_hash FROM attestation WHERE last >= :since AND opinion IS NULL LIMIT :limit;

-- name: objects_of_hashes (sqlite)
SELECT o.object_id, o.raw FROM newest n JOIN object o ON o.seq = n.seq
WHERE n.id_hash IN (SELECT value FROM json_each(:hashes));

-- name: objects_of_hashes (postgresql)
SELECT o.object_id, o.raw FROM newest n JOIN object o ON o.seq = n.seq WHERE n.id_hash = ANY(:hashes);

-- name: lags
SELECT o.added, a.last FROM attestation a JOIN object o ON o.seq = a.seq
WHERE a.last >= :since AND a.last < :until AND a.opinion IS NULL LIMIT 5000;

-- name: alarms
SELECT number, key, name, begun_at, at, observed, expected, days, probability, evidence, closed_at, person, why
FROM alarm WHERE at >= :since ORDER BY at DESC, probability;

-- name: alarm
SELECT number FROM alarm WHERE number = :number;

-- name: raise_alarm
INSERT INTO alarm (key, name, begun_at, at, observed, expected, days, probability, evidence)
VALUES (:key, :name, :begun_at, :at, :observed, :expected, :days, :probability, :evidence);

-- name: continue_alarm
UPDATE alarm SET name = :name, at = :at, observed = :observed, expected = :expected, days = :days,
  probability = :probability, evidence = :evidence WHERE number = :number AND key = :key;

-- name: close_alarm
UPDATE alarm SET closed_at = :at, person = :person, why = :why WHERE number = :number;

-- name: names_under
SELECT s.name FROM mention m JOIN summary s ON s.seq = m.seq WHERE m.key_hash = :hash ORDER BY m.seq LIMIT 20;

-- name: whereabouts
SELECT s.object_id, o.raw FROM summary s JOIN object o ON o.seq = s.seq WHERE s.type IN ('identity', 'location');

-- name: sighted_at (sqlite)
SELECT DISTINCT a.of_hash, a.opinion, a.times, a.first, a.last, a.author, a.source, a.seq, a.is_summary
FROM link l JOIN attestation a ON a.seq = l.from_seq
WHERE l.to_hash IN (SELECT value FROM json_each(:hashes)) AND l.path LIKE 'where_sighted_refs%' AND a.last >= :since
  AND a.opinion IS NULL;

-- name: sighted_at (postgresql)
SELECT DISTINCT a.of_hash, a.opinion, a.times, a.first, a.last, a.author, a.source, a.seq, a.is_summary
FROM link l JOIN attestation a ON a.seq = l.from_seq
WHERE l.to_hash = ANY(:hashes) AND l.path LIKE 'where_sighted_refs%' AND a.last >= :since AND a.opinion IS NULL;

-- name: tools
SELECT name FROM partner WHERE kind = 'tool';

-- name: sightings_of (sqlite)
SELECT of_hash, last, times FROM attestation
WHERE last >= :since AND opinion IS NULL AND is_summary = 0 AND source IN (SELECT value FROM json_each(:sources));

-- name: sightings_of (postgresql)
SELECT of_hash, last, times FROM attestation
WHERE last >= :since AND opinion IS NULL AND is_summary = 0 AND source = ANY(:sources);

-- name: tagged
SELECT seq FROM tag WHERE tag = :tag ORDER BY seq DESC LIMIT :limit;

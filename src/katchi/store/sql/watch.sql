-- Saved searches that notify.

-- name: all
SELECT w.number, w.name, w.text, w.person, w.made_at, w.looked_at,
  (SELECT count(*) FROM watch_hit h WHERE h.watch = w.number AND h.at > w.looked_at) AS news
FROM watch w ORDER BY w.name;

-- name: saved
SELECT number, text FROM watch ORDER BY number;

-- name: add
INSERT INTO watch (name, text, person, made_at, looked_at) VALUES (:name, :text, :person, :at, :at);

-- name: drop
DELETE FROM watch WHERE number = :number;

-- name: drop_hits
DELETE FROM watch_hit WHERE watch = :number;

-- name: looked
UPDATE watch SET looked_at = :at WHERE number = :number;

-- name: hits
SELECT key, name, sources, at FROM watch_hit WHERE watch = :number AND at > :since ORDER BY at DESC, key LIMIT :limit;

-- name: note
INSERT INTO watch_hit (watch, key, name, sources, at) VALUES (:watch, :key, :name, :sources, :at)
ON CONFLICT (watch, key) DO UPDATE SET name = excluded.name, sources = excluded.sources, at = excluded.at
WHERE watch_hit.sources <> excluded.sources;

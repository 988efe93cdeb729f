-- The object log and what is derived from it.

-- name: end_of_log
SELECT seq, added FROM object ORDER BY seq DESC LIMIT 1;

-- name: newest_of (sqlite)
SELECT object_id, seq, version, digest, spec_version FROM newest
WHERE object_id IN (SELECT value FROM json_each(:ids));

-- name: newest_of (postgresql)
SELECT object_id, seq, version, digest, spec_version FROM newest WHERE object_id = ANY(:ids);

-- name: stored_version
SELECT seq, digest FROM object
WHERE object_id = :object_id AND version = :version AND spec_version = :spec_version;

-- name: stored_digest
SELECT seq FROM object WHERE object_id = :object_id AND digest = :digest LIMIT 1;

-- name: append
INSERT INTO object (seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw)
VALUES (:seq, :added, :object_id, :version, :version_text, :type, :spec_version, :origin, :via, :digest, :raw);

-- name: put_newest
INSERT INTO newest (object_id, seq, version, digest, spec_version, type, origin, marking, is_revoked, name, text)
VALUES (:object_id, :seq, :version, :digest, :spec_version, :type, :origin, :marking, :is_revoked, :name, :text)
ON CONFLICT (object_id) DO UPDATE SET
  seq = excluded.seq, version = excluded.version, digest = excluded.digest, spec_version = excluded.spec_version,
  type = excluded.type, origin = excluded.origin, marking = excluded.marking,
  is_revoked = excluded.is_revoked, name = excluded.name, text = excluded.text;

-- name: forget_mentions
DELETE FROM mention WHERE object_id = :object_id;

-- name: put_mention
INSERT INTO mention (thing_key, object_id) VALUES (:thing_key, :object_id)
ON CONFLICT (thing_key, object_id) DO NOTHING;

-- name: forget_links
DELETE FROM link WHERE from_id = :object_id;

-- name: put_link
INSERT INTO link (to_id, from_id, path) VALUES (:to_id, :from_id, :path)
ON CONFLICT (to_id, from_id, path) DO NOTHING;

-- name: forget_derived_newest
DELETE FROM newest;

-- name: forget_derived_mentions
DELETE FROM mention;

-- name: forget_derived_links
DELETE FROM link;

-- name: log_after
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE seq > :seq ORDER BY seq LIMIT :limit;

-- name: log_after_added
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE added > :added ORDER BY added LIMIT :limit;

-- name: newest_objects (sqlite)
SELECT o.seq, o.added, o.object_id, o.version, o.version_text, o.type, o.spec_version, o.origin, o.via, o.digest, o.raw
FROM newest n JOIN object o ON o.seq = n.seq
WHERE n.object_id IN (SELECT value FROM json_each(:ids));

-- name: newest_objects (postgresql)
SELECT o.seq, o.added, o.object_id, o.version, o.version_text, o.type, o.spec_version, o.origin, o.via, o.digest, o.raw
FROM newest n JOIN object o ON o.seq = n.seq WHERE n.object_id = ANY(:ids);

-- name: versions
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE object_id = :object_id ORDER BY version DESC, seq DESC;

-- name: at_seq
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE seq = :seq;

-- name: linking_here
SELECT l.from_id, l.path, n.type, n.name FROM link l JOIN newest n ON n.object_id = l.from_id
WHERE l.to_id = :object_id ORDER BY n.type, n.name LIMIT :limit;

-- name: mentioning
SELECT n.object_id, n.seq, n.type, n.name, n.origin, n.marking, n.is_revoked, n.version FROM mention m
JOIN newest n ON n.object_id = m.object_id WHERE m.thing_key = :thing_key ORDER BY n.seq DESC LIMIT :limit;

-- name: keys_of
SELECT thing_key FROM mention WHERE object_id = :object_id ORDER BY thing_key;

-- name: counts_by_type
SELECT type, count(*) AS n FROM newest GROUP BY type ORDER BY n DESC;

-- name: counts_by_origin
SELECT origin, count(*) AS n FROM newest GROUP BY origin ORDER BY n DESC;

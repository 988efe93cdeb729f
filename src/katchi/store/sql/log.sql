-- The object log and what is derived from it.

-- name: end_of_log
SELECT seq, added FROM object ORDER BY seq DESC LIMIT 1;

-- name: newest_of (sqlite)
SELECT o.object_id, o.seq, o.version, o.digest, o.spec_version FROM newest n JOIN object o ON o.seq = n.seq
WHERE n.id_hash IN (SELECT value FROM json_each(:hashes));

-- name: newest_of (postgresql)
SELECT o.object_id, o.seq, o.version, o.digest, o.spec_version FROM newest n JOIN object o ON o.seq = n.seq
WHERE n.id_hash = ANY(:hashes);

-- name: append
INSERT INTO object
  (seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, previous, raw)
VALUES
  (:seq, :added, :object_id, :version, :version_text, :type, :spec_version, :origin, :via, :digest, :previous, :raw);

-- name: put_newest
INSERT INTO newest (id_hash, seq) VALUES (:id_hash, :seq);

-- name: forget_newest
DELETE FROM newest WHERE id_hash = :id_hash AND seq = :seq;

-- name: put_summary
INSERT INTO summary (seq, object_id, version, type, origin, marking, is_revoked, name, text)
VALUES (:seq, :object_id, :version, :type, :origin, :marking, :is_revoked, :name, :text);

-- name: forget_summary
DELETE FROM summary WHERE seq = :seq;

-- name: forget_mentions
DELETE FROM mention WHERE seq = :seq;

-- name: put_mention
INSERT INTO mention (key_hash, seq, stance, weight, at, until, author, report, source, id_hash)
VALUES (:key_hash, :seq, :stance, :weight, :at, :until, :author, :report, :source, :id_hash) ON CONFLICT DO NOTHING;

-- name: at_seqs (sqlite)
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE seq IN (SELECT value FROM json_each(:seqs));

-- name: at_seqs (postgresql)
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE seq = ANY(:seqs);

-- name: forget_tags
DELETE FROM tag WHERE seq = :seq;

-- name: put_tag
INSERT INTO tag (tag, seq) VALUES (:tag, :seq) ON CONFLICT DO NOTHING;

-- name: clear_tag
DELETE FROM tag;

-- name: forget_kin
DELETE FROM kin WHERE seq = :seq;

-- name: put_kin
INSERT INTO kin (key_hash, seq, key, other) VALUES (:key_hash, :seq, :key, :other) ON CONFLICT DO NOTHING;

-- name: forget_attestations
DELETE FROM attestation WHERE seq = :seq;

-- name: put_attestation
INSERT INTO attestation (seq, of_hash, opinion, times, first, last, author, source, is_summary)
VALUES (:seq, :of_hash, :opinion, :times, :first, :last, :author, :source, :is_summary) ON CONFLICT DO NOTHING;

-- name: put_source
INSERT INTO source (hash, name) VALUES (:hash, :name) ON CONFLICT DO NOTHING;

-- name: clear_kin
DELETE FROM kin;

-- name: clear_attestation
DELETE FROM attestation;

-- name: clear_source
DELETE FROM source;

-- name: clear_thing
DELETE FROM thing;

-- name: forget_links
DELETE FROM link WHERE from_seq = :seq;

-- name: put_link
INSERT INTO link (to_hash, from_seq, path) VALUES (:to_hash, :from_seq, :path) ON CONFLICT DO NOTHING;

-- name: clear_newest
DELETE FROM newest;

-- name: clear_summary
DELETE FROM summary;

-- name: clear_mention
DELETE FROM mention;

-- name: clear_link
DELETE FROM link;

-- name: log_after
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE seq > :seq ORDER BY seq LIMIT :limit;

-- name: log_after_added
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE added > :added ORDER BY added LIMIT :limit;

-- name: newest_objects (sqlite)
SELECT o.seq, o.added, o.object_id, o.version, o.version_text, o.type, o.spec_version, o.origin, o.via, o.digest, o.raw
FROM newest n JOIN object o ON o.seq = n.seq WHERE n.id_hash IN (SELECT value FROM json_each(:hashes));

-- name: newest_objects (postgresql)
SELECT o.seq, o.added, o.object_id, o.version, o.version_text, o.type, o.spec_version, o.origin, o.via, o.digest, o.raw
FROM newest n JOIN object o ON o.seq = n.seq WHERE n.id_hash = ANY(:hashes);

-- name: summaries (sqlite)
SELECT s.object_id, s.seq, s.type, s.name, s.origin, s.marking, s.is_revoked, s.version
FROM newest n JOIN summary s ON s.seq = n.seq WHERE n.id_hash IN (SELECT value FROM json_each(:hashes));

-- name: summaries (postgresql)
SELECT s.object_id, s.seq, s.type, s.name, s.origin, s.marking, s.is_revoked, s.version
FROM newest n JOIN summary s ON s.seq = n.seq WHERE n.id_hash = ANY(:hashes);

-- name: versions
WITH RECURSIVE earlier AS (
  SELECT n.seq AS at FROM newest n JOIN object o ON o.seq = n.seq
  WHERE n.id_hash = :id_hash AND o.object_id = :object_id
  UNION ALL
  SELECT o.previous FROM earlier e JOIN object o ON o.seq = e.at WHERE o.previous IS NOT NULL
)
SELECT o.seq, o.added, o.object_id, o.version, o.version_text, o.type, o.spec_version, o.origin, o.via, o.digest, o.raw
FROM earlier e JOIN object o ON o.seq = e.at ORDER BY o.version DESC, o.seq DESC;

-- name: version_digests
WITH RECURSIVE earlier AS (
  SELECT CAST(:seq AS BIGINT) AS at
  UNION ALL
  SELECT o.previous FROM earlier e JOIN object o ON o.seq = e.at WHERE o.previous IS NOT NULL
)
SELECT o.seq, o.version, o.spec_version, o.digest FROM earlier e JOIN object o ON o.seq = e.at;

-- name: at_seq
SELECT seq, added, object_id, version, version_text, type, spec_version, origin, via, digest, raw
FROM object WHERE seq = :seq;

-- name: linking_here
SELECT s.object_id AS from_id, l.path, s.type, s.name, o.raw FROM link l JOIN summary s ON s.seq = l.from_seq
JOIN object o ON o.seq = l.from_seq WHERE l.to_hash = :to_hash ORDER BY s.type, s.name LIMIT :limit;

-- name: counts_by_type
SELECT type, count(*) AS n FROM summary GROUP BY type ORDER BY n DESC;

-- name: counts_by_origin
SELECT origin, count(*) AS n FROM summary GROUP BY origin ORDER BY n DESC;

-- name: is_to_rebuild
SELECT name FROM setting WHERE name = 'to-rebuild';

-- name: is_rebuilt
DELETE FROM setting WHERE name = 'to-rebuild';

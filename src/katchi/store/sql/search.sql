-- Finding objects.

-- name: newest
SELECT object_id, seq, type, name, origin, marking, is_revoked, version FROM summary
WHERE seq < :before AND (:type = '' OR type = :type) AND (:origin = '' OR origin = :origin)
  AND (:marking = '' OR marking = :marking)
ORDER BY seq DESC LIMIT :limit;

-- name: containing
SELECT object_id, seq, type, name, origin, marking, is_revoked, version FROM summary
WHERE seq < :before AND text LIKE :like ESCAPE '\' AND (:type = '' OR type = :type)
  AND (:origin = '' OR origin = :origin) AND (:marking = '' OR marking = :marking)
ORDER BY seq DESC LIMIT :limit;

-- name: known_types
SELECT DISTINCT type FROM summary ORDER BY type;

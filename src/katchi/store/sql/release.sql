-- What went to whom, and what was withheld.

-- name: end_of_releases
SELECT position, added FROM release ORDER BY position DESC LIMIT 1;

-- name: position_at
-- Both grow together: an index lookup instead of a walk through all that the reader has had.
SELECT position FROM release WHERE added <= :added ORDER BY added DESC LIMIT 1;

-- name: supersede
UPDATE release SET is_last = 0
WHERE id_hash = :id_hash AND object_id = :object_id AND partner = :partner AND version < :version AND is_last = 1;

-- name: versions_gone (sqlite)
-- The + keeps SQLite from walking the partner's whole view instead of looking the hashes up.
SELECT object_id, version, spec_version, position, withdrawn_at, is_deleted FROM release
WHERE id_hash IN (SELECT value FROM json_each(:hashes)) AND +partner = :partner;

-- name: versions_gone (postgresql)
SELECT object_id, version, spec_version, position, withdrawn_at, is_deleted FROM release
WHERE id_hash = ANY(:hashes) AND partner = :partner;

-- name: put
INSERT INTO release (position, added, partner, seq, of_id, of_hash, object_id, id_hash, version, version_text, type, spec_version,
  digest, raw, rule, epoch, is_recall, is_last, ledger_index)
VALUES (:position, :added, :partner, :seq, :of_id, :of_hash, :object_id, :id_hash, :version, :version_text, :type, :spec_version,
  :digest, :raw, :rule, :epoch, :is_recall, 1, :ledger_index);

-- name: keep_in_force
UPDATE release SET epoch = :epoch WHERE position = :position;

-- name: renew
UPDATE release SET epoch = :epoch, withdrawn_at = NULL, position = :new_position, added = :added,
  ledger_index = :ledger_index, rule = :rule, receipt = NULL, receipt_at = NULL, told = NULL, told_at = NULL
WHERE position = :position;

-- name: withdraw
UPDATE release SET withdrawn_at = :at WHERE position = :position;

-- name: delete
UPDATE release SET withdrawn_at = :at, is_deleted = 1, is_last = 0 WHERE position = :position;

-- name: show_last_of
UPDATE release SET is_last = 1 WHERE position = (
  SELECT position FROM release WHERE id_hash = :id_hash AND object_id = :object_id AND partner = :partner
    AND withdrawn_at IS NULL AND epoch = :epoch
  ORDER BY version DESC, position DESC LIMIT 1);

-- name: note_receipt
UPDATE release SET receipt = :receipt, receipt_at = :at
WHERE id_hash = :id_hash AND object_id = :object_id AND partner = :partner AND digest = :digest
  -- A push and a pull may cross: that one of them stored it is the news.
  AND (receipt IS NULL OR (receipt = 'already-held' AND :receipt = 'stored'));

-- name: gone_to (sqlite)
SELECT DISTINCT of_id FROM release
WHERE of_hash IN (SELECT value FROM json_each(:hashes)) AND +partner = :partner;

-- name: gone_to (postgresql)
SELECT DISTINCT of_id FROM release WHERE of_hash = ANY(:hashes) AND partner = :partner;

-- name: last_bodies
SELECT r.object_id, coalesce(r.raw, o.raw) AS raw FROM release r JOIN object o ON o.seq = r.seq
WHERE r.of_hash = :of_hash AND r.of_id = :of_id AND r.partner = :partner AND NOT EXISTS (
  SELECT 1 FROM release n WHERE n.id_hash = r.id_hash AND n.object_id = r.object_id AND n.partner = r.partner
    AND n.version > r.version)
ORDER BY r.position;

-- name: page_bytes
SELECT r.partner, r.epoch, r.withdrawn_at, r.position, r.added, coalesce(r.raw, o.raw)
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch AND r.is_last = 1
ORDER BY r.position LIMIT :limit;

-- name: page
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch AND r.is_last = 1
ORDER BY r.position LIMIT :limit;

-- name: topic_page
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM shelf s JOIN release r ON r.position = s.position JOIN object o ON o.seq = r.seq
WHERE s.partner = :partner AND s.topic = :topic AND s.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch AND r.is_last = 1
ORDER BY s.position LIMIT :limit;

-- name: topic_page_bytes
SELECT r.partner, r.epoch, r.withdrawn_at, r.position, r.added, coalesce(r.raw, o.raw)
FROM shelf s JOIN release r ON r.position = s.position JOIN object o ON o.seq = r.seq
WHERE s.partner = :partner AND s.topic = :topic AND s.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch AND r.is_last = 1
ORDER BY s.position LIMIT :limit;

-- name: unreceipted
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch AND r.receipt IS NULL
ORDER BY r.position LIMIT :limit;

-- name: news
SELECT position FROM release WHERE partner = :partner AND position > :position
  AND withdrawn_at IS NULL AND epoch = :epoch AND receipt IS NULL LIMIT 1;

-- name: stretch
-- How far a question that no index answers looks in one page; rows of other types are none of its business.
SELECT position FROM release WHERE partner = :partner AND position > :position ORDER BY position LIMIT 1 OFFSET :size;

-- name: stretch_of_type
SELECT position FROM release WHERE partner = :partner AND type = :type AND position > :position
ORDER BY position LIMIT 1 OFFSET :size;

-- name: matching (sqlite)
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.position > :position AND r.position <= :until
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch
  AND (:specs IS NULL OR r.spec_version IN (SELECT value FROM json_each(:specs)))
  AND (:every = 1 OR (:last = 1 AND r.is_last = 1)
    OR (:first = 1 AND NOT EXISTS (SELECT 1 FROM release e WHERE e.id_hash = r.id_hash AND e.object_id = r.object_id
        AND e.partner = r.partner AND e.version < r.version AND e.withdrawn_at IS NULL AND e.epoch = r.epoch))
    OR r.version IN (SELECT CAST(value AS INTEGER) FROM json_each(:versions)))
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY r.position LIMIT :limit;

-- name: matching_type (sqlite)
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.type = :type AND r.position > :position AND r.position <= :until
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch
  AND (:specs IS NULL OR r.spec_version IN (SELECT value FROM json_each(:specs)))
  AND (:every = 1 OR (:last = 1 AND r.is_last = 1)
    OR (:first = 1 AND NOT EXISTS (SELECT 1 FROM release e WHERE e.id_hash = r.id_hash AND e.object_id = r.object_id
        AND e.partner = r.partner AND e.version < r.version AND e.withdrawn_at IS NULL AND e.epoch = r.epoch))
    OR r.version IN (SELECT CAST(value AS INTEGER) FROM json_each(:versions)))
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY r.position LIMIT :limit;

-- name: matching_ids (sqlite)
-- The + keeps SQLite from walking the partner's whole view instead of looking the ids up.
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.id_hash IN (SELECT value FROM json_each(:hashes)) AND +r.partner = :partner AND r.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch
    AND (:types IS NULL OR r.type IN (SELECT value FROM json_each(:types)))
  AND (:specs IS NULL OR r.spec_version IN (SELECT value FROM json_each(:specs)))
  AND (:every = 1 OR (:last = 1 AND r.is_last = 1)
    OR (:first = 1 AND NOT EXISTS (SELECT 1 FROM release e WHERE e.id_hash = r.id_hash AND e.object_id = r.object_id
        AND e.partner = r.partner AND e.version < r.version AND e.withdrawn_at IS NULL AND e.epoch = r.epoch))
    OR r.version IN (SELECT CAST(value AS INTEGER) FROM json_each(:versions)))
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY +r.position LIMIT :limit;

-- name: matching (postgresql)
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.position > :position AND r.position <= :until
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch
  AND (CAST(:specs AS text[]) IS NULL OR r.spec_version = ANY(CAST(:specs AS text[])))
  AND (:every = 1 OR (:last = 1 AND r.is_last = 1)
    OR (:first = 1 AND NOT EXISTS (SELECT 1 FROM release e WHERE e.id_hash = r.id_hash AND e.object_id = r.object_id
        AND e.partner = r.partner AND e.version < r.version AND e.withdrawn_at IS NULL AND e.epoch = r.epoch))
    OR r.version = ANY(CAST(CAST(:versions AS text[]) AS bigint[])))
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY r.position LIMIT :limit;

-- name: matching_type (postgresql)
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.type = :type AND r.position > :position AND r.position <= :until
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch
  AND (CAST(:specs AS text[]) IS NULL OR r.spec_version = ANY(CAST(:specs AS text[])))
  AND (:every = 1 OR (:last = 1 AND r.is_last = 1)
    OR (:first = 1 AND NOT EXISTS (SELECT 1 FROM release e WHERE e.id_hash = r.id_hash AND e.object_id = r.object_id
        AND e.partner = r.partner AND e.version < r.version AND e.withdrawn_at IS NULL AND e.epoch = r.epoch))
    OR r.version = ANY(CAST(CAST(:versions AS text[]) AS bigint[])))
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY r.position LIMIT :limit;

-- name: matching_ids (postgresql)
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.id_hash = ANY(:hashes) AND r.partner = :partner AND r.position > :position
  AND r.withdrawn_at IS NULL AND r.epoch = :epoch
    AND (CAST(:types AS text[]) IS NULL OR r.type = ANY(CAST(:types AS text[])))
  AND (CAST(:specs AS text[]) IS NULL OR r.spec_version = ANY(CAST(:specs AS text[])))
  AND (:every = 1 OR (:last = 1 AND r.is_last = 1)
    OR (:first = 1 AND NOT EXISTS (SELECT 1 FROM release e WHERE e.id_hash = r.id_hash AND e.object_id = r.object_id
        AND e.partner = r.partner AND e.version < r.version AND e.withdrawn_at IS NULL AND e.epoch = r.epoch))
    OR r.version = ANY(CAST(CAST(:versions AS text[]) AS bigint[])))
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY r.position LIMIT :limit;

-- name: to_review
SELECT position, seq, of_id, object_id, version, digest, epoch, is_recall FROM release
WHERE partner = :partner AND position > :position AND epoch < :epoch AND withdrawn_at IS NULL
ORDER BY position LIMIT :limit;

-- name: releases_of
SELECT r.partner, r.position, r.added, r.object_id, r.version_text, r.rule, r.receipt, r.receipt_at, r.withdrawn_at,
  r.is_recall, r.ledger_index, r.raw IS NOT NULL AS is_copy, r.told
FROM release r WHERE r.of_hash = :of_hash AND r.of_id = :object_id ORDER BY r.position DESC LIMIT :limit;

-- name: latest_releases
SELECT r.partner, r.added, r.object_id, r.of_id, r.type, r.rule, r.receipt, r.receipt_at, r.withdrawn_at, r.is_recall,
  r.raw IS NOT NULL AS is_copy, r.told
FROM release r WHERE (:partner = '' OR r.partner = :partner) ORDER BY r.position DESC LIMIT :limit;

-- name: facts
SELECT object_id, version_text, digest, added, receipt, withdrawn_at, ledger_index FROM release
WHERE partner = :partner ORDER BY object_id, version, digest LIMIT :limit OFFSET :skip;

-- name: release_counts
SELECT partner, count(*) AS released, sum(CASE WHEN receipt IS NULL AND withdrawn_at IS NULL THEN 1 ELSE 0 END) AS waiting,
  sum(CASE WHEN withdrawn_at IS NULL THEN 0 ELSE 1 END) AS withdrawn, max(added) AS last_added
FROM release GROUP BY partner;

-- name: hold_back
INSERT INTO withheld (partner, object_id, seq, code, detail, rule, waits_for, until, epoch, at)
VALUES (:partner, :object_id, :seq, :code, :detail, :rule, :waits_for, :until, :epoch, :at)
ON CONFLICT (partner, object_id) DO UPDATE SET seq = excluded.seq, code = excluded.code, detail = excluded.detail,
  rule = excluded.rule, waits_for = excluded.waits_for, until = excluded.until, epoch = excluded.epoch, at = excluded.at;

-- name: let_go
DELETE FROM withheld WHERE partner = :partner AND object_id = :object_id;

-- name: waiting_for (sqlite)
SELECT object_id FROM withheld
WHERE partner = :partner AND waits_for IN (SELECT value FROM json_each(:ids))
UNION SELECT object_id FROM dropped
WHERE partner = :partner AND dropped_id IN (SELECT value FROM json_each(:ids));

-- name: waiting_for (postgresql)
SELECT object_id FROM withheld WHERE partner = :partner AND waits_for = ANY(:ids)
UNION SELECT object_id FROM dropped WHERE partner = :partner AND dropped_id = ANY(:ids);

-- name: forget_dropped
DELETE FROM dropped WHERE partner = :partner AND object_id = :object_id;

-- name: note_dropped
INSERT INTO dropped (partner, object_id, dropped_id) VALUES (:partner, :object_id, :dropped_id)
ON CONFLICT DO NOTHING;

-- name: due
SELECT object_id FROM withheld WHERE partner = :partner AND until IS NOT NULL AND until <= :now LIMIT :limit;

-- name: withheld_before
SELECT object_id FROM withheld WHERE partner = :partner AND epoch < :epoch ORDER BY object_id LIMIT :limit;

-- name: withheld_of
SELECT partner, code, detail, rule, until, at FROM withheld WHERE object_id = :object_id ORDER BY partner;

-- name: latest_withheld
SELECT w.partner, w.object_id, w.code, w.detail, w.rule, w.until, w.at
FROM withheld w WHERE (:partner = '' OR w.partner = :partner)
  -- That a partner's own intelligence does not go back to it is no news.
  AND w.code <> 'came-from-them' ORDER BY w.at DESC, w.object_id LIMIT :limit;

-- name: withheld_counts
SELECT partner, code, count(*) AS n FROM withheld WHERE code <> 'came-from-them'
GROUP BY partner, code ORDER BY partner, n DESC;

-- name: copy
SELECT document FROM copy WHERE copy_id = :copy_id;

-- name: put_copy
INSERT INTO copy (copy_id, of_id, document) VALUES (:copy_id, :of_id, :document)
ON CONFLICT (copy_id) DO UPDATE SET document = excluded.document;

-- name: note_received
INSERT INTO received (partner, object_id, version_text, digest, outcome, at)
VALUES (:partner, :object_id, :version_text, :digest, :outcome, :at);

-- name: received_from
SELECT object_id, version_text, digest, outcome, at FROM received WHERE partner = :partner
ORDER BY number LIMIT :limit OFFSET :skip;

-- name: received_counts
SELECT partner, count(*) AS n, max(at) AS last_at FROM received GROUP BY partner;

-- name: end_of_view
SELECT position FROM release WHERE partner = :partner ORDER BY position DESC LIMIT 1;

-- name: last_withdrawal
SELECT "index" FROM ledger WHERE kind = 'withdrawal' ORDER BY "index" DESC LIMIT 1;

-- name: stretches
SELECT r.position / :size AS number, min(r.added) AS first, max(r.added) AS last,
  max(CASE WHEN r.withdrawn_at > r.added THEN r.withdrawn_at ELSE r.added END) AS changed, count(*) AS n
FROM release r WHERE r.partner = :partner AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
GROUP BY r.position / :size ORDER BY 1;

-- name: stretch_rows
SELECT r.position, r.added, r.partner, r.object_id, r.version, r.version_text, r.type, r.spec_version, r.digest,
  r.rule, r.epoch, r.withdrawn_at, r.seq, r.of_id, r.is_recall, r.ledger_index, coalesce(r.raw, o.raw) AS raw, r.is_last
FROM release r JOIN object o ON o.seq = r.seq
WHERE r.partner = :partner AND r.position >= :begins AND r.position < :ends
  AND (:topic = 0 OR EXISTS (SELECT 1 FROM shelf s WHERE s.partner = r.partner AND s.topic = :topic AND s.position = r.position))
ORDER BY r.position;

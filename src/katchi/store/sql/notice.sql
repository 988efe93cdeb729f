-- What happened that people may have to hear of, and what is sent to whom about it until it was taken.

-- name: note
INSERT INTO happening (event, subject, at) VALUES (:event, :subject, :at) ON CONFLICT (event, subject) DO NOTHING;

-- name: plan
INSERT INTO happening (event, subject, at) VALUES (:event, :subject, :at)
ON CONFLICT (event, subject) DO UPDATE SET at = excluded.at, told_at = NULL WHERE happening.at <> excluded.at;

-- name: happened
SELECT event, subject, at FROM happening WHERE told_at IS NULL AND at <= :now ORDER BY at, event, subject LIMIT 200;

-- name: told
UPDATE happening SET told_at = :now WHERE event = :event AND subject = :subject AND at = :at;

-- name: put
INSERT INTO notice (id, target, event, subject, headline, document, made_at, next_at, tries)
VALUES (:id, :target, :event, :subject, :headline, :document, :made_at, :made_at, 0) ON CONFLICT (id) DO NOTHING;

-- name: due
SELECT id, target, event, subject, headline, document, made_at, next_at, tries, sent_at, given_up_at, problem FROM notice
WHERE next_at <= :now AND target = :target ORDER BY made_at, id LIMIT 20;

-- name: targets_due
SELECT DISTINCT target FROM notice WHERE next_at <= :now;

-- name: claim
UPDATE notice SET next_at = :until, tries = tries + 1 WHERE id = :id AND next_at = :seen;

-- name: sent
UPDATE notice SET next_at = NULL, sent_at = :now, problem = :problem WHERE id = :id;

-- name: again
UPDATE notice SET next_at = :at, problem = :problem WHERE id = :id AND sent_at IS NULL;

-- name: give_up
UPDATE notice SET next_at = NULL, given_up_at = :now, problem = :problem WHERE id = :id AND sent_at IS NULL;

-- name: give_up_target
UPDATE notice SET next_at = NULL, given_up_at = :now, problem = :problem WHERE target = :target AND next_at IS NOT NULL;

-- name: is_anything_due
SELECT 1 WHERE EXISTS (SELECT 1 FROM happening WHERE told_at IS NULL AND at <= :now)
  OR EXISTS (SELECT 1 FROM notice WHERE next_at <= :now);

-- name: recent
SELECT id, target, event, subject, headline, document, made_at, next_at, tries, sent_at, given_up_at, problem FROM notice
ORDER BY made_at DESC, id LIMIT :at_most;

-- name: troubled
SELECT id, target, event, subject, headline, document, made_at, next_at, tries, sent_at, given_up_at, problem FROM notice
WHERE made_at > :since AND problem IS NOT NULL ORDER BY made_at DESC, id LIMIT 50;

-- name: sweep_notices
DELETE FROM notice WHERE made_at < :before AND next_at IS NULL;

-- name: sweep_happenings
DELETE FROM happening WHERE told_at < :before;

-- name: note_poll
INSERT INTO feed_poll (feed, reader, at) VALUES (:feed, :reader, :at)
ON CONFLICT (feed, reader) DO UPDATE SET at = excluded.at;

-- name: polls
SELECT feed, reader, at FROM feed_poll ORDER BY feed, reader;

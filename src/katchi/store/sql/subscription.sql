-- What this node subscribes to, and how far it has read.

-- name: all
SELECT name, kind, document, created_at, bookmark, is_paused, next_due, last_at, last_ok_at, stored, held, refused,
  stored_total, refused_total, remarks, trouble, trouble_at, failures FROM subscription ORDER BY name;

-- name: one
SELECT name, kind, document, created_at, bookmark, is_paused, next_due, last_at, last_ok_at, stored, held, refused,
  stored_total, refused_total, remarks, trouble, trouble_at, failures FROM subscription WHERE name = :name;

-- name: due
SELECT name FROM subscription WHERE is_paused = 0 AND next_due <= :now ORDER BY next_due, name;

-- name: add
INSERT INTO subscription (name, kind, document, created_at, bookmark, is_paused, next_due, stored, held, refused,
  stored_total, refused_total, failures)
VALUES (:name, :kind, :document, :at, :bookmark, 0, :at, 0, 0, 0, 0, 0, 0)
ON CONFLICT (name) DO NOTHING;

-- name: drop
DELETE FROM subscription WHERE name = :name;

-- name: pause
UPDATE subscription SET is_paused = 1 WHERE name = :name;

-- name: resume
UPDATE subscription SET is_paused = 0, next_due = :at, failures = 0 WHERE name = :name;

-- name: kept
UPDATE subscription SET bookmark = :bookmark, stored_total = stored_total + :stored,
  refused_total = refused_total + :refused, last_at = :at
WHERE name = :name;

-- name: well
UPDATE subscription SET last_at = :at, last_ok_at = :at, stored = :stored, held = :held, refused = :refused,
  remarks = :remarks, trouble = NULL, trouble_at = NULL, failures = 0, next_due = :next_due
WHERE name = :name;

-- name: trouble
UPDATE subscription SET last_at = :at, trouble = :trouble, trouble_at = :at, failures = failures + 1,
  next_due = :next_due
WHERE name = :name;

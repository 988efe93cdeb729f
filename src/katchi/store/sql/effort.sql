-- What somebody works on, here or at a partner.

-- name: all
SELECT id, founder, origin, marking, object_id, view, shared_from, published, made_at, changed_at, trouble
FROM effort ORDER BY changed_at DESC, id LIMIT 2000;

-- name: one
SELECT id, founder, origin, marking, object_id, view, shared_from, published, made_at, changed_at, trouble
FROM effort WHERE id = :id;

-- name: beginning
SELECT id FROM effort WHERE substr(id, 1, length(:start)) = :start LIMIT 2;

-- name: put
INSERT INTO effort (id, founder, origin, marking, object_id, view, shared_from, published, made_at, changed_at, trouble)
VALUES (:id, :founder, :origin, :marking, :object_id, :view, :shared_from, :published, :made_at, :changed_at, :trouble)
ON CONFLICT (id) DO UPDATE SET marking = excluded.marking, object_id = excluded.object_id, view = excluded.view,
  shared_from = excluded.shared_from, published = excluded.published, changed_at = excluded.changed_at,
  trouble = excluded.trouble;

-- name: changes
SELECT node, number, body, signing_key, signature FROM effort_change WHERE effort = :effort ORDER BY node, number;

-- name: add_change
INSERT INTO effort_change (effort, node, number, body, signing_key, signature)
VALUES (:effort, :node, :number, :body, :signing_key, :signature);

-- name: untold
SELECT e.id FROM effort e
WHERE e.marking <> '' AND EXISTS (
  SELECT 1 FROM effort_change c WHERE c.effort = e.id AND c.node = :node AND c.number > e.published
);

-- name: apart
SELECT own, other FROM effort_apart;

-- name: put_apart
INSERT INTO effort_apart (own, other, person, at) VALUES (:own, :other, :person, :at)
ON CONFLICT (own, other) DO NOTHING;

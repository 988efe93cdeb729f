-- Topics, and which releases belong to them.

-- name: all
SELECT number, alias, document, filled_to FROM topic ORDER BY alias;

-- name: last_number
SELECT coalesce(max(number), 0) AS number FROM topic;

-- name: put
INSERT INTO topic (number, alias, document, filled_to) VALUES (:number, :alias, :document, :filled_to);

-- name: filled
UPDATE topic SET filled_to = :position WHERE number = :number;

-- name: drop
DELETE FROM topic WHERE number = :number;

-- name: clear
DELETE FROM shelf WHERE topic = :number;

-- name: shelve
INSERT INTO shelf (partner, topic, position) VALUES (:partner, :topic, :position) ON CONFLICT DO NOTHING;

-- name: move
UPDATE shelf SET position = :new_position WHERE partner = :partner AND position = :position AND topic = :topic;

-- name: released_after
SELECT r.position, r.partner, coalesce(r.raw, o.raw) AS raw FROM release r JOIN object o ON o.seq = r.seq
WHERE r.position > :position ORDER BY r.position LIMIT :limit;

-- name: end_of_releases
SELECT coalesce(max(position), 0) AS position FROM release;

-- name: counts
SELECT topic, count(*) AS n FROM shelf GROUP BY topic;

-- What was handed in, and what became of it: TAXII status resources and import summaries.

-- name: put
INSERT INTO submission (id, submitter, via, at, stored, held, refused, document)
VALUES (:id, :submitter, :via, :at, :stored, :held, :refused, :document);

-- name: one
SELECT id, submitter, via, at, stored, held, refused, document FROM submission WHERE id = :id;

-- name: latest
SELECT id, submitter, via, at, stored, held, refused FROM submission
WHERE (:submitter = '' OR submitter = :submitter) ORDER BY at DESC LIMIT :limit;

-- name: counts
SELECT submitter, sum(stored) AS stored, sum(held) AS held, sum(refused) AS refused, max(at) AS last_at
FROM submission GROUP BY submitter ORDER BY submitter;

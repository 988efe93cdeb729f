-- What tools of ours commanded. Rows stay, so the number of one is never given to another.

-- name: named
SELECT number, tool, name, profile, digest, made_at, answer FROM command WHERE tool = :tool AND name = :name;

-- name: numbered
SELECT number, tool, name, profile, digest, made_at, answer FROM command WHERE number = :number;

-- name: next
SELECT coalesce(max(number), 0) + 1 FROM command;

-- name: put
INSERT INTO command (number, tool, name, profile, digest, made_at)
VALUES (:number, :tool, :name, :profile, :digest, :made_at);

-- name: answer
UPDATE command SET answer = :answer WHERE number = :number AND answer IS NULL;

-- Responses across nodes, each node's log of them, and who here said yes.

-- name: put
INSERT INTO response (id, proposer, origin, name, state, marking, playbooks, run, notes_told, said, published, made_at,
  changed_at, due_at, trouble)
VALUES (:id, :proposer, :origin, :name, :state, :marking, :playbooks, :run, :notes_told, :said, :published, :made_at,
  :changed_at, :due_at, :trouble)
ON CONFLICT (id) DO UPDATE SET proposer = excluded.proposer, origin = excluded.origin, name = excluded.name,
  state = excluded.state, marking = excluded.marking, playbooks = excluded.playbooks, run = excluded.run,
  notes_told = excluded.notes_told, published = excluded.published, changed_at = excluded.changed_at,
  due_at = excluded.due_at, trouble = excluded.trouble;

-- name: one
SELECT id, proposer, origin, name, state, marking, playbooks, run, notes_told, said, published, made_at, changed_at, due_at,
  trouble FROM response WHERE id = :id;

-- name: of_run
SELECT id, proposer, origin, name, state, marking, playbooks, run, notes_told, said, published, made_at, changed_at, due_at,
  trouble FROM response WHERE run = :run;

-- name: all
SELECT id, proposer, origin, name, state, marking, playbooks, run, notes_told, said, published, made_at, changed_at, due_at,
  trouble FROM response ORDER BY changed_at DESC, id LIMIT 500;

-- name: due
SELECT id FROM response WHERE due_at <= :now ORDER BY due_at, id LIMIT 100;

-- name: beginning
SELECT id FROM response WHERE substr(id, 1, length(:start)) = :start LIMIT 2;

-- name: touch
UPDATE response SET due_at = :at WHERE id = :id AND (due_at IS NULL OR due_at > :at);

-- name: add_entry
INSERT INTO response_entry (response, node, number, body, signing_key, signature, at)
VALUES (:response, :node, :number, :body, :signing_key, :signature, :at);

-- name: entries
SELECT node, number, body, signing_key, signature, at FROM response_entry WHERE response = :response
ORDER BY node, number;

-- name: unpublished
SELECT id FROM response WHERE said > published ORDER BY id LIMIT 100;

-- name: note_said
UPDATE response SET said = :number WHERE id = :response;

-- name: approve
INSERT INTO response_approval (response, person, at, terms) VALUES (:response, :person, :at, :terms)
ON CONFLICT (response, person) DO UPDATE SET at = excluded.at, terms = excluded.terms;

-- name: approvals
SELECT person, at, terms FROM response_approval WHERE response = :response ORDER BY at, person;

-- name: forget_approvals
DELETE FROM response_approval WHERE response = :response;

-- name: is_anything_due
SELECT 1 WHERE EXISTS (SELECT 1 FROM response WHERE due_at <= :now)
  OR EXISTS (SELECT 1 FROM response WHERE said > published)
  OR EXISTS (SELECT 1 FROM run_alarm WHERE at <= :now)
  OR EXISTS (SELECT 1 FROM run_order WHERE phase IN ('intended', 'doing', 'stopping'))
  OR EXISTS (SELECT 1 FROM lease LEFT JOIN device ON device.name = lease.actuator
    WHERE lease.due_at <= :now AND coalesce(device.not_before, 0) <= :now);

-- name: said_of (sqlite)
SELECT DISTINCT m.key_hash, s.origin, s.marking FROM mention m JOIN summary s ON s.seq = m.seq
WHERE m.key_hash IN (SELECT value FROM json_each(:hashes));

-- name: said_of (postgresql)
SELECT DISTINCT m.key_hash, s.origin, s.marking FROM mention m JOIN summary s ON s.seq = m.seq
WHERE m.key_hash = ANY(:hashes);

-- name: gone_to (sqlite)
SELECT DISTINCT m.key_hash, s.marking FROM mention m JOIN summary s ON s.seq = m.seq
JOIN "release" r ON r.of_hash = m.id_hash
WHERE m.key_hash IN (SELECT value FROM json_each(:hashes)) AND r.partner = :partner AND r.withdrawn_at IS NULL;

-- name: gone_to (postgresql)
SELECT DISTINCT m.key_hash, s.marking FROM mention m JOIN summary s ON s.seq = m.seq
JOIN "release" r ON r.of_hash = m.id_hash
WHERE m.key_hash = ANY(:hashes) AND r.partner = :partner AND r.withdrawn_at IS NULL;

-- Playbooks, their runs, and what is to be done for them.

-- name: playbooks
SELECT id, version, name, document, digest, person, at FROM playbook ORDER BY name, version DESC;

-- name: playbook
SELECT id, version, name, document, digest, person, at FROM playbook
WHERE id = :id AND (version = :version OR :version = '') ORDER BY version DESC LIMIT 1;

-- name: put_playbook
INSERT INTO playbook (id, version, name, document, digest, person, at)
VALUES (:id, :version, :name, :document, :digest, :person, :at);

-- name: runs
SELECT id, playbook_id, version, status, reason, state, person, made_at, changed_at FROM run
ORDER BY made_at DESC, id LIMIT 500;

-- name: run
SELECT id, playbook_id, version, status, reason, state, person, made_at, changed_at FROM run WHERE id = :id;

-- name: beginning
SELECT id FROM run WHERE substr(id, 1, length(:start)) = :start LIMIT 2;

-- name: put_run
INSERT INTO run (id, playbook_id, version, status, reason, state, person, made_at, changed_at)
VALUES (:id, :playbook_id, :version, :status, :reason, :state, :person, :made_at, :changed_at)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, reason = excluded.reason, state = excluded.state,
  changed_at = excluded.changed_at;

-- name: put_order
INSERT INTO run_order (key, run, number, phase, document, at)
VALUES (:key, :run, (SELECT count(*) FROM run_order WHERE run = :run), :phase, :document, :at);

-- name: move_order
UPDATE run_order SET phase = :phase, person = :person, reason = :reason, at = :at
WHERE key = :key AND phase IN ('intended', 'doing', 'asked', 'stopping');

-- name: order
SELECT key, run, number, phase, document, person, reason, at FROM run_order WHERE key = :key;

-- name: order_beginning
SELECT key FROM run_order WHERE substr(key, 1, length(:start)) = :start LIMIT 2;

-- name: orders
SELECT key, run, number, phase, document, person, reason, at FROM run_order WHERE run = :run ORDER BY number;

-- name: waiting
SELECT key, run, number, phase, document, person, reason, at FROM run_order WHERE phase = 'asked' ORDER BY at LIMIT 500;

-- name: to_do
SELECT key, run, number, phase, document, person, reason, at FROM run_order WHERE phase IN ('intended', 'doing', 'stopping')
ORDER BY at, run, number;

-- name: put_alarm
INSERT INTO run_alarm (run, alarm, at) VALUES (:run, :alarm, :at) ON CONFLICT (run, alarm) DO NOTHING;

-- name: due
SELECT run, alarm FROM run_alarm WHERE at <= :now ORDER BY at, run, alarm LIMIT 100;

-- name: drop_alarm
DELETE FROM run_alarm WHERE run = :run AND alarm = :alarm;

-- name: drop_alarms
DELETE FROM run_alarm WHERE run = :run;

-- name: put_note
INSERT INTO run_note (run, number, at, what, step, reason)
VALUES (:run, :number, :at, :what, :step, :reason);

-- name: next_note
SELECT coalesce(max(number) + 1, 0) FROM run_note WHERE run = :run;

-- name: notes
SELECT number, at, what, step, reason FROM run_note WHERE run = :run ORDER BY number;

-- name: next_alarm
SELECT alarm, at FROM run_alarm WHERE run = :run ORDER BY at LIMIT 1;

-- name: is_due
SELECT 1 WHERE EXISTS (SELECT 1 FROM run_alarm WHERE at <= :now)
  OR EXISTS (SELECT 1 FROM run_order WHERE phase IN ('intended', 'doing', 'stopping'));

-- name: touch_response
UPDATE response SET due_at = 0 WHERE run = :run;

-- What is blocked for whom and until when. `due_at` is when a lease is next to be looked after; none when all is done.

-- name: put
INSERT INTO lease (id, actuator, thing, owner, run, order_key, step, reason, person, made_at, until, due_at)
VALUES (:id, :actuator, :thing, :owner, :run, :order_key, :step, :reason, :person, :made_at, :until, 0)
ON CONFLICT (id) DO NOTHING;

-- name: of_order
SELECT id, actuator, thing, owner, run, order_key, step, reason, person, made_at, until, held_at, ended_at, why, lifted_at
FROM lease WHERE order_key = :order_key ORDER BY actuator, thing;

-- name: in_force
SELECT id, actuator, thing, owner, run, order_key, step, reason, person, made_at, until, held_at, ended_at, why, lifted_at
FROM lease WHERE ended_at IS NULL OR lifted_at IS NULL ORDER BY made_at DESC, thing, actuator LIMIT :at_most;

-- name: of_owner
SELECT id, actuator, thing, owner, run, order_key, step, reason, person, made_at, until, held_at, ended_at, why, lifted_at
FROM lease WHERE owner = :owner ORDER BY made_at, thing, actuator LIMIT :at_most;

-- name: of_thing
SELECT id, actuator, thing, owner, run, order_key, step, reason, person, made_at, until, held_at, ended_at, why, lifted_at
FROM lease WHERE thing = :thing ORDER BY made_at DESC, actuator LIMIT :at_most;

-- name: count_of
SELECT count(DISTINCT thing) FROM lease WHERE owner = :owner AND ended_at IS NULL;

-- name: count_in_force
SELECT count(*) FROM lease WHERE ended_at IS NULL;

-- name: expire
UPDATE lease SET ended_at = until, why = 'expired', due_at = 0
WHERE actuator = :actuator AND ended_at IS NULL AND until <= :now;

-- name: end_order
UPDATE lease SET ended_at = :now, why = :why, due_at = 0 WHERE order_key = :order_key AND ended_at IS NULL;

-- name: end_owner
UPDATE lease SET ended_at = :now, why = :why, due_at = 0 WHERE owner = :owner AND ended_at IS NULL;

-- name: end_owners_thing
UPDATE lease SET ended_at = :now, why = :why, due_at = 0 WHERE owner = :owner AND thing = :thing AND ended_at IS NULL;

-- name: end_one
UPDATE lease SET ended_at = :now, why = :why, due_at = 0 WHERE id = :id AND ended_at IS NULL;

-- name: renew
UPDATE lease SET until = :until, due_at = 0 WHERE owner = :owner AND ended_at IS NULL;

-- name: open
SELECT id, thing, until, held_at, ended_at FROM lease
WHERE actuator = :actuator AND (ended_at IS NULL OR lifted_at IS NULL);

-- name: held
UPDATE lease SET held_at = coalesce(held_at, :now), due_at = until WHERE id = :id AND ended_at IS NULL AND until = :until
  AND (held_at IS NULL OR due_at IS NULL OR due_at <> until);

-- name: lifted
UPDATE lease SET lifted_at = :now, due_at = NULL WHERE id = :id AND ended_at IS NOT NULL;

-- name: due (sqlite)
SELECT DISTINCT +lease.actuator AS actuator FROM lease LEFT JOIN device ON device.name = lease.actuator
WHERE lease.due_at <= :now AND coalesce(device.not_before, 0) <= :now;

-- name: due (postgresql)
SELECT DISTINCT lease.actuator FROM lease LEFT JOIN device ON device.name = lease.actuator
WHERE lease.due_at <= :now AND coalesce(device.not_before, 0) <= :now;

-- name: devices
SELECT name, looked_at, held, put_back, taken_out, failures, not_before, problem FROM device ORDER BY name;

-- name: device
SELECT name, looked_at, held, put_back, taken_out, failures, not_before, problem FROM device WHERE name = :name;

-- name: put_device
INSERT INTO device (name, looked_at, held, put_back, taken_out, failures, not_before, problem)
VALUES (:name, :looked_at, :held, :put_back, :taken_out, :failures, :not_before, :problem)
ON CONFLICT (name) DO UPDATE SET looked_at = excluded.looked_at, held = excluded.held, put_back = excluded.put_back,
  taken_out = excluded.taken_out, failures = excluded.failures, not_before = excluded.not_before,
  problem = excluded.problem;

-- name: beginning
SELECT id FROM lease WHERE substr(id, 1, length(:start)) = :start LIMIT 2;

-- name: one
SELECT id, actuator, thing, owner, run, order_key, step, reason, person, made_at, until, held_at, ended_at, why, lifted_at
FROM lease WHERE id = :id;

-- name: touch_owner
UPDATE response SET due_at = 0 WHERE id = (SELECT owner FROM lease WHERE id = :id);

-- name: owners
SELECT DISTINCT owner FROM lease WHERE thing = :thing AND ended_at IS NULL;

-- name: listed
SELECT DISTINCT thing FROM lease WHERE actuator = :actuator AND ended_at IS NULL AND until > :now;

-- name: list_changed
SELECT max(at) FROM (
  SELECT max(ended_at) AS at FROM lease WHERE actuator = :actuator
  UNION ALL SELECT max(made_at) FROM lease WHERE actuator = :actuator AND ended_at IS NULL
  UNION ALL SELECT max(until) FROM lease WHERE actuator = :actuator AND ended_at IS NULL AND until <= :now
) AS changes;

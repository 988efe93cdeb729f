-- People who sign in, and their sessions.

-- name: put
INSERT INTO person (name, role, password, language, is_active, created_at)
VALUES (:name, :role, :password, :language, 1, :at);

-- name: one
SELECT name, role, password, language, is_active, created_at FROM person WHERE name = :name;

-- name: all
SELECT name, role, password, language, is_active, created_at FROM person ORDER BY name;

-- name: set_role
UPDATE person SET role = :role WHERE name = :name;

-- name: set_password
UPDATE person SET password = :password WHERE name = :name;

-- name: set_language
UPDATE person SET language = :language WHERE name = :name;

-- name: set_active
UPDATE person SET is_active = :is_active WHERE name = :name;

-- name: open_session
INSERT INTO session (digest, person, expires_at) VALUES (:digest, :person, :expires_at);

-- name: session
SELECT s.expires_at, p.name, p.role, p.password, p.language, p.is_active, p.created_at
FROM session s JOIN person p ON p.name = s.person WHERE s.digest = :digest;

-- name: close_session
DELETE FROM session WHERE digest = :digest;

-- name: close_sessions_of
DELETE FROM session WHERE person = :name;

-- name: forget_old_sessions
DELETE FROM session WHERE expires_at < :now;

-- Partners, their terms, invitations and the tokens of tools.

-- name: all
SELECT name, kind, state, document, terms_digest, epoch, judged_seq, pushed_position, pulled_after, contact_at, trouble,
  trouble_at, reviewed_epoch FROM partner ORDER BY name;

-- name: one
SELECT name, kind, state, document, terms_digest, epoch, judged_seq, pushed_position, pulled_after, contact_at, trouble,
  trouble_at, reviewed_epoch FROM partner WHERE name = :name;

-- name: put
INSERT INTO partner (name, kind, state, document, epoch, judged_seq, pushed_position, pulled_after)
VALUES (:name, :kind, :state, :document, 0, 0, 0, 0)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, state = excluded.state, document = excluded.document;

-- name: put_terms
INSERT INTO terms (partner, epoch, digest, text, at, person) VALUES (:partner, :epoch, :digest, :text, :at, :person);

-- name: enforce_terms
UPDATE partner SET terms_digest = :digest, epoch = :epoch WHERE name = :partner;

-- name: terms_in_force
SELECT t.text, t.digest, t.epoch, t.at, t.person FROM terms t JOIN partner p ON p.name = t.partner AND p.epoch = t.epoch
WHERE p.name = :partner;

-- name: terms_history
SELECT epoch, digest, at, person FROM terms WHERE partner = :partner ORDER BY epoch DESC;

-- name: reviewed
UPDATE partner SET reviewed_epoch = :epoch WHERE name = :name;

-- name: judged
UPDATE partner SET judged_seq = :seq WHERE name = :name;

-- name: pushed
UPDATE partner SET pushed_position = :position WHERE name = :name AND pushed_position < :position;

-- name: pulled
UPDATE partner SET pulled_after = :added WHERE name = :name AND pulled_after < :added;

-- name: contact
UPDATE partner SET contact_at = :at, trouble = NULL, trouble_at = NULL WHERE name = :name;

-- name: trouble
UPDATE partner SET trouble = :trouble, trouble_at = :at WHERE name = :name;

-- name: put_invitation
INSERT INTO invitation (id, partner, document, expires_at) VALUES (:id, :partner, :document, :expires_at);

-- name: invitation
SELECT id, partner, document, expires_at, used_at, used_by FROM invitation WHERE id = :id;

-- name: use_invitation
UPDATE invitation SET used_at = :at, used_by = :used_by WHERE id = :id AND used_at IS NULL;

-- name: drop_invitation
DELETE FROM invitation WHERE id = :id;

-- name: put_token
INSERT INTO token (id, digest, partner, label, created_at, expires_at)
VALUES (:id, :digest, :partner, :label, :created_at, :expires_at);

-- name: token
SELECT id, partner, label, created_at, expires_at FROM token WHERE digest = :digest;

-- name: tokens
SELECT id, partner, label, created_at, expires_at FROM token ORDER BY created_at;

-- name: drop_token
DELETE FROM token WHERE id = :id;

-- name: see_token
INSERT INTO seen_token (jti, expires_at) VALUES (:jti, :expires_at) ON CONFLICT (jti) DO NOTHING;

-- name: forget_seen_tokens
DELETE FROM seen_token WHERE expires_at < :now;

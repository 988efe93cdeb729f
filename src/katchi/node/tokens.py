"""Makes and takes back the tokens by which a partner's tool, which has no node, signs in."""

from __future__ import annotations

import base64
import hashlib

from katchi.errors import KatchiError
from katchi.node.wiring import Node
from katchi.policy.ledger import key_entry
from katchi.store import ledger, partners
from katchi.store.partners import Token

PREFIX = "katchi_"  # lets secret scanners recognise one that leaked


class NotAToolError(KatchiError):
    """A partner with a node signs its requests; it needs no token."""

    code = "not-a-tool"


class UnknownTokenError(KatchiError):
    """There is no token of this id."""

    code = "unknown-token"
    exit_status = 3


def create(node: Node, partner: str, *, label: str = "", lasts: int | None = None) -> tuple[Token, str]:
    """A new token and its secret, which is kept nowhere. `lasts` is in µs; None: until it is revoked.

    Raises UnknownPartnerError or NotAToolError.
    """
    now = node.clock.now()
    secret = PREFIX + base64.urlsafe_b64encode(node.random(32)).rstrip(b"=").decode()
    token = Token(node.random(6).hex(), partner, label, now, None if lasts is None else now + lasts)
    with node.store.database.writing() as transaction:
        if partners.one(transaction, partner).kind != "tool":
            raise NotAToolError(
                "This partner has a node, which signs its requests.", where=partner, expected="a tool",
                remedy="`katchi partner add-tool` adds a partner that signs in with a token",
            )  # fmt: skip
        transaction.run(
            "partner", "put_token",
            id=token.id, digest=hashlib.sha256(secret.encode()).digest(), partner=partner, label=label,
            created_at=now, expires_at=token.expires_at,
        )  # fmt: skip
        entry = key_entry(partner, "", f"token {token.id}", at=now, salt=node.random(16))
        ledger.append(transaction, [entry])
    return token, secret


def revoke(node: Node, token_id: str) -> None:
    """From here on the token is not accepted. Raises UnknownTokenError."""
    known = {token.id: token for token in node.store.partners.tokens()}
    if token_id not in known:
        raise UnknownTokenError(
            "There is no token of this id.", where=token_id[:40], remedy="`katchi token list` shows the ids"
        )
    with node.store.database.writing() as transaction:
        transaction.run("partner", "drop_token", id=token_id)
        partner = known[token_id].partner
        entry = key_entry(partner, f"token {token_id}", "", at=node.clock.now(), salt=node.random(16))
        ledger.append(transaction, [entry])

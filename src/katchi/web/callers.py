"""Who is calling: a partner's node by its signature, a tool by its token."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

from litestar import Request

from katchi.exchange import token
from katchi.exchange.taxii.errors import NotSignedInError, TooLargeError
from katchi.node import partnering
from katchi.node.wiring import Node
from katchi.store.partners import PartnerRow


@dataclass(frozen=True, slots=True)
class Claim:
    """Who says to call, as far as the headers can show it."""

    partner: PartnerRow
    signed: token.Caller | None


def claim(node: Node, request: Request[Any, Any, Any]) -> Claim:
    """Judges by the headers, before the body is read. Raises NotSignedInError."""
    header = request.headers.get("authorization") or ""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == token.SCHEME.lower():
        return _signed(node, request, header)
    if scheme.lower() == "bearer":
        return Claim(_tool(node, value.strip(), None), None)
    if scheme.lower() == "basic":
        name, secret = _basic(value)
        return Claim(_tool(node, secret, name), None)
    raise NotSignedInError("Sign in first.", expected="a token of this node, or a partner's signature")


def identify_by_key(node: Node, request: Request[Any, Any, Any]) -> PartnerRow:
    """The caller of MISP's API, where the whole header is the key; the other ways do too. Raises NotSignedInError."""
    header = (request.headers.get("authorization") or "").strip()
    is_scheme = header.partition(" ")[0].lower() in ("", "bearer", "basic", token.SCHEME.lower())
    return identify(node, request, b"") if is_scheme else _tool(node, header, None)


def settle(node: Node, claimed: Claim, body: bytes) -> PartnerRow:
    """The caller, once the body has shown to be the one signed for. Raises NotSignedInError."""
    if claimed.signed is not None:
        try:
            claimed.signed.check_body(hashlib.sha256(body).digest())
        except token.TokenError as problem:
            raise _stranger(problem) from problem
        partnering.note_key(node, claimed.partner.name, claimed.signed.key)
    return claimed.partner


def identify(node: Node, request: Request[Any, Any, Any], body: bytes) -> PartnerRow:
    """The caller of a request whose body is at hand. Raises NotSignedInError."""
    return settle(node, claim(node, request), body)


async def read_body(request: Request[Any, Any, Any], limit: int) -> bytes:
    """The body, refused before it is read when it says to be too large, and as soon as it is. Raises TooLargeError."""
    said = request.headers.get("content-length", "")
    if said.isdigit() and (len(said) > 18 or int(said) > limit):
        raise _too_large(limit, said[:40])
    pieces: list[bytes] = []
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise _too_large(limit, f"more than {limit}")
        pieces.append(piece)
    return b"".join(pieces)


def target_of(request: Request[Any, Any, Any]) -> str:
    """Path and query as they came over the wire: what the caller signed."""
    path: bytes = request.scope["raw_path"]
    query: bytes = request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("ascii")


def _signed(node: Node, request: Request[Any, Any, Any], header: str) -> Claim:
    rows = {row.node_id: row for row in partnering.known(node)}
    try:
        caller = token.check(
            header,
            method=request.method,
            target=target_of(request),
            audience=node.settings.node_id,
            key_of=lambda node_id: rows[node_id].request_keys if node_id in rows else (),
            now=node.clock.now(),
            seen=node.store.partners,
        )
    except token.TokenError as problem:
        raise _stranger(problem) from problem
    return Claim(node.store.partners.one(rows[caller.node_id].name), caller)


def _stranger(problem: token.TokenError) -> NotSignedInError:
    return NotSignedInError("The request is not authenticated.", what=problem.code, remedy=problem.remedy)


def _tool(node: Node, secret: str, name: str | None) -> PartnerRow:
    found = node.store.partners.token(hashlib.sha256(secret.encode()).digest()) if secret else None
    expired = found is not None and found.expires_at is not None and found.expires_at <= node.clock.now()
    if found is None or expired or (name is not None and name != found.partner):
        raise NotSignedInError(
            "The token is not known here, or has expired.",
            remedy="`katchi token create`",
        )
    return node.store.partners.one(found.partner)


def _basic(value: str) -> tuple[str, str]:
    try:
        name, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        raise NotSignedInError("The credentials cannot be read.", what="Authorization") from None
    return name, secret


def _too_large(limit: int, found: str) -> TooLargeError:
    return TooLargeError(
        "The body is larger than this node takes.",
        what="Content-Length",
        expected=f"at most {limit} bytes",
        found=found,
        remedy="send smaller envelopes: max_content_length of the API root says how small",
    )

"""Signs each request to a partner; checks that a request is the partner's own, fresh, and meant for us."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, ClassVar, Protocol

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from katchi.errors import KatchiError
from katchi.policy.keys import NodeKey, PublicKey, encode

SCHEME = "Katchi"
LIFETIME = 60  # seconds that a token is good for, at most
SKEW = 30  # seconds by which two clocks may differ
MAX_LENGTH = 8192  # of the whole header's value

_TYPE = "katchi-request+jws"
# RFC 9864 names the curve; the older "EdDSA" left it to the key.
_ALGORITHM = "Ed25519"
_registry = jws.JWSRegistry(algorithms=[_ALGORITHM])

Text = Annotated[str, msgspec.Meta(max_length=4096)]
Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**40)]


class TokenError(KatchiError):
    """A request is not authenticated. Tell a stranger no more than that."""

    code: ClassVar[str] = "token"


class TokenMalformedError(TokenError):
    """There is no token, or it is not of the form prescribed."""

    code = "token-malformed"


class TokenUnknownSignerError(TokenError):
    """The token is not signed by a key of a partner."""

    code = "token-unknown-signer"


class TokenForOtherRequestError(TokenError):
    """The token was made for another node, method, address or body."""

    code = "token-for-other-request"


class TokenExpiredError(TokenError):
    """The token's time is over, or has not come."""

    code = "token-expired"


class TokenReplayedError(TokenError):
    """The token was used before."""

    code = "token-replayed"


class ReplayGuard(Protocol):
    """Remembers tokens until they expire; shared by all workers of a node, and kept over a restart."""

    def first_time(self, jti: str, expires_at: int, *, now: int) -> bool:
        """Whether this is new; remembers it until `expires_at` (µs). Of two at once, one is told True."""


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: Annotated[str, msgspec.Meta(max_length=43)]
    typ: str


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    iss: Text
    aud: Text
    iat: Seconds
    exp: Seconds
    jti: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{22}\Z")]
    htm: Text
    htu: Text
    bd: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{43}\Z")]


@dataclass(frozen=True, slots=True)
class Caller:
    """The partner node that signed a request, known from its headers; the body is still to be checked."""

    node_id: str
    key: PublicKey
    body: str

    def check_body(self, digest: bytes) -> None:
        """Returns if the body with this SHA-256 was signed for. Raises TokenForOtherRequestError."""
        if not hmac.compare_digest(self.body, encode(digest)):
            raise TokenForOtherRequestError(
                "The body is not the one that was signed for.",
                what="bd",
                expected=self.body,
                found=encode(digest),
            )


def body_digest(body: bytes) -> bytes:
    """SHA-256 of a body that is in memory; one that streams is hashed as it goes."""
    return hashlib.sha256(body).digest()


def mint(
    key: NodeKey, *, issuer: str, audience: str, method: str, target: str, body: bytes, now: int, jti: bytes
) -> str:
    """The `Authorization` header's value for one request.

    `target` is path and query exactly as they are sent, `body` the SHA-256 of the body; `jti` are 16
    random bytes.
    """
    seconds = now // 1_000_000
    claims = _Claims(issuer, audience, seconds, seconds + LIFETIME, encode(jti), method, target, encode(body))
    header = {"alg": _ALGORITHM, "kid": key.public.id, "typ": _TYPE}
    payload = msgspec.json.encode(claims)
    return f"{SCHEME} {jws.serialize_compact(header, payload, _signer(key), registry=_registry)}"


def check(
    header: str | None,
    *,
    method: str,
    target: str,
    audience: str,
    key_of: Callable[[str], Sequence[PublicKey]],
    now: int,
    seen: ReplayGuard,
) -> Caller:
    """Who signed the request, judged by its headers, before a byte of the body is read.

    `key_of` gives the keys that a node id may sign with now, none for a stranger. The replay guard is
    asked last, so that only partners can fill it. Raises a TokenError.
    """
    token = _parse(header)
    claims = _claims(token)
    key = _signed_by(token, key_of(claims.iss))
    _for_this_request(claims, method=method, target=target, audience=audience)
    _in_time(claims, now)
    # Nobody can use up another's token: the guard's entry carries the signer.
    if not seen.first_time(f"{key.id}.{claims.jti}", (claims.exp + SKEW) * 1_000_000, now=now):
        raise TokenReplayedError("This token was used before.", where=claims.iss, remedy="sign each request anew")
    return Caller(claims.iss, key, claims.bd)


def _parse(header: str | None) -> jws.CompactSignature:
    scheme, _, value = (header or "").partition(" ")
    if scheme.lower() != SCHEME.lower():  # RFC 9110 §11.1: schemes are case-insensitive
        raise TokenMalformedError("The request carries no token.", what="Authorization", expected=f"{SCHEME} <jws>")
    if len(value) > MAX_LENGTH or value.count(".") != 2:
        raise TokenMalformedError("The token is not a compact JWS.", expected="RFC 7515 §3.1, at most 8 KiB")
    try:
        token = jws.extract_compact(value.encode("ascii"), None, _registry)
        protected = msgspec.convert(token.protected, _Header)
    except (JoseError, ValueError) as problem:  # UnicodeError and ValidationError are ValueErrors
        raise TokenMalformedError("The token is not a compact JWS.", expected="RFC 7515 §3.1") from problem
    # Before any key is looked at: no "none", no HMAC under a public key.
    if protected.alg != _ALGORITHM or protected.typ != _TYPE:
        raise TokenMalformedError(
            "The token is of another kind.", expected=f"alg {_ALGORITHM}, typ {_TYPE}",
            found=f"alg {protected.alg[:20]}, typ {protected.typ[:20]}",
        )  # fmt: skip
    return token


def _claims(token: jws.CompactSignature) -> _Claims:
    try:
        return msgspec.json.decode(token.payload, type=_Claims)
    except (msgspec.DecodeError, ValueError) as problem:
        raise TokenMalformedError("The token's claims cannot be read.", found=str(problem)[:200]) from problem


def _signed_by(token: jws.CompactSignature, keys: Sequence[PublicKey]) -> PublicKey:
    for key in keys:
        if key.id == token.protected["kid"] and _holds(token, key):
            return key
    # One sentence for a stranger, an old key and a forgery: whoever it is learns nothing.
    raise TokenUnknownSignerError(
        "The request is not signed by a partner.",
        remedy="if it is one: has its key changed? `katchi partner show`",
    )


def _holds(token: jws.CompactSignature, key: PublicKey) -> bool:
    try:
        return jws.validate_compact(token, _verifier(key), registry=_registry)
    except (JoseError, ValueError):
        return False


def _for_this_request(claims: _Claims, *, method: str, target: str, audience: str) -> None:
    for what, expected, found in (
        ("aud", audience, claims.aud),
        ("htm", method, claims.htm),
        ("htu", target, claims.htu),
    ):
        if found != expected:
            raise TokenForOtherRequestError(
                "The token was made for another request.",
                where=claims.iss, what=what, expected=expected[:200], found=found[:200],
                remedy="if a proxy stands between: it must not rewrite paths" if what == "htu" else "",
            )  # fmt: skip


def _in_time(claims: _Claims, now: int) -> None:
    seconds = now // 1_000_000
    if not claims.iat <= claims.exp <= claims.iat + LIFETIME:
        raise TokenMalformedError(
            "The token lives too long.",
            what="exp",
            expected=f"at most {LIFETIME} s",
            found=f"{claims.exp - claims.iat} s",
        )
    if claims.exp + SKEW < seconds or claims.iat - SKEW > seconds:
        raise TokenExpiredError(
            "The token is not good at this time.", where=claims.iss, expected=f"{claims.iat} to {claims.exp}",
            found=str(seconds), remedy="if this happens again, compare the clocks of both nodes",
        )  # fmt: skip


@lru_cache(maxsize=8)
def _signer(key: NodeKey) -> OKPKey:
    return OKPKey.import_key(key.private_pem())


@lru_cache(maxsize=1024)
def _verifier(key: PublicKey) -> OKPKey:
    return OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": key.to_text()})

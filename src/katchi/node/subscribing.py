"""What a node subscribes to, and the secrets that it signs in with: added, opened, taken away."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from katchi.errors import KatchiError
from katchi.exchange import fetching, subscriptions
from katchi.exchange.fetching import Bounds, SignIn, WebFetch
from katchi.exchange.subscription import Place
from katchi.exchange.subscriptions.taxii_places import Found, look
from katchi.node.documents import marking_id
from katchi.node.wiring import OWN, Node, keep_secret
from katchi.store.partners import UnknownPartnerError
from katchi.store.subscriptions import SubscriptionExistsError, SubscriptionRow

FOLDER = "subscriptions"
SHORTEST = 60  # seconds between two readings
How = Literal["", "basic", "bearer", "api-key"]

_name = re.compile(r"[a-z0-9][a-z0-9-]{0,62}").fullmatch
_header = re.compile(r"[A-Za-z0-9-]{1,60}").fullmatch
_RESERVED = frozenset({OWN, "any"})
# Headers that say where a request goes or how it is framed; a key has no business in them.
_FRAMING = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept", "accept-encoding", "range"}
)


class UnusableSubscriptionError(KatchiError):
    """This cannot be subscribed to as it stands."""

    code = "subscription"
    exit_status = 2


class LostSecretError(KatchiError):
    """The file with what a subscription signs in with is not there."""

    code = "secret-lost"


class Wanted(msgspec.Struct, frozen=True, rename="kebab"):
    """A subscription as somebody asks for it; kept as it is, so never with a secret in it."""

    url: str
    options: dict[str, str] = {}
    every: int = 900  # seconds
    marking: str = ""  # TLP label of what is made here, out of what is no STIX
    ca: str = ""  # PEM of the only authority that is trusted; else this machine's
    allows_private: bool = False
    how: How = ""  # it signs in
    user: str = ""  # with Basic
    header: str = "X-Api-Key"
    has_certificate: bool = False


class Secret(msgspec.Struct, frozen=True):
    """What a subscription signs in with: a password, token or key; a client certificate and its key, in PEM."""

    value: str = ""
    certificate: bytes = b""

    def __repr__(self) -> str:
        return "Secret(…)"


def add(node: Node, name: str, kind: str, wanted: Wanted, secret: Secret | None = None) -> None:
    """Subscribes; the first reading is due at once.

    Raises UnusableSubscriptionError, UnknownKindError, SubscriptionExistsError, and what is wrong with the URL.
    """
    secret = secret or Secret()
    _require_name(node, name)
    subscriptions.named(kind)
    _require_usable(wanted, secret)
    if any(row.name == name for row in node.store.subscriptions.all()):
        raise SubscriptionExistsError("There is a subscription of this name already.", found=name)
    _keep(node, name, secret)
    try:
        opened(node, name, wanted).close()  # what cannot be opened now, cannot be at night either
        node.store.subscriptions.add(name, kind, msgspec.json.encode(wanted), node.clock.now())
    except BaseException:
        _forget(node, name)
        raise
    node.bell.ring()


def remove(node: Node, name: str) -> None:
    """Ends a subscription; what it brought stays. Raises UnknownSubscriptionError."""
    node.store.subscriptions.one(name)
    node.store.subscriptions.drop(name)
    _forget(node, name)
    lock_file(node, name).unlink(missing_ok=True)


def pause(node: Node, name: str) -> None:
    """It is not read by itself any more. Raises UnknownSubscriptionError."""
    node.store.subscriptions.one(name)
    node.store.subscriptions.pause(name)


def resume(node: Node, name: str) -> None:
    """It is read again, at once. Raises UnknownSubscriptionError."""
    node.store.subscriptions.one(name)
    node.store.subscriptions.resume(name, node.clock.now())
    node.bell.ring()


def wanted_of(row: SubscriptionRow) -> Wanted:
    """What was asked for."""
    return msgspec.json.decode(row.document, type=Wanted)


def place_of(node: Node, wanted: Wanted) -> Place:
    """Where to read."""
    return Place(wanted.url, wanted.options, node.settings.limits.max_document)


def opened(node: Node, name: str, wanted: Wanted, *, is_stopping: Callable[[], bool] = lambda: False) -> WebFetch:
    """What asks the server, signed in; whoever opens it closes it. Raises LostSecretError."""
    return _fetch(node, wanted, _sign_in(node, name, wanted), is_stopping)


def discover(node: Node, wanted: Wanted, secret: Secret | None = None) -> Found:
    """The collections that a TAXII server lets us read; nothing is kept. Raises KatchiError."""
    secret = secret or Secret()
    _require_usable(wanted, secret)
    name = f".trying-{node.random(8).hex()}"
    _keep(node, name, secret)
    try:
        with opened(node, name, wanted) as fetch:
            return look(wanted.url, fetch)
    finally:
        _forget(node, name)


def secret_file(node: Node, name: str) -> Path:
    """Where a subscription's password, token or key is kept, for its owner only."""
    return node.folder / FOLDER / f"{name}.secret"


def certificate_file(node: Node, name: str) -> Path:
    """Where a subscription's client certificate and key are kept, for their owner only."""
    return node.folder / FOLDER / f"{name}.pem"


def lock_file(node: Node, name: str) -> Path:
    """Locked by whoever reads a subscription."""
    return node.folder / FOLDER / f"{name}.lock"


def _require_name(node: Node, name: str) -> None:
    if not _name(name) or name in _RESERVED:
        raise UnusableSubscriptionError(
            "This name cannot be used.", what="name", expected="a-z, 0-9 and hyphens; not own, not any", found=name[:60]
        )
    try:
        node.store.partners.one(name)
    except UnknownPartnerError:
        return
    # Terms speak of both by name, and must not take one for the other.
    raise UnusableSubscriptionError("A partner has this name.", what="name", expected="a name of its own", found=name)


def _require_usable(wanted: Wanted, secret: Secret) -> None:
    fetching.require_url(wanted.url)
    if wanted.marking:
        marking_id(wanted.marking)
    if wanted.every < SHORTEST:
        raise UnusableSubscriptionError(
            "That is more often than a server should be asked.",
            what="--every", expected=f"at least {SHORTEST} seconds", found=str(wanted.every),
        )  # fmt: skip
    if not _header(wanted.header) or wanted.header.lower() in _FRAMING:
        raise UnusableSubscriptionError(
            "This is no header for a key.", what="--api-key-header", found=wanted.header[:60]
        )
    if ":" in wanted.user or not wanted.user.isprintable():
        raise UnusableSubscriptionError("A user name has no colon (RFC 7617 §2).", what="--user")
    if bool(wanted.how) != bool(secret.value) or bool(wanted.has_certificate) != bool(secret.certificate):
        raise UnusableSubscriptionError(
            "What it signs in with is missing or empty.", what=wanted.how or "sign-in", expected="a secret in the file"
        )
    fits = wanted.how == "basic" or (secret.value.isascii() and secret.value == secret.value.strip())
    if not secret.value.isprintable() or not fits:
        raise UnusableSubscriptionError(
            "The secret holds characters that no header can carry.", what=wanted.how,
            expected="one line of printable characters",
        )  # fmt: skip


def _sign_in(node: Node, name: str, wanted: Wanted) -> SignIn:
    value = _value(node, name) if wanted.how else ""
    headers: dict[str, str] = {}
    if wanted.how == "basic":
        headers = dict(fetching.basic(wanted.user, value).headers)
    elif wanted.how == "bearer":
        headers = dict(fetching.bearer(value).headers)
    elif wanted.how == "api-key":
        headers = {wanted.header.lower(): value}
    return SignIn(headers, certificate_file(node, name) if wanted.has_certificate else None)


def _fetch(node: Node, wanted: Wanted, sign_in: SignIn, is_stopping: Callable[[], bool]) -> WebFetch:
    return WebFetch(
        wanted.url, now=node.clock.now, sign_in=sign_in, ca=wanted.ca, allows_private=wanted.allows_private,
        bounds=Bounds(size=node.settings.limits.max_document), is_stopping=is_stopping,
    )  # fmt: skip


def _value(node: Node, name: str) -> str:
    try:
        return secret_file(node, name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise LostSecretError(
            "What this subscription signs in with is not there any more.", where=name,
            remedy="remove the subscription and add it again; what it brought is recognised",
        ) from problem  # fmt: skip


def _keep(node: Node, name: str, secret: Secret) -> None:
    _forget(node, name)  # of one whose adding was cut short
    (node.folder / FOLDER).mkdir(mode=0o700, exist_ok=True)
    if secret.value:
        keep_secret(secret_file(node, name), secret.value.encode())
    if secret.certificate:
        keep_secret(certificate_file(node, name), secret.certificate)


def _forget(node: Node, name: str) -> None:
    secret_file(node, name).unlink(missing_ok=True)
    certificate_file(node, name).unlink(missing_ok=True)

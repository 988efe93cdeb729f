"""Who sits in front of the console: sessions, form tokens, and how often somebody may try to sign in."""

from __future__ import annotations

import base64
import hashlib
import hmac
import threading
from collections import deque
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie
from litestar.handlers import BaseRouteHandler
from litestar.types import Guard

from katchi.errors import KatchiError
from katchi.node import people
from katchi.node.wiring import Node
from katchi.store.people import Person
from katchi.web.language import LANGUAGES, Language

COOKIE = "katchi-session"
FORM_COOKIE = "katchi-form"
LANGUAGE_COOKIE = "katchi-language"
LASTS = 12 * 3600  # seconds: a shift and the hand-over
WINDOW = 300_000_000  # µs in which tries are counted
PER_NAME, PER_ADDRESS = 8, 40  # a whole shift may sit behind one address


class SignInNeededError(KatchiError):
    """Nobody is signed in."""

    code = "sign-in-needed"


class RoleNeededError(KatchiError):
    """The person may not do this."""

    code = "role-needed"


class FormError(KatchiError):
    """A form came without its token, so perhaps from another site."""

    code = "form-token"


class TooManyTriesError(KatchiError):
    """Too many tries to sign in."""

    code = "too-many-tries"


class Tries:
    """Counts tries to sign in, in memory: a restart forgives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen: dict[str, deque[int]] = {}

    def count(self, name: str, address: str, now: int) -> None:
        """One more try. Raises TooManyTriesError."""
        with self._lock:
            for key in list(self._seen):
                while self._seen[key] and self._seen[key][0] <= now - WINDOW:
                    self._seen[key].popleft()
                if not self._seen[key]:
                    del self._seen[key]
            for key, most in ((f"name {name}", PER_NAME), (f"address {address}", PER_ADDRESS)):
                tries = self._seen.setdefault(key, deque())
                tries.append(now)
                if len(tries) > most:
                    raise TooManyTriesError("Too many tries. Wait five minutes.")

    def forget(self, name: str) -> None:
        """The right password was given."""
        with self._lock:
            self._seen.pop(f"name {name}", None)


def node_of(connection: ASGIConnection[Any, Any, Any, Any]) -> Node:
    """The node that is served."""
    node: Node = connection.app.state.node
    return node


def at_least(role: str) -> Guard:
    """A guard: whoever calls is signed in and has at least this role."""

    def guard(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        person = signed_in(connection)
        if person is None:
            raise SignInNeededError("Sign in first.")
        require_role(person, role)
        connection.state.person = person

    return guard


def require_role(person: Person, role: str) -> None:
    """Raises RoleNeededError."""
    if not people.may(person, role):
        raise RoleNeededError("Your role does not allow this.", expected=role, found=person.role)


def signed_in(connection: ASGIConnection[Any, Any, Any, Any]) -> Person | None:
    """Who is signed in, if anybody."""
    secret = connection.cookies.get(COOKIE, "")
    node = node_of(connection)
    return node.store.people.in_session(_digest(secret), now=node.clock.now()) if secret else None


def open_for(node: Node, person: Person) -> Cookie:
    """A new session and its cookie. The store keeps only a digest of what the cookie holds."""
    secret = base64.urlsafe_b64encode(node.random(32)).decode().rstrip("=")
    now = node.clock.now()
    node.store.people.open_session(_digest(secret), person.name, now + LASTS * 1_000_000, now=now)
    return cookie(node, COOKIE, secret, max_age=LASTS)


def close(connection: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Signs out."""
    node_of(connection).store.people.close_session(_digest(connection.cookies.get(COOKIE, "")))


def cookie(node: Node, name: str, value: str, *, max_age: int) -> Cookie:
    """A cookie that scripts and other sites do not get."""
    secure = node.settings.is_secure
    return Cookie(key=name, value=value, max_age=max_age, path="/", httponly=True, samesite="lax", secure=secure)


def form_token(connection: ASGIConnection[Any, Any, Any, Any]) -> str:
    """What a form of this session must carry."""
    secret = connection.cookies.get(COOKIE) or connection.cookies.get(FORM_COOKIE, "")
    return hmac.new(secret.encode(), b"katchi form", hashlib.sha256).hexdigest() if secret else ""


def require_form_token(connection: ASGIConnection[Any, Any, Any, Any], given: str) -> None:
    """Raises FormError unless the form is one that we gave this very browser."""
    expected = form_token(connection)
    if not expected or not hmac.compare_digest(expected, given):
        raise FormError("The form has expired, or did not come from this console.", remedy="open the page again")


def language_of(connection: ASGIConnection[Any, Any, Any, Any], person: Person | None) -> Language:
    """The language to answer in: chosen here, the person's, the browser's, the node's."""
    accepted = connection.headers.get("accept-language", "")[:2].lower()
    wishes = (
        connection.cookies.get(LANGUAGE_COOKIE),
        person.language if person else None,
        accepted,
        node_of(connection).settings.language,
    )
    for wish in wishes:
        for language in LANGUAGES:
            if wish == language:
                return language
    return "en"


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()

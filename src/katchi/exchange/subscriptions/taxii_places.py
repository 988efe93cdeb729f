"""Finds out what may be read at a TAXII server: from its discovery, an API root, or a collection's own address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urljoin, urlsplit, urlunsplit

import msgspec

from katchi.errors import KatchiError
from katchi.exchange.fetching import AnswerError, origin_of, require_url, shown
from katchi.exchange.subscription import Fetch, Fetched, MisbehavingServerError

TAXII_21 = "application/taxii+json;version=2.1"
TAXII_20 = "application/vnd.oasis.taxii+json; version=2.0"
_CHECK = "check the address; a document is another kind of subscription (--kind document)"
_ROOTS = 50  # more are not a server's, but a trap
_T = TypeVar("_T", bound=msgspec.Struct)


class CollectionError(KatchiError):
    """Which collection is meant cannot be told, or it may not be read."""

    code = "collection-unclear"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class Readable:
    """A collection as its server describes it. `url` is the collection's own."""

    url: str
    id: str
    title: str
    alias: str
    description: str
    can_read: bool
    can_write: bool
    version: str  # of TAXII: "2.1" or "2.0"


@dataclass(frozen=True, slots=True)
class Found:
    """What a server offers, and what stood in the way of looking further."""

    collections: list[Readable]
    problems: list[KatchiError]


class _Collection(msgspec.Struct, frozen=True):
    id: str
    title: str = ""
    alias: str | None = None
    description: str | None = None
    can_read: bool = False
    can_write: bool = False


class _Collections(msgspec.Struct, frozen=True):
    collections: list[_Collection] | None = None


class _Discovery(msgspec.Struct, frozen=True):
    api_roots: list[str] | None = None
    default: str | None = None


def look(url: str, fetch: Fetch) -> Found:
    """All collections that can be found from this address. Raises KatchiError when it answers with nothing of use."""
    version, fetched = ask(_beginning(url), fetch)
    names = _names(fetched)
    if "can_read" in names:
        return Found([_readable(decoded(fetched, _Collection), fetched.url, version)], [])
    if "collections" in names:
        return Found(list(_listed(fetched, version)), [])
    if "api_roots" in names or "default" in names:
        return _all_roots(fetched, fetch, version)
    if "versions" in names:
        return Found(_of_root(fetched.url, fetch, version), [])
    raise MisbehavingServerError(
        "There is no TAXII at this address.", where=shown(url),
        expected="a discovery, an API root, or a collection", found=", ".join(sorted(names))[:100] or "nothing",
        remedy=_CHECK,
    )  # fmt: skip


def is_same_server(one: str, other: str) -> bool:
    """Whether both addresses are of one server: a redirect elsewhere is not remembered."""
    return origin_of(urlsplit(one)) == origin_of(urlsplit(other))


def _beginning(url: str) -> str:
    """The address to ask first: all of TAXII's end in a slash, and its discovery is at /taxii2/ (§1.6.1, §4.1)."""
    parts = urlsplit(url)
    path = re.sub(r"/objects/?\Z", "/", parts.path)
    return _with_slash(urlunsplit(parts._replace(path="/taxii2/" if path in ("", "/") else path)))


def choose(found: Found, wanted: str, url: str) -> Readable:
    """The collection of this id, alias or title; without one, the only one that can be read. Raises CollectionError."""
    fitting = [
        each
        for each in found.collections
        if each.can_read and (not wanted or wanted in (each.id, each.alias) or wanted == each.title)
    ]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting and found.problems:
        raise found.problems[0]
    can_be_read = [f"{each.id} ({each.alias or each.title})" for each in found.collections if each.can_read]
    raise CollectionError(
        "It is not clear which collection is meant." if fitting or not wanted else "No such collection can be read.",
        where=shown(url), what="--collection", expected="one of " + (", ".join(can_be_read) or "none")[:500],
        found=wanted[:100] or "none given", remedy="`katchi subscription collections URL` shows what can be read",
    )  # fmt: skip


def ask(url: str, fetch: Fetch, version: str = "") -> tuple[str, Fetched]:
    """The version of TAXII that is spoken there, and the answer; 2.0 only to those who do not know 2.1."""
    if version:
        return version, fetch(url, headers={"accept": TAXII_20 if version == "2.0" else TAXII_21})
    try:
        return "2.1", fetch(url, headers={"accept": TAXII_21})
    except AnswerError as problem:
        if problem.status not in (406, 415):
            raise
        return "2.0", fetch(url, headers={"accept": TAXII_20})


def decoded(fetched: Fetched, kind: type[_T]) -> _T:
    """The answer as such a resource. Raises MisbehavingServerError."""
    try:
        return msgspec.json.decode(fetched.body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MisbehavingServerError(
            "The server's answer is not what TAXII says.", where=shown(fetched.url), found=str(problem)[:200],
            remedy="tell whoever runs the server; it is tried again by itself",
        ) from problem  # fmt: skip


def _names(fetched: Fetched) -> set[str]:
    try:
        members: Any = msgspec.json.decode(fetched.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise MisbehavingServerError(
            "There is no TAXII at this address.", where=shown(fetched.url), expected="JSON", found=str(problem)[:200],
            remedy=_CHECK,
        ) from problem  # fmt: skip
    return set(members) if isinstance(members, dict) else set()


def _all_roots(fetched: Fetched, fetch: Fetch, version: str) -> Found:
    discovery = decoded(fetched, _Discovery)
    named = list(dict.fromkeys([*filter(None, [discovery.default]), *(discovery.api_roots or [])]))
    collections: list[Readable] = []
    problems: list[KatchiError] = []
    for root in named[:_ROOTS]:
        try:
            collections += _of_root(_root_url(fetched.url, root), fetch, version)
        except KatchiError as problem:  # one root that is down or closed to us says nothing of the others
            problems.append(problem)
    unique = {each.url: each for each in collections}
    if not unique and problems:
        raise problems[0]
    return Found(list(unique.values()), problems)


def _root_url(base: str, root: str) -> str:
    """A root's address, relative or absolute (TAXII 2.1 §4.1.1), on the server that we subscribe to."""
    url = _with_slash(urljoin(base, root))
    here, there = require_url(base), require_url(url)
    if here.scheme == "https" and there.scheme == "http" and here.hostname == there.hostname:
        # Behind a proxy that does TLS many servers take themselves for plain ones.
        there = there._replace(scheme="https", netloc=here.netloc)
        url = urlunsplit(there)
    if origin_of(here) != origin_of(there):
        raise MisbehavingServerError(
            "The server names an API root that is on another server.", where=shown(base),
            expected="an API root on the same server", found=shown(url),
            remedy="if it is right, subscribe to that address itself: what you sign in with here does not go there",
        )  # fmt: skip
    return url


def _of_root(url: str, fetch: Fetch, version: str) -> list[Readable]:
    _, fetched = ask(urljoin(_with_slash(url), "collections/"), fetch, version)
    return list(_listed(fetched, version))


def _listed(fetched: Fetched, version: str) -> Iterator[Readable]:
    for each in decoded(fetched, _Collections).collections or []:
        if "/" not in each.id and each.id not in ("", ".", ".."):
            yield _readable(each, urljoin(_with_slash(fetched.url), f"{each.id}/"), version)


def _readable(each: _Collection, url: str, version: str) -> Readable:
    return Readable(
        _with_slash(url), each.id, each.title, each.alias or "", each.description or "",
        each.can_read, each.can_write, version,
    )  # fmt: skip


def _with_slash(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(path=parts.path if parts.path.endswith("/") else parts.path + "/", query=""))

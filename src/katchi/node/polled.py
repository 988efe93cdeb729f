"""Lists of what is blocked that devices fetch from here: what is on them, who may have them, who fetched them when."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from katchi.exchange.taxii.errors import NotFoundError
from katchi.node import collections
from katchi.node.wiring import Node
from katchi.respond.actuators import feed
from katchi.store import leases, notices
from katchi.store.notices import PollRow
from katchi.store.partners import PartnerRow

SECOND: Final = 1_000_000
_NOTED_EVERY: Final = 5 * SECOND
"""How exactly it is kept when somebody fetched a list: each time would be a transaction each time."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A list as it is this moment. `mark` changes whenever what is on it does."""

    text: bytes
    mark: str
    entries: int


def fetch(node: Node, partner: PartnerRow, name: str) -> Fetched:
    """The list of this name for one of its readers, and notes that it was there.

    Who is none of them is told what everybody is told who asks for a list that there is not. Raises NotFoundError,
    NotAllowedError.
    """
    settings = _named(node, name)
    if settings is None or partner.name not in settings.readers:
        raise NotFoundError("There is no such feed for you.", what=name[:80])
    collections.require_flowing(partner)
    now = node.clock.now()
    with node.store.database.reading() as transaction:
        on_it, serial = leases.listed(transaction, name, now=now)
    _note(node, name, partner.name, now)
    text = feed.document(settings, on_it, serial).encode()
    mark = hashlib.blake2b(text, digest_size=12, key=node.copy_key).hexdigest()
    return Fetched(text, mark, len(on_it))


def addresses(node: Node, partner: PartnerRow) -> list[tuple[str, str, str]]:
    """(name, format, address) of each list that this partner may fetch."""
    root = f"{node.settings.url.rstrip('/')}/feeds/blocked"
    return [
        (each.name, each.format, f"{root}/{each.name}") for each in _feeds(node) if partner.name in each.readers
    ]  # fmt: skip


def polls_of(node: Node) -> Mapping[str, Sequence[PollRow]]:
    """Of each feed, when each of its readers last fetched it; only of those who may still have it."""
    readers = {each.name: each.readers for each in _feeds(node)}
    found: dict[str, list[PollRow]] = {}
    for row in node.store.notices.polls() if readers else ():
        if row.reader in readers.get(row.feed, ()):
            found.setdefault(row.feed, []).append(row)
    return found


def misses(node: Node) -> Callable[[str], str]:
    """Tells who has not fetched a list for longer than is expected; "" where nothing is wrong."""

    def missing(name: str) -> str:
        settings = _named(node, name)
        if settings is None:
            return ""
        if not settings.readers:
            return "Nobody may fetch it: `readers` is empty."
        if not settings.expect_every:
            return ""
        last = {row.reader: row.at for row in polls_of(node).get(name, ())}
        since = node.clock.now() - settings.expect_every * SECOND
        late = [reader for reader in settings.readers if last.get(reader, 0) < since]
        return f"Not fetched for {settings.expect_every} seconds by {', '.join(late)}." if late else ""

    return missing


def _feeds(node: Node) -> list[feed.Settings]:
    return [each for each in node.settings.actuator if isinstance(each, feed.Settings)]


def _named(node: Node, name: str) -> feed.Settings | None:
    return next((each for each in _feeds(node) if each.name == name), None)


def _note(node: Node, name: str, reader: str, now: int) -> None:
    last = next((row.at for row in node.store.notices.polls() if (row.feed, row.reader) == (name, reader)), 0)
    if now - last >= _NOTED_EVERY:
        with node.store.database.writing() as transaction:
            notices.note_poll(transaction, PollRow(name, reader, now))

"""Saved searches that notify: what settles is held against each, and what comes to match is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from katchi.node import search
from katchi.node.search import Query, Scored
from katchi.node.wiring import Node
from katchi.overlap import things
from katchi.store import watches
from katchi.store.database import Transaction
from katchi.store.log import hash_of
from katchi.store.things import ThingRow
from katchi.store.watches import Note

LONGEST: Final = 200_000  # characters of what is watched
_LONGEST_NAME: Final = 80


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a watch asks: for values, or a query, whose words name `roots` by the tables."""

    keys: frozenset[str]
    query: Query
    words: str
    roots: frozenset[str]


@lru_cache(maxsize=256)  # a watch may have thousands of values, and is asked of every batch that comes
def _asked(text: str) -> _Asked:
    keys = frozenset(search.values_in(text))
    if keys:
        return _Asked(keys, Query(), "", frozenset())
    query = search.parse(text)
    roots = frozenset(search.roots_named(query.words)) if query.words else frozenset()
    return _Asked(keys, query, query.words.lower(), roots)


class Watching:
    """All watches, ready to be asked of what settles. One for each transaction."""

    def __init__(self, node: Node, transaction: Transaction, saved: Sequence[tuple[int, str]]) -> None:
        self._node = node
        self._transaction = transaction
        self._now = node.clock.now()
        self._watches = [(number, _asked(text)) for number, text in saved]

    @classmethod
    def of(cls, node: Node, transaction: Transaction) -> Watching | None:
        """None where nobody watches."""
        saved = watches.saved(transaction)
        return cls(node, transaction, saved) if saved else None

    def note(self, members: Mapping[str, Sequence[str]], weighed: Mapping[str, Mapping[str, Any]]) -> None:
        """Keeps what matches of these things: `weighed` has their rows by root, `members` their keys."""
        found = [
            Note(number, root, row["name"], row["sources"])
            for root, row in weighed.items()
            for number, asked in self._watches
            if self._fits(asked, root, members[root], row)
        ]
        watches.note(self._transaction, found, self._now)

    def _fits(self, asked: _Asked, root: str, keys: Sequence[str], row: Mapping[str, Any]) -> bool:
        if asked.keys:
            return not asked.keys.isdisjoint(keys)
        if asked.words and root not in asked.roots and asked.words not in row["name"].lower():
            return False
        thing = ThingRow(
            number=0, key_hash=hash_of(root), key=root, kind=things.kind_of(root),
            **{name: row[name] for name in _WEIGHED},
        )  # fmt: skip
        return search.fits(Scored(thing, search.score_of(self._node, thing, self._now)), asked.query, self._now)


_WEIGHED: Final = (
    "name", "base", "fresh_at", "rank", "first_at", "last_at", "statements", "sightings", "sources", "warned",
)  # fmt: skip


def add(node: Node, name: str, text: str, *, person: str) -> None:
    """From now on, what comes to match is news. Raises BadQueryError or WatchExistsError."""
    name, text = " ".join(name.split()), text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise search.BadQueryError(
            "A watch needs a name.", what="name", expected=f"up to {_LONGEST_NAME} characters", found=name[:40]
        )
    if not text or len(text) > LONGEST:
        raise search.BadQueryError(
            "A watch needs something to look for.", what="query", found=str(len(text)),
            expected=f"values, a name or a query of at most {LONGEST} characters",
        )  # fmt: skip
    if not search.values_in(text) and search.parse(text).tag:
        raise search.BadQueryError(
            "Tags cannot be watched.", what="tag", expected="values, a name, or kind:, score:, partner:, seen:, list:"
        )
    node.store.watches.add(name, text, person=person, at=node.clock.now())


def looked(node: Node, name: str) -> None:
    """Somebody has looked at the news of a watch. Raises UnknownWatchError."""
    node.store.watches.looked(name, at=node.clock.now())

"""Saved searches that notify: what settles is held against each, and what comes to match is news."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from katchi.node import search
from katchi.node.search import Query, Scored
from katchi.node.wiring import Node
from katchi.overlap import belief, things
from katchi.overlap.names import GROUP_OF, fold, packaged
from katchi.store import watches
from katchi.store.database import Transaction
from katchi.store.log import hash_of
from katchi.store.things import ThingRow
from katchi.store.watches import Note, WatchRow

LONGEST: Final = 200_000  # characters of what is watched
_LONGEST_NAME: Final = 80
_GROUPS: Final = tuple(dict.fromkeys(GROUP_OF.values()))


@dataclass(frozen=True, slots=True)
class _Asked:
    """A query as it is asked of each thing. `roots` are whom its words name by the tables."""

    number: int
    query: Query
    words: str
    roots: frozenset[str]


class Watching:
    """All watches, ready to be asked of what settles. One for each transaction."""

    def __init__(self, node: Node, transaction: Transaction, saved: Sequence[WatchRow]) -> None:
        self._transaction = transaction
        self._now = node.clock.now()
        self._half_lives = node.settings.half_life
        self._by_key: dict[str, list[int]] = {}
        self._asked: list[_Asked] = []
        for watch in saved:
            keys = search.values_in(watch.text)
            for key in keys:
                self._by_key.setdefault(key, []).append(watch.number)
            if not keys:
                self._asked.append(_asked(watch))

    @classmethod
    def of(cls, node: Node, transaction: Transaction) -> Watching | None:
        """None where nobody watches."""
        saved = watches.all_watches(transaction)
        return cls(node, transaction, saved) if saved else None

    def note(self, members: Mapping[str, Sequence[str]], weighed: Mapping[str, Mapping[str, Any]]) -> None:
        """Keeps what matches of these things: `weighed` has their rows by root, `members` their keys."""
        found = []
        for root, row in weighed.items():
            numbers = {number for key in members[root] for number in self._by_key.get(key, ())}
            numbers.update(each.number for each in self._asked if self._fits(each, root, row))
            found += [Note(number, root, row["name"], row["sources"]) for number in sorted(numbers)]
        watches.note(self._transaction, found, self._now)

    def _fits(self, asked: _Asked, root: str, row: Mapping[str, Any]) -> bool:
        if asked.words and root not in asked.roots and asked.words not in row["name"].lower():
            return False
        thing = ThingRow(
            number=0, key_hash=hash_of(root), key=root, kind=things.kind_of(root),
            **{name: row[name] for name in _WEIGHED},
        )  # fmt: skip
        half_life = belief.half_life_of(thing.kind, self._half_lives)
        score = belief.score(thing.base, thing.fresh_at, half_life, self._now)
        return search.fits(Scored(thing, score), asked.query, self._now)


_WEIGHED: Final = (
    "name", "base", "fresh_at", "rank", "first_at", "last_at", "statements", "sightings", "sources", "warned",
)  # fmt: skip


def _asked(watch: WatchRow) -> _Asked:
    query = search.parse(watch.text)
    roots: set[str] = set()
    for group in _GROUPS if query.words else ():
        identity = packaged().meaning(group, query.words).identity
        roots |= {f"{group}:name:{fold(query.words)}", *([identity.key] if identity else [])}
    return _Asked(watch.number, query, query.words.lower(), frozenset(roots))


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

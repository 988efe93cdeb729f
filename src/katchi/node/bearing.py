"""What is known here of things that a response would block, before anybody says yes: what to believe, and who met them.

A thing that our own sensors saw lately is one that somebody here talks to: it may be the attack, or it may be what
stops when it is blocked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from katchi.node.search import score_of
from katchi.node.wiring import OWN, Node
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import hash_of

MOST: Final = 500
"""Of how many things at most this is looked up."""
SINCE: Final = 30 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Known:
    """One thing. `score` is None where nobody reported it; `seen` is how often we saw it ourselves in 30 days."""

    thing: str
    score: int | None
    sources: Sequence[str]
    seen: int


def known_of(node: Node, keys: Iterable[str]) -> list[Known]:
    """Of these things, what was seen here most first, then what is believed least."""
    listed, now = list(dict.fromkeys(keys))[:MOST], node.clock.now()
    with node.store.database.reading() as transaction:
        held = rows.rows(transaction, listed)
        seen = _seen_here(transaction, listed, since=now - SINCE)
    found = [
        Known(
            key, score_of(node, held[key], now) if key in held else None,
            [each for each in held[key].sources.split(",") if each] if key in held else (), seen[key],
        )
        for key in listed
    ]  # fmt: skip
    return sorted(found, key=lambda each: (-each.seen, each.score or 0, each.thing))


def _seen_here(transaction: Transaction, keys: Sequence[str], *, since: int) -> Counter[str]:
    """How often we and our tools saw each, by what we hold of it."""
    by_hash = {hash_of(key): key for key in keys}
    of = [(by_hash[each.key_hash], each.id_hash) for each in rows.statements(transaction, list(by_hash))]
    ours = {hash_of(OWN), *(hash_of(row.name) for row in transaction.run("thing", "tools"))}
    times: Counter[int] = Counter()
    for each in rows.attestations(transaction, {object_hash for _, object_hash in of}):
        if each.opinion is None and each.source in ours and each.last >= since:
            times[each.of_hash] += each.times
    seen: Counter[str] = Counter()
    for key, object_hash in dict.fromkeys(of):
        seen[key] += times[object_hash]
    return seen

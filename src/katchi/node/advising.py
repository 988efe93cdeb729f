"""What people decided about things, told to partners: a relationship between two objects, and an opinion on it.

STIX has no word for "these are one thing" but `duplicate-of`, between two objects of one type (STIX 2.1 §3.7), and an
opinion on whether that is right (§4.14). A partner's node shows it as advice; its people decide for themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from katchi import stix
from katchi.node.documents import marking_id
from katchi.node.making import draft, held, own_id, take_in
from katchi.node.rulings import BadRulingError
from katchi.node.things import Decisions, Neighbourhood
from katchi.node.wiring import OWN, Node
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.search import Hit, hits_of

_SAME: Final = "duplicate-of"
_LOOKED_AT: Final = 200  # objects of each thing


@dataclass(frozen=True, slots=True)
class Advice:
    """Somebody else's word on whether two are one. `other` is an object that speaks of the other one."""

    origin: str
    is_same: bool
    other: Hit
    why: str


def tell(node: Node, key: str, other: str, *, is_same: bool | None, why: str, marking: str) -> list[str]:
    """Makes objects that say what was decided (None: takes them back); returns their ids.

    Terms decide to whom they go. Raises BadRulingError where no two objects of one type speak of them, UnmarkedError.
    """
    marking_id(marking)  # before anything is looked for
    pair = _pair(_speaking(node, key), _speaking(node, other))
    if pair is None:
        raise BadRulingError(
            "There are no two objects of one type to say it with.", what=key, found=other,
            expected="an object of the same type for each, such as two threat actors",
        )  # fmt: skip
    now = node.clock.now()
    link = own_id(node, "relationship", " ".join((_SAME, *pair)))
    word = own_id(node, "opinion", link)
    with node.store.database.reading() as transaction:
        before = held(transaction, [link, word])
    if is_same is None and not before:
        return []
    first, second = (
        draft(node, each, before, marking=marking, now=now) | {"revoked": is_same is None} for each in (link, word)
    )
    objects = [
        first | {
            "relationship_type": _SAME, "source_ref": pair[0], "target_ref": pair[1], "description": why,
            "confidence": 100 if is_same else 0,
        },
        second | {
            "opinion": "strongly-agree" if is_same else "strongly-disagree", "explanation": why, "object_refs": [link],
        },
    ]  # fmt: skip
    take_in(node, objects, via="decision")
    return [link, word]


def _speaking(node: Node, key: str) -> list[Hit]:
    with node.store.database.reading() as transaction:
        near = Neighbourhood.around(transaction, [key], Decisions())
        keys = [key, *(each for each in near.keys if near.root(each) == near.root(key))]
    hits = [hit for hit, _ in node.store.things.speaking(keys, _LOOKED_AT) if not hit.is_revoked]
    return sorted(hits, key=lambda hit: (hit.origin != OWN, hit.object_id))


def _pair(one: Sequence[Hit], other: Sequence[Hit]) -> tuple[str, str] | None:
    for first in one:
        for second in other:
            if first.type == second.type and first.object_id != second.object_id:
                return first.object_id, second.object_id
    return None


def advice(transaction: Transaction, hits: Sequence[Hit]) -> list[Advice]:
    """What others told of whether these objects are about the same as others."""
    ids = {hit.object_id for hit in hits}
    found: list[tuple[str, str, str, str]] = []
    for row in rows.pointing(transaction, [log.hash_of(each) for each in sorted(ids)], _LOOKED_AT):
        members = stix.read(bytes(row.raw)).properties if row.type == "relationship" and row.origin != OWN else {}
        if members.get("relationship_type") == _SAME and members.get("revoked") is not True:
            ends = {str(members.get("source_ref")), str(members.get("target_ref"))}
            found += [(row.object_id, row.origin, each, str(members.get("description") or "")) for each in ends - ids]
    opinions = rows.attestations(transaction, [log.hash_of(each[0]) for each in found])
    against = {row.of_hash for row in opinions if row.opinion is not None and row.opinion < 0}
    known = hits_of(transaction, [each[2] for each in found])
    return [
        Advice(origin, log.hash_of(link) not in against, known[other], why[:1000])
        for link, origin, other, why in dict.fromkeys(found)
        if other in known
    ]

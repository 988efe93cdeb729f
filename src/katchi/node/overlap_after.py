"""What to do with what both have, once a private overlap revealed it: tell of it, or work on it together."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from katchi import stix
from katchi.node import efforts, overlapping
from katchi.node import terms as terms_of
from katchi.node.effort_board import going_on
from katchi.node.overlapping import StateError
from katchi.node.terms import Enforced, Outlook
from katchi.node.wiring import OWN, Node
from katchi.overlap.efforts.history import MOST_ENTRIES
from katchi.policy import tlp
from katchi.store import log
from katchi.store.efforts import EffortRow
from katchi.store.overlaps import OverlapRow

_AT_MOST = 1000  # objects that one rule names


@dataclass(frozen=True, slots=True)
class Telling:
    """Terms that let a partner have what we say of the things that both have. `text` is the whole of them."""

    partner: str
    object_ids: Sequence[str]
    rule: str
    text: str
    outlook: Outlook


def telling(node: Node, session: str) -> Telling:
    """What terms would have to say, and what they would change; nothing is put in force.

    Raises StateError where nothing was revealed, or where we say nothing of it that could go.
    """
    row = _revealed(node, session)
    ids = _ours(node, overlapping.found(row))
    if not ids:
        raise StateError("No report of ours up to TLP:AMBER speaks of any of these.", what=row.id)
    day = datetime.fromtimestamp(node.clock.now() / 1_000_000, UTC).date()
    name = f"in common, overlap {row.id[:8]} of {day}"
    rule = _rule(name, ids)
    text = _without(terms_of.in_force(node, row.partner).text, name) + rule
    return Telling(row.partner, ids, rule, text, terms_of.try_terms(node, text, row.partner))


def tell(node: Node, session: str, *, person: str) -> Enforced:
    """Puts those terms in force. Raises StateError."""
    made = telling(node, session)
    return terms_of.put_terms(node, made.partner, made.text, person)


def together(node: Node, session: str, title: str = "", *, person: str) -> EffortRow:
    """Asks the partner to work on it together: on an effort of ours that is about it already, or on a new one.

    Raises StateError, BadChangeError.
    """
    row = _revealed(node, session)
    found = overlapping.found(row)
    common = set(found)
    known = [
        each for each in going_on(node, "own", "joint")
        if common.intersection(each.effort.about) and each.row.marking != efforts.PRIVATE
    ]  # fmt: skip
    if known and not title:
        effort = max(known, key=lambda each: len(common.intersection(each.effort.about))).row
    else:
        name = title or f"{row.partner}: {len(found)} in common"
        lists = {"about": tuple(found[:MOST_ENTRIES])}
        effort = efforts.begin(node, name, lists=lists, marking="amber", person=person)
    return efforts.propose(node, effort.id, row.partner, person=person)


def _revealed(node: Node, session: str) -> OverlapRow:
    row = node.store.overlaps.one(session)
    if row.state != "revealed" or not row.found:
        raise StateError("Nothing was revealed to us in it.", what=row.id, expected="revealed", found=row.state)
    return row


def _ours(node: Node, keys: Sequence[str]) -> list[str]:
    """Our own objects up to AMBER that speak of these things, and what our reports say of them."""
    hits = [
        hit for hit, _ in node.store.things.speaking(list(keys), _AT_MOST) if hit.origin == OWN and not hit.is_revoked
    ]
    with node.store.database.reading() as transaction:
        known = log.newest(transaction, sorted({hit.object_id for hit in hits}))
        marked = {name: tlp.tlp_of(stix.read(bytes(entry.raw))) for name, entry in known.items()}
    return sorted(name for name, level in marked.items() if level is not None and level <= tlp.Tlp.AMBER)


def _rule(name: str, ids: Sequence[str]) -> str:
    listed = "".join(f'  "{each}",\n' for each in ids)
    return (
        f'\n[[release]]\nname = "{name}"\ntypes = ["all"]\nup-to = "amber"\n'
        f'references = "drop"\nobjects = [\n{listed}]\n'
    )


def _without(text: str, name: str) -> str:
    """The terms without the rule of this name: the same once more takes its place."""
    blocks = re.split(r"(?m)^(?=\[\[)", text.rstrip("\n") + "\n")
    return "".join(block for block in blocks if f'name = "{name}"' not in block)

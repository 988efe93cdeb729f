"""What is worked on, here and at partners: whose it is, who is asked, what is done twice, and what was saved."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from katchi.node import terms
from katchi.node.deliver import partner_of
from katchi.node.efforts import history, view
from katchi.node.making import own_id
from katchi.node.things import Decisions, Neighbourhood
from katchi.node.wiring import OWN, Node
from katchi.overlap import belief
from katchi.overlap.efforts import matching
from katchi.overlap.efforts.history import Change, Effort, counting
from katchi.overlap.efforts.matching import Reason, Subject
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.efforts import EffortRow

_COMMON: Final = 0.5  # a thing on a list that leaves it no more than this is no sign of the same work
Side = Literal["own", "partner", "joint", "asked"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One effort as a board shows it. `asked`: a partner asks us to take part."""

    row: EffortRow
    effort: Effort
    side: Side


@dataclass(frozen=True, slots=True)
class Twice:
    """One of ours and one of a partner's that may be the same work, and why."""

    own: Seen
    other: Seen
    reasons: Sequence[Reason]


@dataclass(frozen=True, slots=True)
class Saving:
    """What a joint effort saved: person-days alone and spent, by node; None until all have said."""

    seen: Seen
    days: float | None


@dataclass(frozen=True, slots=True)
class Board:
    """Everything at one look. `names` says whose node is whose."""

    efforts: Sequence[Seen]
    twice: Sequence[Twice]
    savings: Sequence[Saving]
    names: Mapping[str, str]

    def of(self, *sides: Side, over: bool = False) -> list[Seen]:
        """Those of some sides that go on, or that are over."""
        return [each for each in self.efforts if each.side in sides and each.effort.is_over == over]

    @property
    def saved(self) -> float:
        """Person-days in all, of the joint efforts that are done and of which all who took part said what they cost."""
        return sum(each.days for each in self.savings if each.days is not None)


@dataclass(frozen=True, slots=True)
class Portrait:
    """One effort, with all that was done to it, the latest first."""

    seen: Seen
    timeline: Sequence[Change]
    names: Mapping[str, str]
    twice: Sequence[Twice] = field(default_factory=tuple)


def board(node: Node) -> Board:
    """What is worked on now, and what was."""
    found = every(node)
    return Board(found, twice(node, found), savings(found), names_of(node))


def every(node: Node) -> list[Seen]:
    """All efforts that are known by a title; a partner's whose founder was not heard yet has none."""
    return [each for each in (seen_of(node, row) for row in node.store.efforts.all()) if each.effort.title]


def going_on(node: Node, *sides: Side) -> list[Seen]:
    """Those of some sides that go on."""
    return [each for each in every(node) if each.side in sides and not each.effort.is_over]


def savings(found: Iterable[Seen]) -> list[Saving]:
    """Of each joint effort that is done: what it saved."""
    done = [each for each in found if each.effort.state == "done" and each.effort.is_joint]
    return [Saving(each, each.effort.saved) for each in done]


def portrait(node: Node, effort: str) -> Portrait:
    """One effort. Raises UnknownEffortError."""
    row = node.store.efforts.one(effort)
    seen = seen_of(node, row)
    timeline = counting(row.founder, history(node, row.id))
    pairs = [each for each in twice(node, every(node)) if row.id in (each.own.row.id, each.other.row.id)]
    return Portrait(seen, timeline[::-1], names_of(node), pairs)


def names_of(node: Node) -> dict[str, str]:
    """What we call each node; our own is `own`."""
    partners = (partner_of(row) for row in node.store.partners.all())
    return {each.node_id: each.name for each in partners if each.node_id} | {node.settings.node_id: OWN}


def working_on(node: Node, keys: Iterable[str]) -> list[Seen]:
    """The efforts that go on about a thing with any of these keys."""
    wanted = set(keys)
    return [each for each in every(node) if not each.effort.is_over and wanted.intersection(each.effort.about)]


def seen_of(node: Node, row: EffortRow) -> Seen:
    """Whose an effort is, as we see it."""
    effort, own = view(row), node.settings.node_id
    if effort.members.get(own) == "asked" and row.founder != own:
        return Seen(row, effort, "asked")
    if own in effort.partners:
        return Seen(row, effort, "joint" if effort.is_joint else "own")
    return Seen(row, effort, "partner")


def kept_from(node: Node, row: EffortRow, partner: str) -> str:
    """Why terms keep what we say of an effort from a partner, or give it a copy only; empty where they let it go."""
    return terms.kept_from(node, own_id(node, "grouping", row.id), partner)


# ---- what is done twice ----------------------------------------------------------------------------------


def twice(node: Node, found: Sequence[Seen]) -> list[Twice]:
    """Pairs of ours and a partner's that may be the same, and that nobody put aside; the likeliest first."""
    ours = {each.row.id: each for each in found if each.side in ("own", "joint") and not each.effort.is_over}
    others = {each.row.id: each for each in found if each.side in ("partner", "asked") and not each.effort.is_over}
    if not ours or not others:
        return []
    apart = node.store.efforts.apart()
    with node.store.database.reading() as transaction:
        roots = _telling_roots(transaction, {key for each in found for key in each.effort.about})
    suggestions = matching.suggest(
        [_subject(each.effort, roots) for each in ours.values()],
        [_subject(each.effort, roots) for each in others.values()],
    )
    return [
        Twice(ours[each.own], others[each.other], each.reasons)
        for each in suggestions
        if (each.own, each.other) not in apart and not _is_settled(ours[each.own], others[each.other])
    ]


def _is_settled(own: Seen, other: Seen) -> bool:
    """Whether whose it is takes part in ours already, was asked, or said no."""
    return other.row.founder in own.effort.members or own.row.founder == other.row.founder


def _subject(effort: Effort, roots: Mapping[str, str]) -> Subject:
    techniques = {each.strip().upper() for each in effort.techniques}
    techniques |= {key.partition(":")[2].upper() for key in effort.about if key.startswith("attack-pattern:")}
    things = {roots[key] for key in effort.about if key in roots and not key.startswith("attack-pattern:")}
    return Subject(effort.id, effort.title, frozenset(things), frozenset(techniques), (*effort.words, *effort.sectors))


def _telling_roots(transaction: Transaction, keys: set[str]) -> dict[str, str]:
    """The root of each key, without things that half the world meets, such as public resolvers."""
    near = Neighbourhood.around(transaction, keys, Decisions.of(rows.rulings(transaction)))
    roots = {key: near.root(key) for key in keys}
    known = rows.rows(transaction, list(set(roots.values())))
    common = {
        root for root, row in known.items()
        if any(belief.WARNED.get(each, 1.0) <= _COMMON for each in row.warned.split(",") if each)
    }  # fmt: skip
    return {key: root for key, root in roots.items() if root not in common}

"""Private overlap with a partner: what people propose, accept, agree to and decline, and what is kept of it.

Offers, numbers and consents are on the ledger. What a session needs to go on after a crash is its key and its items;
both are forgotten when it is over.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import msgspec

from katchi import policy
from katchi.errors import KatchiError
from katchi.node import search
from katchi.node.collections import require_flowing
from katchi.node.deliver import partner_of
from katchi.node.effort_board import going_on
from katchi.node.search import Scored, score_of
from katchi.node.wiring import Node
from katchi.overlap import things
from katchi.overlap.psi import group, guard
from katchi.overlap.psi.party import Party
from katchi.overlap.psi.side import Core, Limits, Mode, Phase, RefusedError, Role
from katchi.store import ledger, overlaps
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import hash_of
from katchi.store.overlaps import OverlapRow

PATH: Final = "/katchi/v1/overlap"
MEDIA: Final = "application/octet-stream"
LARGEST: Final = 2_097_152  # bytes of one message
_TELLABLE: Final = ("clear", "green", "amber")
_UNSHARED: Final = "unshared:yes"
_MONTH: Final = 30 * 86_400_000_000
_items = msgspec.msgpack.Decoder(list[bytes])


class StateError(KatchiError):
    """The session is not where this could be done."""

    code = "overlap-state"
    exit_status = 4


def propose(node: Node, partner: str, kind: str, *, query: str = "", mode: Mode = "mutual", person: str) -> OverlapRow:
    """Begins a session: what of this kind we hold and may tell of, as it is now.

    A lookup tells us alone which of ours the partner holds, once its person accepts. Raises GuardError, RefusedError.
    """
    row = node.store.partners.one(partner)
    require_flowing(row)
    theirs = partner_of(row).node_id
    if row.kind != "node" or theirs is None:
        raise StateError("Only another node can compare.", what=partner)
    guard.require_kind(kind, node.settings.overlap_kinds)
    group()
    items = choose(node, kind, query, partner)
    core = Core(node.random(16).hex(), node.settings.node_id, theirs, guard.PROFILE, kind, mode)
    now = node.clock.now()
    made = OverlapRow(
        core.session, partner, "initiator", "proposed", core.to_bytes(), query,
        group().random_scalar(), msgspec.msgpack.encode(items), None, len(items), 0, None, None, None, person, now, now,
        None,
    )  # fmt: skip
    _require_size(core, "initiator", len(items))
    with node.store.database.writing() as transaction:
        overlaps.add(transaction, made)
        note(node, transaction, made, "proposed", person)
    node.bell.ring()
    return made


def accept(node: Node, session: str, *, query: str = "", person: str) -> OverlapRow:
    """Our person lets a partner's proposal go on, with what we hold of that kind. Raises StateError, GuardError.

    Of a lookup this is the word that reveals: the partner learns which of its items we hold.
    """
    row = _at(node, session, "asked")
    core = Core.from_bytes(row.core)
    guard.require_kind(core.kind, node.settings.overlap_kinds)
    items = choose(node, core.kind, query, row.partner)
    _require_size(core, "responder", len(items))
    changed = replace(
        row, state="comparing", query=query, key=group().random_scalar(), items=msgspec.msgpack.encode(items),
        own=len(items), person=person, changed_at=node.clock.now(),
        agreed_by=person if core.mode == "lookup" else None,
    )  # fmt: skip
    keep(node, changed, "accepted", person)
    return changed


def agree(node: Node, session: str, *, person: str) -> OverlapRow:
    """Our person agrees to reveal what both have. Raises StateError."""
    row = _at(node, session, "counted")
    changed = replace(row, state="agreed", agreed_by=person, changed_at=node.clock.now())
    keep(node, changed, "agreed", person)
    node.bell.ring()
    return changed


def decline(node: Node, session: str, *, person: str) -> OverlapRow:
    """Our person ends it; nothing more is said. Raises StateError when it is over."""
    row = node.store.overlaps.one(session)
    if row.is_over:
        raise StateError("It is over already.", what=row.id, found=row.state)
    return end(node, row, "declined", person)


def found(row: OverlapRow) -> list[str]:
    """The keys that both have, once they are revealed."""
    return [each.decode() for each in _items.decode(row.found)] if row.found else []


def choose(node: Node, kind: str, query: str, partner: str) -> list[bytes]:
    """The keys of things of a kind that a query finds and that we may tell of: CLEAR, or our own up to AMBER.

    `watch:NAME` is the query, or the values, of a watch; `unshared:yes` leaves out what the partner was told of. For
    efforts, what those that go on and may be told of are about, filled up with what nobody has.
    """
    if kind == guard.EFFORTS:
        return _of_efforts(node, query)
    parts = query.split()
    is_unshared = _UNSHARED in parts
    query = " ".join(part for part in parts if part != _UNSHARED)
    if query.startswith("watch:"):
        query = node.store.watches.one(query.removeprefix("watch:").strip()).text
    values = frozenset(search.values_in(query))
    wanted = search.parse("" if values else query)
    if wanted.words:
        raise search.BadQueryError(
            "Words do not choose what is compared.", what="query",
            expected="score:, partner:, seen:, list:, tag:, unshared:yes, watch:NAME, or values", found=query[:80],
        )  # fmt: skip
    tagged = search.tagged_roots(node, wanted.tag, Limits().most) if wanted.tag else None
    now, number = node.clock.now(), 0
    chosen: set[str] = set()
    while True:
        with node.store.database.reading() as transaction:
            page = rows.after(transaction, number, 10_000)
            if not page:
                return [key.encode() for key in sorted(chosen)]
            of_kind = [row for row in page if row.kind == kind and (tagged is None or row.key in tagged)]
            fitting = [row.key for row in of_kind if search.fits(Scored(row, score_of(node, row, now)), wanted, now)]
            keys = dict.fromkeys(fitting)
            if kind == "file":
                keys |= dict.fromkeys(key for others in rows.kin_of(transaction, fitting).values() for key in others)
            if values:
                keys = {key: None for key in keys if key in values}
            hashes = [hash_of(key) for key in keys]
            allowed = overlaps.tellable(transaction, hashes)
            if is_unshared:
                allowed -= overlaps.told(transaction, partner, hashes)
            chosen |= {key for key in keys if hash_of(key) in allowed}
        number = page[-1].number


def _of_efforts(node: Node, query: str) -> list[bytes]:
    if query.strip():
        raise search.BadQueryError("Efforts are compared as they are.", what="query", expected="none", found=query[:80])
    tellable = [each for each in going_on(node, "own", "joint") if each.row.marking in _TELLABLE]
    keys = {key for each in tellable for key in each.effort.about if things.kind_of(key) in guard.STRONG}
    items = [key.encode() for key in sorted(keys)[: Limits().most]]
    if not items:
        raise guard.GuardError(
            "No effort of ours has anything that could be compared.", what="effort",
            expected=f"things of the kinds {', '.join(guard.STRONG)}, in an effort marked amber or laxer",
        )  # fmt: skip
    return items + [b"nobody's " + node.random(32) for _ in range(guard.padded(len(items)) - len(items))]


def _require_size(core: Core, role: Role, count: int) -> None:
    try:
        Limits().require(core.mode, role, count)
    except RefusedError as problem:
        few = "with so few, a number would say which" if count else "there are none that may be told of"
        is_few = count < Limits().of(core.mode, role)[0]
        remedy = few if is_few else "choose others with a query"
        raise guard.GuardError(
            str(problem), what="count", found=str(count), expected=problem.expected, remedy=remedy
        ) from problem


def _at(node: Node, session: str, state: str) -> OverlapRow:
    row = node.store.overlaps.one(session)
    if row.state != state:
        raise StateError("The session is not there.", what=row.id, expected=state, found=row.state)
    return row


def keep(node: Node, row: OverlapRow, event: str, person: str) -> None:
    """What is to be known of a session from now on; with an event, on the ledger too.

    Raises StateError where it was ended meanwhile: what a person ended stays ended.
    """
    with node.store.database.writing() as transaction:
        current = overlaps.one(transaction, row.id)
        if current is not None and current.is_over and current.state != row.state:
            raise StateError("It is over already.", what=row.id, found=current.state)
        overlaps.change(transaction, row)
        if event:
            note(node, transaction, row, event, person)


def note(node: Node, transaction: Transaction, row: OverlapRow, event: str, person: str) -> None:
    """A step of a session on the ledger."""
    entry = policy.ledger.overlap_entry(
        row.partner, event, row.id, person, mode=Core.from_bytes(row.core).mode, own=row.own, theirs=row.theirs,
        common=-1 if row.common is None else row.common, at=node.clock.now(), salt=node.random(16),
    )  # fmt: skip
    ledger.append(transaction, [entry])


def end(node: Node, row: OverlapRow, state: str, person: str, trouble: str | None = None) -> OverlapRow:
    """Over: the key and the items are forgotten."""
    changed = replace(row, state=state, key=None, items=None, hello=None, changed_at=node.clock.now(), trouble=trouble)
    keep(node, changed, state, person)
    node.desk.forget(row.id)
    return changed


def forget(node: Node, row: OverlapRow) -> None:
    """The key and the items of a session that is over."""
    keep(node, replace(row, key=None, items=None, hello=None), "", "")
    node.desk.forget(row.id)


def tidy(node: Node) -> int:
    """Forgets keys and items of sessions that were over a day ago and whose other side never said so."""
    left = node.store.overlaps.left(before=node.clock.now() - 86_400_000_000)
    for session in left:
        forget(node, node.store.overlaps.one(session))
    return len(left)


def require_budget(node: Node, transaction: Transaction, partner: str, core: Core, count: int) -> None:
    """Every item of theirs is a guess at ours, but among which we look up our own. Raises GuardError."""
    spent = 0
    for raw, role, each in overlaps.spent(transaction, partner, since=node.clock.now() - _MONTH):
        held = Core.from_bytes(raw)
        is_guess = held.mode == "mutual" or role == "responder"
        spent += each if is_guess and held.kind == core.kind and held.session != core.session else 0
    guard.require_budget(count, spent, node.settings.overlap_budget)


def counted(node: Node, row: OverlapRow, party: Party) -> OverlapRow:
    """Keeps the number, once the side knows it."""
    if party.phase < Phase.COUNTED or row.state != "comparing":
        return row
    changed = replace(row, state="counted", common=party.count, changed_at=node.clock.now())
    keep(node, changed, "counted", row.person)
    return changed


def revealed(node: Node, row: OverlapRow, items: list[bytes] | None) -> None:
    """Keeps which items both have; in a lookup, for the side that is asked, that the other may know them now."""
    if not row.is_over:
        changed = replace(
            row, state="revealed", found=None if items is None else msgspec.msgpack.encode(items),
            common=row.common if items is None else len(items), changed_at=node.clock.now(),
        )  # fmt: skip
        keep(node, changed, "revealed", row.agreed_by or row.person)

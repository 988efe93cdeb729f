"""What people here do to efforts: begin one, change it, say something of it, do it together with a partner.

Each thing done is a change that the node signs. What an effort is then goes into a grouping of ours, under the marking
that the effort has here: terms decide who may have it, as of any object. From the moment when a partner is asked to
take part the grouping has the changes too, beginning with one that says all that the effort was then: what was said of
it before stays here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import msgspec

from katchi import stix
from katchi.node import search, terms
from katchi.node.deliver import partner_of
from katchi.node.documents import marking_id
from katchi.node.making import draft, held, own_id, take_in
from katchi.node.wiring import OWN, Node
from katchi.overlap.efforts import carried
from katchi.overlap.efforts.carried import Signed
from katchi.overlap.efforts.history import BadChangeError, Change, Effort, known_numbers, merge, require_good
from katchi.policy import keys, signed, tlp
from katchi.stix.registered import definitions
from katchi.store import efforts, log
from katchi.store.database import Transaction
from katchi.store.efforts import ChangeRow, EffortRow

PRIVATE: Final = "red"
_MOST_REFERENCES: Final = 200
SIGNED_AS: Final = "effort-change"
_effort = msgspec.msgpack.Decoder(Effort)
_change = msgspec.json.Decoder(Change)
Fields = Mapping[str, str]
Lists = Mapping[str, Sequence[str]]
_NONE: Final[Fields] = {}
_NO_LISTS: Final[Lists] = {}


def view(row: EffortRow) -> Effort:
    """What an effort is now."""
    return _effort.decode(row.view)


def history(node: Node, effort: str) -> list[Change]:
    """All changes to an effort, by every node."""
    return [_change.decode(each.body) for each in node.store.efforts.changes(effort)]


def begin(
    node: Node, title: str, *, fields: Fields = _NONE, lists: Lists = _NO_LISTS, marking: str = PRIVATE, person: str
) -> EffortRow:
    """Somebody here begins to work on something. Raises BadChangeError, UnmarkedError."""
    marking_id(marking)
    effort, own, now = node.random(16).hex(), node.settings.node_id, node.clock.now()
    empty = EffortRow(
        effort, own, OWN, marking, own_id(node, "grouping", effort),
        msgspec.msgpack.encode(Effort(id=effort, founder=own)), None, 0, now, now, None,
    )  # fmt: skip
    first = {"kind": "analysis", "state": "running", **fields, "title": title}
    with node.store.database.writing() as transaction:
        row = _do(node, transaction, empty, fields=first, add=lists, person=person)
    return publish(node, row.id)


def change(
    node: Node, effort: str, *, fields: Fields = _NONE, add: Lists = _NO_LISTS, drop: Lists = _NO_LISTS, said: str = "",
    marking: str = "", person: str,
) -> EffortRow:  # fmt: skip
    """Something is done to an effort that we founded or take part in. Raises BadChangeError, UnmarkedError."""
    row = node.store.efforts.one(effort)
    _require_ours(node, row)
    if marking:
        marking_id(marking)
        _require_sendable(marking, is_joint=row.shared_from is not None)
    with node.store.database.writing() as transaction:
        row = _again(transaction, row)
        row = replace(row, marking=marking or row.marking)
        if fields or add or drop or said:
            row = _do(node, transaction, row, fields=fields, add=add, drop=drop, said=said, person=person)
        else:
            efforts.put(transaction, replace(row, changed_at=node.clock.now(), published=0))
    return publish(node, row.id)


def propose(node: Node, effort: str, partner: str, *, person: str) -> EffortRow:
    """Asks a partner to work on it together with us. Raises BadChangeError where its marking keeps it here."""
    row = node.store.efforts.one(effort)
    _require_ours(node, row)
    _require_sendable(row.marking, is_joint=True)
    other = partner_of(node.store.partners.one(partner))
    if other.kind != "node" or other.node_id is None:
        raise BadChangeError("Only another node can take part.", what=partner, expected="a partner with a node")
    if view(row).is_over:
        raise BadChangeError("It is over.", what=row.id, found=view(row).state)
    with node.store.database.writing() as transaction:
        row = _again(transaction, row)
        row = _do(node, transaction, row, fields={f"member/{other.node_id}": "asked"}, person=person, is_first=True)
    return publish(node, row.id)


def accept(
    node: Node, effort: str, *, own: str = "", marking: str = "amber", fields: Fields = _NONE, person: str
) -> EffortRow:
    """We take part in a partner's effort. `own` is one of ours that goes on in it. Raises BadChangeError."""
    row = _asked(node, effort)
    _require_sendable(marking, is_joint=True)
    node_id = node.settings.node_id
    joining = node.store.efforts.one(own) if own else None
    said: dict[str, str] = {**fields, f"member/{node_id}": "joined"}
    add: dict[str, Sequence[str]] = {}
    if joining is not None:
        _require_ours(node, joining)
        mine = view(joining)
        _require_sendable(joining.marking, is_joint=True)
        if node_id in mine.alone:
            said.setdefault(f"alone/{node_id}", f"{mine.alone[node_id]:g}")
        add = {name: found for name in ("about", "techniques", "sectors", "words") if (found := getattr(mine, name))}
    with node.store.database.writing() as transaction:
        row = replace(_again(transaction, row), marking=marking)
        row = _do(node, transaction, row, fields=said, add=add, person=person, is_first=True)
        if joining is not None:
            ended = {"state": "merged", "into": row.id}
            _do(node, transaction, _again(transaction, joining), fields=ended, person=person)
    if joining is not None:
        publish(node, joining.id)
    return publish(node, row.id)


def decline(node: Node, effort: str, *, why: str = "", marking: str = "amber", person: str) -> EffortRow:
    """We do not take part; the partner is told. Raises BadChangeError."""
    row = _asked(node, effort)
    _require_sendable(marking, is_joint=True)
    with node.store.database.writing() as transaction:
        row = replace(_again(transaction, row), marking=marking)
        fields = {f"member/{node.settings.node_id}": "declined"}
        row = _do(node, transaction, row, fields=fields, said=why, person=person, is_first=True)
    return publish(node, row.id)


def key_of(node: Node, text: str) -> str:
    """The key of a thing that a person means by a value or a name. Raises BadChangeError where it is not clear."""
    key = search.key_named(node, text)
    if key is None:
        raise BadChangeError(
            "It is not clear which thing this is.", what="about", found=text[:80],
            expected="a value, a key such as domain:a.example, or a name that is known",
        )  # fmt: skip
    return key


# ---- keeping and telling ---------------------------------------------------------------------------------


def _do(
    node: Node, transaction: Transaction, row: EffortRow, *,
    fields: Fields = _NONE, add: Lists = _NO_LISTS, drop: Lists = _NO_LISTS,
    said: str = "", person: str, is_first: bool = False,
) -> EffortRow:  # fmt: skip
    """One more change of ours. `is_first`: from it on the others who take part are to have ours, if not before."""
    own, now = node.settings.node_id, node.clock.now()
    kept = efforts.changes(transaction, row.id)
    known = [_change.decode(each.body) for each in kept]
    number = max((each.number for each in known if each.node == own), default=0) + 1
    begun = Change(effort=row.id, node=own, number=number, at=stix.format_timestamp(now))
    if is_first and row.shared_from is None:
        if row.founder == own:
            begun = carried.summed(view(row), node=own, number=number, at=begun.at, seen={})
        row = replace(row, shared_from=number)
    try:
        made = msgspec.convert(
            msgspec.to_builtins(
                msgspec.structs.replace(
                    begun, person=person, seen=known_numbers(known, but=own), fields={**begun.fields, **fields},
                    add={**begun.add, **{name: tuple(each) for name, each in add.items() if each}},
                    drop={name: tuple(each) for name, each in drop.items() if each}, said=said,
                )
            ),
            Change,
        )  # fmt: skip
    except msgspec.ValidationError as problem:
        raise BadChangeError("This cannot be said of an effort.", found=str(problem)[:200]) from None
    require_good(made)
    if not made.fields.get("title", "-"):
        raise BadChangeError("An effort needs a title.", what="title")
    signature = keys.encode(node.key.sign(signed.payload(SIGNED_AS, made)))
    body = signed.canonical(made)
    efforts.add_change(transaction, row.id, ChangeRow(own, number, body, node.key.public.id, signature))
    effort = merge(row.id, row.founder, [*known, made])
    row = replace(row, view=msgspec.msgpack.encode(effort), changed_at=now)
    efforts.put(transaction, row)
    return row


def publish(node: Node, effort: str) -> EffortRow:
    """Says in a grouping of ours what an effort is now. Once more is nothing new."""
    row = node.store.efforts.one(effort)
    found, own, now = view(row), node.settings.node_id, node.clock.now()
    mine = [each for each in node.store.efforts.changes(row.id) if each.node == own]
    sent = [_signed(each) for each in mine if row.shared_from is not None and each.number >= row.shared_from]
    name = own_id(node, "grouping", row.id)
    with node.store.database.reading() as transaction:
        before = held(transaction, [name])
        observables, references = _references(node, transaction, found, row.marking)
    fresh = observables if before else [*definitions(), *observables]
    if fresh:
        take_in(node, fresh, via="effort")
    if sent:
        members = {*found.partners, *found.members} - {own}
        partners = [each.name for each in node.store.partners.all() if partner_of(each).node_id in members]
        # A grouping without what one of them may not have would be a copy, and unsigned.
        references = [each for each in references if not any(terms.kept_from(node, each, name) for name in partners)]
    first = draft(node, name, before, marking=row.marking, now=now)
    made = carried.grouping(found, first, references or [own], node=own, changes=sent)
    account = take_in(node, [made], via="effort")
    refused = [each for each in account.problems if each.object_id == name]
    if refused:
        raise BadChangeError("The effort could not be kept as an object.", what=name, found=refused[0].message)
    with node.store.database.writing() as transaction:
        row = replace(_again(transaction, row), published=max((each.number for each in mine), default=0))
        efforts.put(transaction, row)
    return row


def publish_untold(node: Node) -> int:
    """Tells what a crash kept from being told."""
    untold = node.store.efforts.untold(node.settings.node_id)
    for effort in untold:
        publish(node, effort)
    return len(untold)


def _references(
    node: Node, transaction: Transaction, effort: Effort, marking: str
) -> tuple[list[dict[str, Any]], list[str]]:
    """Observables to make, and ids to refer to: what an effort is about, where that is no stricter than itself."""
    observed = {made["id"]: made for key in effort.about if (made := stix.observable_of(key)) is not None}
    known = log.newest(transaction, sorted({*observed, *effort.objects}))
    limit = tlp.Tlp.parse(marking)
    fresh = [
        {**made, "object_marking_refs": [marking_id(marking)]} for name, made in observed.items() if name not in known
    ]
    fitting = [
        name
        for name, entry in known.items()
        if (level := tlp.tlp_of(stix.read(bytes(entry.raw)))) is not None
        and (level <= limit if entry.origin == OWN else level is tlp.Tlp.CLEAR)
    ]
    return fresh, [*(made["id"] for made in fresh), *fitting][:_MOST_REFERENCES]


def _signed(row: ChangeRow) -> Signed:
    return Signed(_change.decode(row.body), row.signing_key, row.signature)


def _again(transaction: Transaction, row: EffortRow) -> EffortRow:
    """As it is now: somebody else may have changed it since it was read."""
    return efforts.one(transaction, row.id) or row


def _require_ours(node: Node, row: EffortRow) -> None:
    own = node.settings.node_id
    if own not in view(row).partners:
        raise BadChangeError(
            "This is somebody else's effort.", what=row.id, expected="one of ours, or one that we take part in",
            remedy="ask them, or begin one of your own",
        )  # fmt: skip


def _asked(node: Node, effort: str) -> EffortRow:
    row = node.store.efforts.one(effort)
    found = view(row)
    if found.members.get(node.settings.node_id) != "asked" or found.is_over:
        raise BadChangeError("Nobody asks us to take part in it.", what=row.id, found=found.state)
    return row


def _require_sendable(marking: str, *, is_joint: bool) -> None:
    marking_id(marking)
    if is_joint and marking == PRIVATE:
        raise BadChangeError(
            "TLP:RED leaves to nobody, so nobody could take part.", what="marking", expected="amber+strict or laxer"
        )

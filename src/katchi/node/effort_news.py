"""What partners say of efforts, taken in with the groupings that carry it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from katchi.errors import KatchiError
from katchi.node.wiring import OWN, Node
from katchi.overlap.efforts import carried
from katchi.overlap.efforts.carried import Carried, Signed
from katchi.overlap.efforts.history import BadChangeError, Change, merge, require_sane
from katchi.policy import keys, signed
from katchi.policy.partner import Partner
from katchi.store import efforts
from katchi.store.database import Transaction
from katchi.store.efforts import ChangeRow, EffortRow
from katchi.store.log import Arrival

logger = logging.getLogger(__name__)

SIGNED_AS: Final = "effort-change"
_change = msgspec.json.Decoder(Change)


def take(node: Node, transaction: Transaction, arrivals: Iterable[Arrival], *, origin: str) -> None:
    """Keeps what these objects say of efforts. What cannot be taken is noted at the effort; the object is kept."""
    groupings = [each.object for each in arrivals if each.object.type == "grouping"] if origin != OWN else []
    sender: Partner | None = None
    for grouping in groupings:
        try:
            found = carried.read(grouping)
        except BadChangeError as problem:
            logger.warning("effort of %s in %s: %s", origin, grouping.id, problem)
            continue
        if found is not None:
            sender = sender or _partner(node, origin)
            _take(node, transaction, found, grouping.id, origin, sender)


def _partner(node: Node, origin: str) -> Partner | None:
    """None for a source that is no partner, such as a subscription."""
    row = next((row for row in node.store.partners.all() if row.name == origin), None)
    return Partner.from_json(row.document) if row is not None else None


def _take(
    node: Node, transaction: Transaction, found: Carried, object_id: str, origin: str, sender: Partner | None
) -> None:
    row = efforts.one(transaction, found.effort)
    now, node_id = node.clock.now(), sender.node_id if sender else None
    if row is None and found.founder == node.settings.node_id:
        return  # nobody else founds an effort of ours
    is_founders = found.founder == node_id or node_id is None
    if row is None or (row.founder == node_id and not row.object_id):
        row = row or EffortRow(found.effort, found.founder, origin, "", "", b"", None, 0, now, now, None)
        row = replace(row, object_id=object_id if is_founders else "", origin=origin if is_founders else row.origin)
    elif row.founder != found.founder:
        return
    kept = efforts.changes(transaction, row.id)
    trouble: str | None = None
    if found.changes and sender is not None and node_id is not None:
        fresh, trouble = _good(found, kept, sender, node_id)
        for each in fresh:
            efforts.add_change(transaction, row.id, each)
        kept += fresh
    if kept:
        view = merge(row.id, row.founder, [_change.decode(each.body) for each in kept])
    elif is_founders and row.origin == origin:
        view = merge(row.id, row.founder, [found.summed])
    else:
        return
    encoded = msgspec.msgpack.encode(view)
    changed_at = row.changed_at if encoded == row.view else now
    efforts.put(transaction, replace(row, view=encoded, changed_at=changed_at, trouble=trouble or row.trouble))


def _good(
    found: Carried, kept: Sequence[ChangeRow], sender: Partner, node_id: str
) -> tuple[list[ChangeRow], str | None]:
    """The changes that are new and the partner's own, and what was wrong with the rest: all of them, or none."""
    known = {each.number: each for each in kept if each.node == node_id}
    try:
        require_sane([each.change for each in found.changes], effort=found.effort, node=node_id)
        fresh = []
        for each in found.changes:
            held = known.get(each.change.number)
            if held is None:
                fresh.append(_verified(each, sender))
            elif held.body != signed.canonical(each.change):
                raise BadChangeError(
                    "The partner has changed what it said before.", what=f"change {each.change.number}"
                )
    except KatchiError as problem:
        logger.warning("effort %s of %s: %s", found.effort, sender.name, problem)
        return [], f"{problem.code}: {problem}"[:400]
    return fresh, None


def _verified(each: Signed, sender: Partner) -> ChangeRow:
    """Raises UnknownKeyError, BadSignatureError."""
    key = sender.key(each.key)
    keys.verify(key, keys.decode(each.signature), signed.payload(SIGNED_AS, each.change))
    return ChangeRow(each.change.node, each.change.number, signed.canonical(each.change), key.id, each.signature)

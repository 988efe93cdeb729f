"""Our own log of a response, entry by entry, and everybody's as it was kept."""

from __future__ import annotations

from typing import Any

import msgspec

from katchi import stix
from katchi.node.wiring import Node
from katchi.policy import keys, signed
from katchi.respond import joint
from katchi.respond.blocking import HOUR
from katchi.respond.joint import SIGNED_AS, BadEntryError, Entry, Proposal
from katchi.store import notices, responses
from katchi.store.database import Transaction
from katchi.store.responses import EntryRow

_entry = msgspec.json.Decoder(Entry)


def logs_of(rows: list[EntryRow]) -> dict[str, list[Entry]]:
    """Each node's log."""
    found: dict[str, list[Entry]] = {}
    for row in rows:
        found.setdefault(row.node, []).append(_entry.decode(row.body))
    return found


def say(node: Node, transaction: Transaction, response: str, kind: str, **members: Any) -> Entry:
    """One more entry of our log. Raises BadEntryError for what cannot be said."""
    own, now = node.settings.node_id, node.clock.now()
    mine = [row for row in responses.entries(transaction, response) if row.node == own]
    previous = joint.digest_of(_entry.decode(mine[-1].body)) if mine else ""
    made = Entry(
        response=response, node=own, number=len(mine) + 1, at=stix.format_timestamp(now), previous=previous, kind=kind,
        **members,
    )  # fmt: skip
    try:
        entry = msgspec.convert(msgspec.to_builtins(made), Entry)
    except msgspec.ValidationError as problem:
        raise BadEntryError("This cannot be said of a response.", what=kind, found=str(problem)[:200]) from None
    if entry.number > joint.MOST_ENTRIES:
        raise BadEntryError("So much has been said of no response.", what=response)
    signature = keys.encode(node.key.sign(signed.payload(SIGNED_AS, entry)))
    row = EntryRow(own, entry.number, signed.canonical(entry), node.key.public.id, signature, now)
    responses.add_entry(transaction, response, row)
    responses.note_said(transaction, response, entry.number)
    return entry


def remind(transaction: Transaction, response: str, proposal: Proposal, *, now: int) -> None:
    """People are told again an hour before the time for an answer is over, where that is still to come."""
    at = (joint.time_of(proposal.answer_by) or 0) - HOUR
    if at > now:
        notices.plan(transaction, "unanswered", response, at=at)

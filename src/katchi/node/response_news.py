"""What partners say of responses, taken in with the courses of action that carry it.

Everything is checked before any of it counts: the sender's signatures, that its log is whole, that it speaks for itself
alone, and of a proposal the playbooks' signatures and all that `cacao` checks. What does not hold is noted at the
response with the reason, and answered with a refusal; nothing is done.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import responding
from katchi.node.response_log import remind, say
from katchi.node.wiring import OWN, Node
from katchi.policy import keys, signed
from katchi.policy.partner import Partner
from katchi.respond import cacao, carried, joint
from katchi.respond.cacao import signing
from katchi.respond.carried import Carried
from katchi.respond.joint import SIGNED_AS, BadEntryError, Proposal
from katchi.respond.machine import key_of
from katchi.store import leases, notices
from katchi.store import responses as rows
from katchi.store.database import Transaction
from katchi.store.log import Arrival
from katchi.store.responses import EntryRow, ResponseRow

logger = logging.getLogger(__name__)

_MOST_VALUES: Final = 200


def take(node: Node, transaction: Transaction, arrivals: Iterable[Arrival], *, origin: str) -> None:
    """Keeps what these objects say of responses; the objects themselves are kept in any case."""
    found = [each.object for each in arrivals if each.object.type == "course-of-action"] if origin != OWN else []
    sender: Partner | None = None
    for each in found:
        try:
            said = carried.read(each)
            if said is None:
                continue
            sender = sender or _sender(node, origin)
            _take(node, transaction, said, sender)
        except KatchiError as problem:
            logger.warning("response of %s in %s: %s", origin, each.id, problem)


def let_go_of_revoked(node: Node, transaction: Transaction, arrivals: Iterable[Arrival], *, origin: str) -> None:
    """Whose indicator is revoked blocks no longer for it: what its owner proposed on these things is let go.

    Of our own responses the others hear it; what a partner proposed is lifted here when that partner revokes.
    """
    revoked = [each.object for each in arrivals if each.object.revoked and each.object.type == "indicator"]
    keys = sorted({key for each in revoked for key in stix.thing_keys(each)})
    if not keys:
        return
    now = node.clock.now()
    for owner, things in leases.owners_of(transaction, keys).items():
        row = rows.one(transaction, owner)
        if row is None or row.origin != origin:
            continue
        if origin == OWN:
            say(node, transaction, owner, "recalled", reason="indicator revoked", things=tuple(things))
        leases.end_owner(transaction, owner, things, why="revoked", now=now)
        rows.touch(transaction, owner, at=now)


def _sender(node: Node, origin: str) -> Partner:
    row = next((row for row in node.store.partners.all() if row.name == origin), None)
    partner = Partner.from_json(row.document) if row is not None else None
    if partner is None or partner.node_id is None:
        raise BadEntryError("Only a partner's node speaks of responses.", what=origin)
    return partner


def _take(node: Node, transaction: Transaction, said: Carried, sender: Partner) -> None:
    now, their_id = node.clock.now(), sender.node_id or ""
    row = rows.one(transaction, said.response)
    kept = [each for each in rows.entries(transaction, said.response) if each.node == their_id]
    try:
        fresh = _good(said, kept, sender, their_id, now)
    except KatchiError as problem:
        if row is not None:
            rows.put(transaction, replace(row, trouble=f"{sender.name}: {problem}"[:400], due_at=now))
        raise
    row = row or ResponseRow(said.response, "", sender.name, "", "", "amber", b"", None, 0, 0, 0, now, now, None, None)
    proposal = said.entries[0].entry.proposal
    is_new = proposal is not None and not row.proposer
    if is_new and proposal is not None:
        row = _proposed(node, row, said, sender, proposal)
    if not fresh and not is_new:
        return
    rows.put(transaction, replace(row, changed_at=now, due_at=now))
    for each in fresh:
        rows.add_entry(transaction, said.response, each)
    if is_new and row.state == "asked" and proposal is not None:
        notices.note(transaction, "proposal", row.id, at=now)
        remind(transaction, row.id, proposal, now=now)
    if is_new and row.state == "refused":
        say(node, transaction, row.id, "refused", reason=row.trouble or "")


def _good(
    said: Carried, kept: Sequence[EntryRow], sender: Partner, their_id: str, now: int
) -> list[EntryRow]:  # fmt: skip
    """The entries that are new. Raises BadEntryError, UnknownKeyError, BadSignatureError."""
    joint.require_chain([each.entry for each in said.entries], response=said.response, node=their_id)
    if len(said.entries) < len(kept):
        return []  # an older version of the object, come again
    fresh = []
    for place, each in enumerate(said.entries):
        body = signed.canonical(each.entry)
        if place < len(kept):
            if kept[place].body != body:
                raise BadEntryError("The partner has changed what it said before.", what=f"entry {place + 1}")
            continue
        key = sender.key(each.key)
        keys.verify(key, keys.decode(each.signature), signed.payload(SIGNED_AS, each.entry))
        fresh.append(EntryRow(their_id, each.entry.number, body, key.id, each.signature, now))
    return fresh


def _proposed(node: Node, row: ResponseRow, said: Carried, sender: Partner, proposal: Proposal) -> ResponseRow:
    """A proposal came: asked of us, between others only, or refused with the reason."""
    name, packed, trouble = proposal.playbook, b"", ""
    is_asked = node.settings.node_id in proposal.nodes
    try:
        if len(proposal.values) > _MOST_VALUES or said.response == "":
            raise BadEntryError("It sets too many variables.", expected=f"{_MOST_VALUES} at most")
        name = require_good_playbooks(said.playbooks, proposal, sender, now=node.clock.now())
        packed = msgspec.msgpack.encode(list(said.playbooks))
    except KatchiError as problem:
        logger.warning("proposal %s of %s: %s", said.response, sender.name, problem)
        trouble = f"{problem.code}: {problem}"[:400]
    state = "others" if not is_asked else "refused" if trouble else "asked"
    return replace(
        row, proposer=proposal.proposer, origin=sender.name, name=name, state=state, playbooks=packed,
        trouble=trouble or None,
    )  # fmt: skip


def require_good_playbooks(
    documents: Sequence[bytes], proposal: Proposal, sender: Partner, *, now: int
) -> str:  # fmt: skip
    """The name of the playbook that is to be run, once all hold.

    Raises RefusedPlaybookError, BadPlaybookSignatureError, PlaybookError, MachineError, BadValueError, BadEntryError.
    """
    if not documents:
        raise BadEntryError("The proposal came without its playbook.", what=proposal.playbook)
    known = set()
    read = []
    for document in documents:
        playbook, _ = cacao.read(document, commands=responding.FOR_PARTNERS)
        _require_signed(document, sender, now=now)
        known |= {playbook.id, key_of(playbook.id, playbook.modified)}
        read.append(playbook)
    main = read[0]
    if (main.id, main.modified) != (proposal.playbook, proposal.version):
        raise BadEntryError("Another playbook came than the one proposed.", what=main.id, expected=proposal.playbook)
    if responding.content_digest(documents[0]) != proposal.digest:
        raise BadEntryError("The playbook is not the one that was signed for.", what=main.id)
    for playbook in read:
        responding.require_valid(playbook, now=now)
        for step in playbook.workflow.values():
            if step.type == "playbook-action" and key_of(step.playbook_id, step.playbook_version) not in known:
                raise BadEntryError("A playbook that is called did not come along.", what=step.playbook_id)
    responding.require_startable(main, proposal.values, now=now)
    return main.name


def _require_signed(document: bytes, sender: Partner, *, now: int) -> None:
    """That the sender itself stands for a playbook, with a key of its node."""
    members = msgspec.json.decode(document)
    ours = [each for each in members.get("signatures", ()) if each.get("created_by") == sender.node_id]
    if not ours:
        raise BadEntryError("The playbook is not signed by who proposes it.", what=str(members.get("id"))[:80])
    for each in ours:
        found = signing.verify(members, each, now=now)
        if not any(found.endswith(key.raw) for key in sender.request_keys):
            raise BadEntryError(
                "The playbook is signed with a key that is not the partner's.", what=str(members.get("id"))[:80]
            )

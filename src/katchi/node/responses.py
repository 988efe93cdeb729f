"""What people here do about responses: propose one to partners, say yes or no to one, take one back.

A response is a playbook that several nodes run, each its own part of it and each after its own people's yes. What we
say of one goes into a course of action of ours, under the marking that the response has here: terms decide who may have
it, as of any object. Nothing that another node says makes this one do anything before somebody here has said yes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import actuating, disclosing, responding, terms
from katchi.node.deliver import partner_of
from katchi.node.documents import marking_id
from katchi.node.localising import StepPlan, localiser
from katchi.node.making import draft, held, own_id, take_in
from katchi.node.mandates import Agreed, agreed_of, mandate
from katchi.node.response_log import logs_of, remind, say
from katchi.node.wiring import OWN, Node
from katchi.respond import cacao, carried, joint
from katchi.respond.blocking import HOUR
from katchi.respond.cacao import Playbook, signing
from katchi.respond.joint import PROPOSED, BadEntryError, Entry, Joint, Proposal, Signed
from katchi.respond.machine import key_of
from katchi.stix.registered import definitions
from katchi.store import leases, notices, responses, runs
from katchi.store.database import Transaction
from katchi.store.responses import ApprovalRow, ResponseRow

OPEN: Final = ("asked", "deferred", "approving", "accepted", "acting", "in-force")
"""States in which a response is not over here."""
TO_ANSWER: Final = ("asked", "deferred", "approving")
"""States in which somebody here can still say yes or no."""
_OVERTAKEN: Final = ("older-than-held", "same-version-other-bytes")
_entry = msgspec.json.Decoder(Entry)
_packed = msgspec.msgpack.Decoder(list[bytes])


class ResponseStateError(KatchiError):
    """The response is not where this could be done."""

    code = "response-state"
    exit_status = 4


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be proposed. Times are µs; `partners` are our names for them."""

    playbook: str
    values: Mapping[str, str]
    partners: Sequence[str] = ()
    reason: str = ""
    about: Sequence[str] = ()
    begins_at: int | None = None
    answer_by: int | None = None
    until: int | None = None
    quorum: int = 1
    marking: str = "amber"
    exercise: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """All that is known of one here."""

    row: ResponseRow
    joint: Joint
    approvals: Sequence[ApprovalRow]

    @property
    def proposal(self) -> Proposal:
        """What is to be done. Raises ResponseStateError where only answers to it came so far."""
        if self.joint.proposal is None:
            raise ResponseStateError("The proposal itself has not come yet.", what=self.row.id)
        return self.joint.proposal


def read(node: Node, response: str) -> Response:
    """One response. Raises UnknownResponseError."""
    row = node.store.responses.one(response)
    with node.store.database.reading() as transaction:
        return read_in(transaction, row)


def read_in(transaction: Transaction, row: ResponseRow) -> Response:
    """The same as of this moment of a transaction."""
    logs = logs_of(responses.entries(transaction, row.id))
    return Response(row, joint.merge(logs), responses.approvals(transaction, row.id))


def every(node: Node) -> list[Response]:
    """All of which the proposal is here, the latest first."""
    found = (read(node, row.id) for row in node.store.responses.all())
    return [each for each in found if each.joint.proposal is not None]


def playbooks_of(row: ResponseRow) -> dict[str, Playbook]:
    """The playbooks of a response by id and version, and by id alone; the first is the one that is run."""
    found: dict[str, Playbook] = {}
    for document in _packed.decode(row.playbooks):
        playbook = cacao.load(document)
        found[key_of(playbook.id, playbook.modified)] = playbook
    newest = sorted(found.values(), key=lambda each: stix.parse_timestamp(each.modified))
    return found | {each.id: each for each in newest}


def dry_run(node: Node, response: str) -> list[StepPlan]:
    """What it would do here. Raises UnknownResponseError, ResponseStateError, RefusedPlaybookError, ActuatorError."""
    found = read(node, response)
    asked = mandate(node, found.row, found.joint, list(found.approvals))
    return localiser(node).steps(playbooks_of(found.row), found.proposal.values, asked)


# ---- proposing -------------------------------------------------------------------------------------------


def propose(node: Node, wish: Wish, *, person: str) -> ResponseRow:
    """Asks partners to run a playbook together with us; who proposes has said yes for our part.

    Without partners it is a response of our own. Raises UnknownRunError, UnknownPartnerError, ResponseStateError,
    MachineError, BadValueError, UnmarkedError, RefusedPlaybookError, NotTellableError.
    """
    marking_id(wish.marking)
    now, own = node.clock.now(), node.settings.node_id
    main = responding.playbook_named(node, wish.playbook)
    # What partners would refuse is not proposed to them.
    commands = responding.FOR_PARTNERS if wish.partners else responding.commands(node)
    documents = _with_called(node, main.document, commands)
    values = {name if name.startswith("__") else f"__{name}__": value for name, value in wish.values.items()}
    responding.require_startable(cacao.load(main.document), values, now=now)
    until = wish.until or now + node.settings.block_hours * HOUR
    answer_by = wish.answer_by or min(until, now + 24 * HOUR)
    nodes = [_node_of(node, name) for name in dict.fromkeys(wish.partners)]
    if wish.partners and wish.marking == "red":
        raise ResponseStateError("TLP:RED leaves to nobody.", what="marking", expected="amber+strict or laxer")
    if not now < answer_by <= until or wish.quorum > len(nodes) + 1:
        raise ResponseStateError(
            "Nobody could agree to this in time.", what="quorum" if wish.quorum > len(nodes) + 1 else "until",
            expected="answers before it ends, and no more nodes than are asked",
        )  # fmt: skip
    if nodes:
        _require_tellable(node, wish, documents, values)
    proposal = Proposal(
        proposer=own, nodes=tuple(nodes), playbook=main.id, version=main.version,
        digest=responding.content_digest(main.document),
        values=values, reason=wish.reason, about=tuple(wish.about), begins_at=_text(wish.begins_at),
        answer_by=stix.format_timestamp(answer_by), until=stix.format_timestamp(until), quorum=wish.quorum,
        exercise=wish.exercise,
    )  # fmt: skip
    response = node.random(16).hex()
    signed_documents = [_signed(node, each, now) for each in documents] if nodes else documents
    row = ResponseRow(
        response, own, OWN, main.name, "asked", wish.marking, msgspec.msgpack.encode(signed_documents), None, 0, 0, 0,
        now, now, now, None,
    )  # fmt: skip
    with node.store.database.writing() as transaction:
        responses.put(transaction, row)
        say(node, transaction, response, PROPOSED, reason=wish.reason, proposal=proposal)
        row = _approved(node, transaction, row, Agreed(proposal.digest), proposal, person)
    node.alert.ring()
    return publish(node, row.id) if nodes else row


def _require_tellable(node: Node, wish: Wish, documents: Sequence[bytes], values: Mapping[str, str]) -> None:
    """Raises NotTellableError."""
    read = [cacao.load(each) for each in documents]
    disclosing.require_marking(read, wish.marking)
    texts = [wish.reason, wish.exercise, *values.values()]
    texts += [text for document in documents for text in disclosing.texts_in(msgspec.json.decode(document))]
    disclosing.require_tellable(node, texts, wish.about, list(dict.fromkeys(wish.partners)), wish.marking)


def _text(at: int | None) -> str:
    return stix.format_timestamp(at) if at is not None else ""


def _with_called(node: Node, document: bytes, commands: Sequence[str]) -> list[bytes]:
    """A playbook and all that it calls, each once.

    Raises UnknownRunError, ResponseStateError, RefusedPlaybookError for one with other commands.
    """
    found: dict[str, bytes] = {}
    todo = [document]
    while todo:
        each = todo.pop(0)
        playbook, _ = cacao.read(each, commands=commands)
        key = key_of(playbook.id, playbook.modified)
        if key in found:
            continue
        found[key] = each
        if len(found) > carried.MOST_PLAYBOOKS:
            raise ResponseStateError("It calls too many playbooks.", expected=f"{carried.MOST_PLAYBOOKS} at most")
        for step in playbook.workflow.values():
            if step.type == "playbook-action":
                todo.append(responding.called(node, step.playbook_id, step.playbook_version).document)
    return list(found.values())


def _node_of(node: Node, name: str) -> str:
    partner = partner_of(node.store.partners.one(name))
    if partner.kind != "node" or partner.node_id is None:
        raise ResponseStateError("Only another node can take part.", what=name, expected="a partner with a node")
    return partner.node_id


def _signed(node: Node, document: bytes, now: int) -> bytes:
    """With our signature, so that a partner that passes it on cannot change it."""
    members = signing.sign(
        msgspec.json.decode(document), node.key.sign, node.key.public.raw, by=node.settings.node_id,
        signee=node.settings.title or node.settings.name, at=stix.format_timestamp(now),
    )  # fmt: skip
    return msgspec.json.encode(members)


# ---- answering -------------------------------------------------------------------------------------------


def accept(
    node: Node, response: str, *, without: Sequence[str] = (), until: int | None = None, person: str
) -> ResponseRow:  # fmt: skip
    """Somebody here says yes, to all of it or without some steps. It begins when enough have, of the same.

    Raises UnknownResponseError, ResponseStateError.
    """
    found = _to_answer(node, response)
    steps = {key for each in playbooks_of(found.row).values() for key in each.workflow}
    if unknown := set(without) - steps:
        raise ResponseStateError("There is no such step.", what=sorted(unknown)[0][:80])
    agreed = Agreed(found.proposal.digest, tuple(sorted(set(without))), _text(until))
    with node.store.database.writing() as transaction:
        row = _again(transaction, found.row)
        if row.state not in TO_ANSWER:
            raise ResponseStateError("It was answered meanwhile.", what=row.id[:16], found=row.state)
        row = _approved(node, transaction, row, agreed, found.proposal, person)
    return _told(node, row)


def approve(node: Node, response: str, *, person: str) -> ResponseRow:
    """One more person says yes, to what the first one accepted. Raises UnknownResponseError, ResponseStateError."""
    found = read(node, response)
    if not found.approvals:
        raise ResponseStateError(
            "Nobody has accepted it yet.", what=found.row.id[:16], remedy="`katchi respond accept`"
        )
    first = agreed_of(found.approvals[0])
    return accept(node, response, without=first.without, until=joint.time_of(first.until), person=person)


def _approved(
    node: Node, transaction: Transaction, row: ResponseRow, agreed: Agreed, proposal: Proposal, person: str
) -> ResponseRow:
    now = node.clock.now()
    responses.approve(transaction, row.id, ApprovalRow(person, now, msgspec.json.encode(agreed)))
    same = [each for each in responses.approvals(transaction, row.id) if agreed_of(each) == agreed]
    if len(same) < node.settings.approvals:
        row = replace(row, state="approving", changed_at=now)
        responses.put(transaction, row)
        notices.note(transaction, "approval", f"{row.id} {len(responses.approvals(transaction, row.id))} {now}", at=now)
        remind(transaction, row.id, proposal, now=now)
        return row
    commands = responding.commands(node) if row.proposer == node.settings.node_id else responding.FOR_PARTNERS
    for document in _packed.decode(row.playbooks):
        playbook, _ = cacao.read(document, commands=commands)
        responding.keep(node, transaction, document, playbook, person=person)
    say(node, transaction, row.id, "accepted", left_out=agreed.without, until=agreed.until)
    due = joint.time_of(proposal.begins_at)
    row = replace(row, state="accepted", changed_at=now, due_at=max(now, due or 0))
    responses.put(transaction, row)
    return row


def decline(node: Node, response: str, *, reason: str, person: str) -> ResponseRow:
    """Somebody here says no, and why. Raises UnknownResponseError, ResponseStateError."""
    return _answered(node, response, "declined", reason, person)


def defer(node: Node, response: str, *, reason: str, person: str) -> ResponseRow:
    """Somebody here says: not yet. Raises UnknownResponseError, ResponseStateError."""
    return _answered(node, response, "deferred", reason, person)


def _answered(node: Node, response: str, kind: str, reason: str, person: str) -> ResponseRow:
    found = _to_answer(node, response)
    _require_sayable(node, found, reason)
    with node.store.database.writing() as transaction:
        row = _again(transaction, found.row)
        if row.state not in TO_ANSWER:
            raise ResponseStateError("It was answered meanwhile.", what=row.id[:16], found=row.state)
        responses.forget_approvals(transaction, row.id)
        say(node, transaction, row.id, kind, reason=reason[:4000])
        row = replace(row, state=kind, changed_at=node.clock.now())
        responses.put(transaction, row)
    return _told(node, row)


def _to_answer(node: Node, response: str) -> Response:
    found = read(node, response)
    if found.row.state not in TO_ANSWER:
        raise ResponseStateError("There is nothing to answer any more.", what=found.row.id[:16], found=found.row.state)
    answer_by = joint.time_of(found.proposal.answer_by)
    if answer_by is not None and node.clock.now() >= answer_by:
        raise ResponseStateError(
            "The time for an answer is over.", what=found.row.id[:16], found=found.proposal.answer_by,
            remedy="ask for a new proposal",
        )  # fmt: skip
    return found


# ---- taking back -----------------------------------------------------------------------------------------


def recall(node: Node, response: str, *, things: Sequence[str] = (), reason: str, person: str) -> ResponseRow:
    """Takes it back, or some things of it: what it blocks here is let go.

    At partners too when it is our response; what another proposed they are told, and decide themselves.
    Raises UnknownResponseError, ResponseStateError.
    """
    found = read(node, response)
    if found.row.state not in OPEN:
        raise ResponseStateError("It is over.", what=found.row.id[:16], found=found.row.state)
    _require_sayable(node, found, reason)
    with node.store.database.writing() as transaction:
        row = _again(transaction, found.row)
        say(node, transaction, row.id, "recalled", reason=reason[:4000], things=tuple(things))
        row = let_go(node, transaction, row, things, why="recalled")
    return _told(node, row)


def let_go(
    node: Node, transaction: Transaction, row: ResponseRow, things: Sequence[str], *, why: str
) -> ResponseRow:  # fmt: skip
    """Ends what is blocked here for a response; all of it ends its run, too."""
    now = node.clock.now()
    leases.end_owner(transaction, row.id, things, why=why, now=now)
    if not things and row.run is not None and (run := runs.one(transaction, row.run)) and run.status == "running":
        responding.runner_of(node).cancel_in(transaction, row.run, reason=why)
    if not things and row.state in (*TO_ANSWER, "accepted"):
        row = replace(row, state=why)
    if not things and why == "recalled":
        notices.note(transaction, "recalled", row.id, at=now)
    row = replace(row, changed_at=now, due_at=now)
    responses.put(transaction, row)
    return row


def renew(node: Node, response: str, *, until: int, person: str) -> ResponseRow:
    """Moves the end of our response; partners renew theirs when they say yes. Raises ResponseStateError."""
    found = read(node, response)
    if found.row.proposer != node.settings.node_id or found.row.state not in OPEN:
        raise ResponseStateError("Only who proposed it can renew it, while it is open.", what=found.row.id[:16])
    if until <= node.clock.now():
        raise ResponseStateError(
            "It would be over at once.", what="until", expected="a time to come", remedy="recall it to end it"
        )
    if until > node.clock.now() + node.settings.block_days * 24 * HOUR:
        raise ResponseStateError("Nothing is blocked for so long.", expected=f"{node.settings.block_days} days at most")
    _require_renewable(node, found, until)
    with node.store.database.writing() as transaction:
        row = _again(transaction, found.row)
        say(node, transaction, row.id, "renewed", until=stix.format_timestamp(until))
        leases.renew(transaction, row.id, until=until)
        row = replace(row, changed_at=node.clock.now(), due_at=node.clock.now())
        responses.put(transaction, row)
    return _told(node, row)


def _require_renewable(node: Node, found: Response, until: int) -> None:
    """A renewal goes no further than what people said yes to, and keeps nothing that is never blocked by now."""
    if node.settings.approvals > 1:
        raise ResponseStateError(
            "Here nobody renews alone.", what=found.row.id[:16], expected=f"a yes of {node.settings.approvals} people",
            remedy="propose it again, and let the others accept",
        )  # fmt: skip
    agreed = [end for each in found.approvals if (end := joint.time_of(agreed_of(each).until)) is not None]
    if agreed and until > min(agreed):
        raise ResponseStateError(
            "Somebody here said yes for a shorter time.", what="until", expected=stix.format_timestamp(min(agreed)),
            remedy="propose it again",
        )  # fmt: skip
    stops = actuating.never_block(node)
    for row in node.store.leases.of_owner(found.row.id):
        if row.ended_at is None and (why := stops(row.thing)):
            raise ResponseStateError(
                "This is never blocked here by now.", what=row.thing[:120], found=why,
                remedy="recall it, then renew the rest",
            )  # fmt: skip


def _require_sayable(node: Node, found: Response, reason: str) -> None:
    """That a reason tells the others nothing that they may not know. Raises NotTellableError."""
    partners = (partner_of(row) for row in node.store.partners.all())
    hearing = [each.name for each in partners if each.node_id in found.joint.parts]
    if reason and hearing:
        disclosing.require_tellable(node, [reason], (), hearing, found.row.marking)


# ---- telling ---------------------------------------------------------------------------------------------


def publish(node: Node, response: str) -> ResponseRow:
    """Tells the others in a course of action of ours what we said since. Once more is nothing new."""
    found = read(node, response)
    row, own = found.row, node.settings.node_id
    mine = [each for each in node.store.responses.entries(row.id) if each.node == own]
    if not mine:
        return row
    if not found.proposal.nodes:
        with node.store.database.writing() as transaction:
            return _published(transaction, row, len(mine))
    name = own_id(node, "course-of-action", row.id)
    with node.store.database.reading() as transaction:
        before = held(transaction, [name])
    entries = [Signed(_entry.decode(each.body), each.signing_key, each.signature) for each in mine]
    playbooks = _packed.decode(row.playbooks) if row.proposer == own else []
    made = carried.course_of_action(
        draft(node, name, before, marking=row.marking, now=node.clock.now()), row.id, name=row.name,
        reason=found.proposal.reason, nodes=list(found.joint.parts), entries=entries, playbooks=playbooks,
    )  # fmt: skip
    account = take_in(node, [*(definitions() if not before else []), made], via="response")
    refused = [each for each in account.problems if each.object_id == name and each.code not in _OVERTAKEN]
    if refused:
        raise BadEntryError("The response could not be kept as an object.", what=name, found=refused[0].message)
    # Another thread or process may have told of it at the same moment: what counts is what is held now.
    with node.store.database.writing() as transaction:
        said = carried.read(held(transaction, [name])[name])
        return _published(transaction, row, len(said.entries) if said is not None else 0)


def _published(transaction: Transaction, row: ResponseRow, number: int) -> ResponseRow:
    row = replace(_again(transaction, row), published=number)
    responses.put(transaction, row)
    return row


def kept_from(node: Node, found: Response) -> dict[str, str]:
    """Our names of those who are asked and may not have it, by the terms, and why."""
    name = own_id(node, "course-of-action", found.row.id)
    kept = {}
    for row in node.store.partners.all():
        if partner_of(row).node_id in found.proposal.nodes and (why := terms.kept_from(node, name, row.name)):
            kept[row.name] = why
    return kept


def _told(node: Node, row: ResponseRow) -> ResponseRow:
    node.alert.ring()
    return publish(node, row.id)


def _again(transaction: Transaction, row: ResponseRow) -> ResponseRow:
    return responses.one(transaction, row.id) or row

"""For whom a run acts here: what people agreed to, and what of a playbook is not for this node."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from katchi.errors import KatchiError
from katchi.node.actuating import is_ours
from katchi.node.response_log import logs_of
from katchi.node.wiring import Node
from katchi.respond import joint
from katchi.respond.blocking import Mandate
from katchi.respond.joint import Joint
from katchi.respond.machine import Order
from katchi.store import responses
from katchi.store.database import Transaction
from katchi.store.responses import ApprovalRow, ResponseRow

ELSEWHERE = "elsewhere"
LEFT_OUT = "left-out"


class Agreed(msgspec.Struct, frozen=True, omit_defaults=True):
    """To what somebody said yes: which proposal, without which steps, and until when at most."""

    digest: str
    without: tuple[str, ...] = ()
    until: str = ""


class NoMandateError(KatchiError):
    """Nobody here has said yes to this."""

    code = "no-mandate"


def agreed_of(approval: ApprovalRow) -> Agreed:
    """To what somebody said yes."""
    return msgspec.json.decode(approval.terms, type=Agreed)


def mandate(node: Node, row: ResponseRow, found: Joint, approvals: list[ApprovalRow]) -> Mandate:
    """For a response: it lasts as long as its proposer says, and no longer than anybody here wants."""
    proposal = found.proposal
    if proposal is None:
        raise NoMandateError("The proposal itself has not come yet.", what=row.id)
    own = found.parts.get(node.settings.node_id)
    is_own = row.proposer == node.settings.node_id
    # A partner's renewal moves nothing here: what was agreed to ends when it was agreed to end.
    ends = [found.until if is_own else proposal.until, *(agreed_of(each).until for each in approvals)]
    if own is not None and own.answer == "accepted":
        ends.append(own.until if not own.in_force_at else "")
    times = [time for each in ends if (time := joint.time_of(each)) is not None]
    people = ", ".join(each.person for each in approvals)
    recalled = frozenset(
        thing for each in found.recalls if each.is_proposers or each.node == node.settings.node_id
        for thing in each.things
    )  # fmt: skip
    return Mandate(
        row.id, row.run or "", proposal.reason[:400], people, min(times), bool(proposal.exercise), not is_own,
        recalled=recalled,
    )  # fmt: skip


def of_run(node: Node, run: str) -> Mandate:
    """For a run: of the response that it is for, or by who began it alone. Raises UnknownRunError, NoMandateError."""
    with node.store.database.reading() as transaction:
        row = responses.of_run(transaction, run)
        if row is not None:
            logs, approvals = responses.entries(transaction, row.id), responses.approvals(transaction, row.id)
    if row is None:
        if node.settings.approvals > 1:  # also for what a playbook of people's steps alone calls
            raise NoMandateError("Here nobody lets devices act alone.", what=run, expected="a response")
        begun = node.store.runs.one(run)
        return Mandate(run, run, "", begun.person)
    if len(approvals) < node.settings.approvals:
        raise NoMandateError("Not enough people here have said yes.", what=row.id)
    return mandate(node, row, joint.merge(logs_of(logs)), approvals)


def skips(node: Node) -> Callable[[Transaction, str, Order], str]:
    """Tells why an order of a run is not for us: another's part, or left out by who said yes."""

    def why(transaction: Transaction, run: str, order: Order) -> str:
        if not is_ours(node, order.agent_id, order.agent):
            return ELSEWHERE
        row = responses.of_run(transaction, run)
        approvals = responses.approvals(transaction, row.id) if row is not None else []
        return LEFT_OUT if any(order.step in agreed_of(each).without for each in approvals) else ""

    return why

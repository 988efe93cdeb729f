"""Carries out what a tool of ours commands by OpenC2: a denial is leases, under all limits, and takes effect once.

A tool commands only where katchi.toml names it. Each denial has a number, by which the tool takes it back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, Final

import msgspec

from katchi.errors import KatchiError
from katchi.exchange.taxii.errors import NotAllowedError
from katchi.node import actuating, collections
from katchi.node.acting import keeper_of
from katchi.node.settings import Commander
from katchi.node.wiring import Node
from katchi.policy.partner import Partner
from katchi.respond import openc2
from katchi.respond.blocking import Blocker, Mandate, NoDeviceError, NotBlockedError
from katchi.respond.cacao import Command as PlaybookCommand
from katchi.respond.machine import Order
from katchi.respond.openc2 import BadMessageError, Command, NotDoneError, Response, profiles
from katchi.store import leases
from katchi.store.commands import CommandRow
from katchi.store.partners import PartnerRow

HIGHEST: Final = 2**53  # of the numbers that JSON carries everywhere
_SPECIFIERS: Final = {"hostname", "asset_id", "named_group"}


class NoSuchRuleError(NotBlockedError):
    """This tool has made no rule of this number."""

    code = "no-such-rule"


class NotLiftedError(KatchiError):
    """What was to be let go is let go as soon as a device answers again."""

    code = "not-lifted"


def require_commander(node: Node, partner: PartnerRow) -> Commander:
    """What katchi.toml lets this caller do. Raises NotAllowedError: nobody may command who is not named there."""
    collections.require_flowing(partner)
    known = Partner.from_json(partner.document)
    found = next((each for each in node.settings.commander if each.tool == partner.name), None)
    if found is None or partner.kind != "tool" or not known.is_own:
        raise NotAllowedError(
            "This caller may not command this node.", expected="a tool of this organisation, as [[commander]]",
            remedy="name it in katchi.toml",
        )  # fmt: skip
    return found


def obey(
    node: Node, commander: Commander, command: Command, request_id: str = "", *,
    at: Callable[[str], None] = lambda _: None,
) -> Response:  # fmt: skip
    """Does what is commanded, and says what became of it. Whatever speaks against it is said, and nothing is raised.

    `request_id` names the command where it has no id of its own. `at` is called at every point at which a crash could
    happen, for tests.
    """
    try:
        match command.action, command.target:
            case "query", "features":
                return _features(command)
            case "deny", _:
                return _denied(node, commander, command, command.command_id or request_id, at)
            case "delete", target if target.partition(":")[2] == profiles.RULE:
                return _deleted(node, commander, command)
        raise NotDoneError("This is not done here.", what=f"{command.action} {command.target}"[:80])
    except KatchiError as problem:
        return refusal(problem)


def refusal(problem: KatchiError) -> Response:
    """A failure as a response (OpenC2 1.0 §3.3.2.2). It says what the tool can do something about, and no more."""
    match problem:
        case BadMessageError():
            status = problem.status
        case NoSuchRuleError() | NoDeviceError():
            status = 404
        case NotBlockedError() | NotAllowedError():
            status = 403
        case _:
            status = 500
    said = [problem.sentence]
    if status != 500:  # else it is about our devices
        said += [problem.what, problem.expected and f"expected: {problem.expected}",
                 problem.found and f"found: {problem.found}"]  # fmt: skip
    return Response(status=status, status_text=" ".join(each for each in said if each)[:400])


def owner_of(tool: str) -> str:
    """For whom the leases of a tool's commands are."""
    return f"openc2:{tool}"


# ---- what can be commanded -------------------------------------------------------------------------------


def _features(command: Command) -> Response:
    for name in command.actuator.keys() - set(profiles.PROFILES):
        raise NotDoneError("There is no such actuator here.", what="actuator", found=name)
    if command.args not in ({}, {"response_requested": "complete"}):  # §4.1
        raise BadMessageError("A query of features has no such argument.", what="args", expected="complete")
    return profiles.features(command.value)


def _denied(
    node: Node, commander: Commander, command: Command, name: str, at: Callable[[str], None]
) -> Response:  # fmt: skip
    if node.settings.approvals > 1 and not commander.alone:
        raise NotAllowedError(
            "Here nothing is blocked at the word of one.", expected=f"a yes of {node.settings.approvals} people"
        )
    profile = profiles.profile_of(command)
    if not name:
        raise BadMessageError("The command has no name.", expected="command_id, request_id or X-Request-ID")
    digest = hashlib.sha256(msgspec.structs.replace(command, command_id="").to_json()).digest()
    row = node.store.commands.take(commander.tool, name, profile=profile, digest=digest, now=node.clock.now())
    if row.digest != digest:
        raise BadMessageError("Another command had this name.", what=name[:128])
    at("taken")
    # The same command twice at once: the second waits, and hears what became of the first.
    with node.devices:
        row = node.store.commands.numbered(row.number) or row
        if row.answer is None:
            answer = _carried_out(node, row, command, at)
            at("carried out")
            row = row._replace(answer=node.store.commands.answer(row.number, answer.to_json()))
    return openc2.read_response(row.answer or b"")


def _carried_out(node: Node, row: CommandRow, command: Command, at: Callable[[str], None]) -> Response:
    """Also what was begun before a crash, as if it were now."""
    results: dict[str, Any] = {row.profile: {profiles.RULE: row.number}}
    try:
        blocker = _blocker(node, row, command, at)
        if command.args.get("response_requested") == "ack":
            blocker.hold(_order(row, command))
            node.alert.ring()
            return Response(status=102, results=results)
        blocker.act(_order(row, command))
    except KatchiError as problem:
        return refusal(problem)
    return Response(status=200, results=results)


def _order(row: CommandRow, command: Command) -> Order:
    return Order(
        key=f"{owner_of(row.tool)}:{row.number}", step="deny", name="", agent={}, target=None,
        command=PlaybookCommand(type="openc2", command=command.to_json().decode()),
    )  # fmt: skip


def _blocker(node: Node, row: CommandRow, command: Command, at: Callable[[str], None]) -> Blocker:
    mandate = Mandate(owner_of(row.tool), reason=f"OpenC2 {row.name}", person=row.tool)
    named = _devices(node, command, row.profile)
    return Blocker(
        node.store.database, node.clock.now, actuating.actuators(node), keeper_of(node, at=at),
        playing=lambda _: named, stops=actuating.never_block(node), mandate=lambda _: mandate,
        limits=actuating.limits(node),
    )  # fmt: skip


def _devices(node: Node, command: Command, profile: str) -> list[str]:
    """Those that the command names (SLPF §2.1.4): by their name, or by a role that they play; all, if it names none."""
    wanted = command.actuator.get(profile, {})
    for name in wanted.keys() - _SPECIFIERS:
        raise NotDoneError("Devices are not told apart by this.", what=f"actuator.{profile}.{name}"[:80])
    return [
        each.name for each in node.settings.actuator
        if all(wanted.get(name, each.name) == each.name for name in ("hostname", "asset_id"))
        and ("named_group" not in wanted or wanted["named_group"] in each.roles)
    ]  # fmt: skip


def _deleted(node: Node, commander: Commander, command: Command) -> Response:
    """Lets go of what a denial blocked. It can be said again with the same effect."""
    for name in command.args.keys() - {"response_requested"}:  # SLPF §2.3.4.1
        raise NotDoneError("Option not supported.", what=f"args.{name}"[:60])
    profile, number = command.target.partition(":")[0], command.value
    if profile not in profiles.PROFILES:
        raise NotDoneError("Target not supported.", what=command.target)
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number <= HIGHEST:
        raise BadMessageError("This is no number of a rule.", what=command.target, found=str(number)[:40])
    row = node.store.commands.numbered(number)
    if row is None or (row.tool, row.profile) != (commander.tool, profile):
        raise NoSuchRuleError("This tool has no such rule here.", what=command.target, found=str(number))
    key = _order(row, command).key
    with node.store.database.writing() as transaction:
        leases.end_order(transaction, key, why=f"deleted by {commander.tool}", now=node.clock.now())
        places = {each.actuator for each in leases.of_order(transaction, key) if each.lifted_at is None}
    if command.args.get("response_requested") == "ack":
        node.alert.ring()
        return Response(status=102)
    _let_go(node, sorted(places))
    return Response(status=200)


def _let_go(node: Node, places: list[str]) -> None:
    keeper, troubles = keeper_of(node), []
    for name in places:
        try:
            keeper.keep(name)
        except KatchiError as problem:  # noted at the device; it is tried again
            troubles.append(problem)
    if troubles:
        raise NotLiftedError("Firewall rule not removed or updated.", expected="it is tried again until it is")

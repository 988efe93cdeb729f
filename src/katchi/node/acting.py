"""What goes on of responses by itself: runs, devices, what was agreed and is due, receipts to the others."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Final

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import actuating, mandates, polled, responding
from katchi.node.response_log import logs_of, say
from katchi.node.responses import OPEN, Response, let_go, playbooks_of, publish, read_in
from katchi.node.wiring import Bell, Node, refresh_key
from katchi.respond import cacao, calling, joint, keeping
from katchi.respond.blocking import COMMANDS, HOUR, Blocker, Mandate
from katchi.respond.calling import Caller
from katchi.respond.carrier import Carrier
from katchi.respond.keeping import SECOND, Keeper
from katchi.respond.machine import Order
from katchi.respond.shell import Shell
from katchi.store import leases, notices, responses, runs
from katchi.store.database import Transaction
from katchi.store.leases import LeaseRow
from katchi.store.responses import ResponseRow

logger = logging.getLogger(__name__)

CALLS: Final = (*calling.COMMANDS, *cacao.SHELLS)
"""Commands that may take long: they have a thread of their own."""
MOST_TOLD: Final = 1000  # steps of which receipts are given: more than a person reads, less than a log holds
ENDED: Final = ("done", "failed", "cancelled")
OVER: Final = ("over", "done", "cancelled", "expired")
"""States in which people are told that nothing more comes of a response; of a failure they are told by itself."""
LOOK_EVERY: Final = 0.2  # seconds: what another process wrote (`katchi respond accept`) is found within this time


class Responder:
    """Threads of its own, so that a slow device keeps nobody's exchange waiting, and a slow service no device."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stopping = threading.Event()
        self._calls = Bell()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._run, "katchi-responses"), (self._run_calls, "katchi-calls"))
        ]

    def start(self) -> None:
        """Begins."""
        for each in self._threads:
            each.start()

    def stop(self) -> None:
        """Ends after what is under way; what takes longer is taken up again after the next start."""
        self._stopping.set()
        self._node.alert.ring()
        self._calls.ring()
        for each, patience in zip(self._threads, (35, 5), strict=True):
            each.join(timeout=patience)

    def _run_calls(self) -> None:
        node = self._node
        while not self._stopping.is_set():
            try:
                busy = node.store.runs.is_anything_due(node.clock.now()) and call(node, self._stopping.is_set)
            except Exception:
                logger.exception("a call of a response met something that it does not know")
                busy = False
            if busy:
                node.alert.ring()
            else:
                self._calls.wait(LOOK_EVERY)

    def _run(self) -> None:
        node, look_at = self._node, 0
        while not self._stopping.is_set():
            try:
                now = node.clock.now()
                busy = now >= look_at or node.store.responses.is_anything_due(now)
                if busy:
                    busy = work(node, without=CALLS)
                    self._calls.ring()
                    look_at = now + keeping.LOOK_EVERY // 2
            except Exception:  # what defends goes on defending
                logger.exception("a response met something that it does not know")
                busy = False
            if not busy:
                node.alert.wait(LOOK_EVERY)


def work(node: Node, *, without: Collection[str] = (), at: Callable[[str], None] = lambda _: None) -> bool:
    """One round; True where there may be more to do at once.

    Commands of the types in `without` are left to `call`. `at` is called at every point at which a crash could happen,
    for tests.
    """
    refresh_key(node)
    now, busy = node.clock.now(), False
    for response in node.store.responses.due(now):
        try:
            _advance(node, response)
        except KatchiError as problem:
            logger.exception("response %s cannot go on", response)
            _put_off(node, response, problem)
        at("advanced")
        busy = True
    keeper = keeper_of(node, at=at)
    if node.store.runs.is_anything_due(now):
        carriers = {**dict.fromkeys(COMMANDS, _blocker(node, keeper)), **_callers(node, lambda: False)}
        busy = responding.runner_of(node, carriers, at=at).work(without=without) > 0 or busy
    busy = keeper.work() > 0 or busy
    for response in node.store.responses.unpublished():
        try:
            publish(node, response)
        except KatchiError:
            logger.exception("response %s cannot be told to the others", response)
        at("published")
    return busy


def look_again(node: Node) -> None:
    """Holds every device against what it is to have, at once. Raises ActuatorError for the first that cannot be."""
    keeper = keeper_of(node)
    for each in node.settings.actuator:
        keeper.keep(each.name)


def keeper_of(node: Node, *, at: Callable[[str], None] = lambda _: None) -> Keeper:
    """What looks after this node's devices."""
    return Keeper(
        node.store.database, node.clock.now, actuating.actuators(node), misses=polled.misses(node), alone=node.devices,
        at=at,
    )  # fmt: skip


def call(node: Node, is_stopping: Callable[[], bool] = lambda: False) -> bool:
    """Asks the next service, or runs the next command, that a run waits for; False where there is none."""
    return responding.runner_of(node, _callers(node, is_stopping)).carry_out(CALLS) > 0


def _blocker(node: Node, keeper: Keeper) -> Blocker:
    return Blocker(
        node.store.database, node.clock.now, actuating.actuators(node), keeper, playing=actuating.playing(node),
        stops=actuating.never_block(node), mandate=lambda order: _for_whom(node, order),
        limits=actuating.limits(node),
    )  # fmt: skip


def _callers(node: Node, is_stopping: Callable[[], bool]) -> dict[str, Carrier]:
    """What asks services and runs commands; the types that nobody has switched on have nothing that does them."""
    settings = node.settings

    def is_wanted(order: Order) -> bool:
        return not is_stopping() and node.store.runs.order(order.key).phase == "doing"

    caller = Caller(
        settings.service, node.folder, node.clock.now, own_port=settings.port,
        playing=actuating.answering(node, settings.service, calling.COMMANDS),
        mandate=lambda order: _for_whom(node, order),
    )  # fmt: skip
    runs_commands = Shell(
        settings.shell, node.clock.now, playing=actuating.answering(node, settings.shell, actuating.SHELL_TARGETS),
        mandate=lambda order: _for_whom(node, order), is_wanted=is_wanted,
    )  # fmt: skip
    switched_on = {kind for each in settings.shell for kind in each.types}
    return {**dict.fromkeys(calling.COMMANDS, caller), **dict.fromkeys(switched_on, runs_commands)}


def _for_whom(node: Node, order: Order) -> Mandate:
    return mandates.of_run(node, node.store.runs.order(order.key).run)


def release(node: Node, lease: str, *, why: str, person: str) -> LeaseRow:
    """Lets go of one thing at one device here, whatever the response says. Raises UnknownLeaseError."""
    row = node.store.leases.one(lease)
    with node.store.database.writing() as transaction:
        leases.end_one(transaction, row.id, why=f"released by {person}: {why}"[:200], now=node.clock.now())
    return node.store.leases.one(row.id)


# ---- one response ----------------------------------------------------------------------------------------


def _advance(node: Node, response: str) -> None:
    """Everything that is due of a response: ended, begun, told. When it is next due is written with it."""
    with node.store.database.writing() as transaction:
        row = responses.one(transaction, response)
        if row is None:
            return
        # Read where it is written: what comes in between would be taken for seen.
        found = read_in(transaction, row)
        row, before = replace(row, due_at=None), row.state
        if found.joint.proposal is not None:
            row = _withdrawn(node, transaction, found, row)
            row = _begun(node, transaction, found, row)
            row = _told(node, transaction, row)
        responses.put(transaction, row)
        if row.state in OVER and row.state != before:
            notices.note(transaction, "over", row.id, at=node.clock.now())


def _put_off(node: Node, response: str, problem: KatchiError) -> None:
    """One that cannot go on keeps no other from it; it is tried again in a while."""
    with node.store.database.writing() as transaction:
        row = responses.one(transaction, response)
        if row is not None:
            trouble = f"{problem.code}: {problem}"[:400]
            responses.put(transaction, replace(row, trouble=trouble, due_at=node.clock.now() + 60 * SECOND))


def _withdrawn(node: Node, transaction: Transaction, found: Response, row: ResponseRow) -> ResponseRow:
    """What its proposer took back is let go here, all or those things, and what we did not want ourselves."""
    own = node.settings.node_id
    for each in found.joint.recalls:
        if not each.is_proposers and each.node != own:
            continue
        if each.things:
            leases.end_owner(transaction, row.id, each.things, why="recalled", now=node.clock.now())
        elif row.state in OPEN and each.node != own:
            row = replace(let_go(node, transaction, row, (), why="recalled"), due_at=None)
    return row


def _begun(node: Node, transaction: Transaction, found: Response, row: ResponseRow) -> ResponseRow:
    """Its run begins when enough nodes have accepted and its time has come; silence of the others holds up nothing."""
    now, proposal = node.clock.now(), found.proposal
    answer_by = joint.time_of(proposal.answer_by) or now
    if row.state in ("asked", "deferred", "approving") and now >= answer_by:
        return replace(row, state="expired")
    if row.state in ("asked", "deferred", "approving"):
        return replace(row, due_at=answer_by)
    if row.state != "accepted":
        return row
    begins_at = joint.time_of(proposal.begins_at) or 0
    until = joint.time_of(proposal.until) or now
    if now >= until or (found.joint.accepted < proposal.quorum and now >= answer_by):
        return replace(row, state="expired")
    if found.joint.accepted < proposal.quorum or now < begins_at:
        return replace(row, due_at=max(begins_at, now + SECOND) if now < begins_at else answer_by)
    run = node.random(16).hex()
    row = replace(row, state="acting", run=run, changed_at=now)
    responses.put(transaction, row)  # its orders ask for whom they are
    try:
        responding.runner_of(node).begin_in(
            transaction, run, proposal.playbook, proposal.version, proposal.values, person=row.origin,
            pins={key: each.modified for key, each in playbooks_of(row).items() if key == each.id},
        )  # fmt: skip
    except KatchiError as problem:
        say(node, transaction, row.id, "ended", status="failed", reason=problem.code)
        notices.note(transaction, "failed", row.id, at=now)
        return replace(row, state="failed", run=None, trouble=f"{problem.code}: {problem}"[:400])
    say(node, transaction, row.id, "begun")
    return row


def _told(node: Node, transaction: Transaction, row: ResponseRow) -> ResponseRow:
    """Receipts for the steps that ended since: which, how and when, and never why."""
    own = node.settings.node_id
    if row.run is None:
        return row
    notes = runs.notes(transaction, row.run)[row.notes_told :]
    if ended := [(note.step, note.what) for note in notes if note.step and note.what in ("succeeded", "failed")]:
        mine = logs_of(responses.entries(transaction, row.id)).get(own, [])
        told = {(each.step, each.status) for each in mine if each.kind == "step"}
        # In a loop a step ends the same way a thousand times: that it did so once is told.
        for step, status in [each for each in dict.fromkeys(ended) if each not in told][: MOST_TOLD - len(told)]:
            say(node, transaction, row.id, "step", step=step, status=status)
    row = replace(row, notes_told=row.notes_told + len(notes))
    run = runs.one(transaction, row.run or "")
    if row.state == "acting" and run is not None and run.status != "running":
        say(node, transaction, row.id, "ended", status=run.status)
        row = replace(row, state=run.status, changed_at=node.clock.now())
    return _blocks_told(node, transaction, row)


def _blocks_told(node: Node, transaction: Transaction, row: ResponseRow) -> ResponseRow:
    """What is in force and until when, whenever that changes; and when the last device has let go of the last thing."""
    rows = leases.of_owner(transaction, row.id)
    if not rows:
        return row
    own = node.settings.node_id
    part = joint.merge(logs_of(responses.entries(transaction, row.id))).parts[own]
    held = [each for each in rows if each.held_at is not None and each.ended_at is None]
    is_open = any(each.lifted_at is None for each in rows)
    if held:
        until = stix.format_timestamp(max(each.until for each in held))
        count = len({each.thing for each in held})
        if (part.count, part.until, bool(part.lifted_at)) != (count, until, False) or not part.in_force_at:
            say(node, transaction, row.id, "in-force", until=until, count=count)
            _note_force(transaction, row.id, held, is_new=not part.in_force_at, now=node.clock.now())
    elif not is_open and part.in_force_at and not part.lifted_at:
        whys = {each.why for each in rows}
        say(node, transaction, row.id, "lifted", reason=", ".join(sorted(why for why in whys if why))[:400])
    if row.state in (*ENDED, "in-force"):
        state = "in-force" if is_open else "over" if part.in_force_at else row.state
        row = row if state == row.state else replace(row, state=state, changed_at=node.clock.now())
    return row


def _note_force(transaction: Transaction, response: str, held: Sequence[LeaseRow], *, is_new: bool, now: int) -> None:
    """People are told that it is in force, and an hour before its end that it ends."""
    if is_new:
        notices.note(transaction, "in-force", response, at=now)
    ends_at = max(each.until for each in held)
    # What is blocked for less than an hour in all ends as whoever said yes to it knows.
    if ends_at - HOUR > now:
        notices.plan(transaction, "ends-soon", response, at=ends_at - HOUR)

"""Carries runs on: keeps each step of the machine and all that follows from it in one transaction; does what is due.

What is to be done is written before it is done (`intended`), again when somebody sets about it (`doing`), and its
result with the next step of the machine. So, killed at any instant, a run goes on where it was: an order found `doing`
is first looked for at its carrier, and done only where it was not. Nothing of a run is in memory between two calls.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from typing import Final

import msgspec

from katchi.errors import KatchiError
from katchi.respond import cacao, machine
from katchi.respond.cacao import Playbook
from katchi.respond.carrier import Carrier, Result
from katchi.respond.machine import Begin, Cancel, Done, Event, Order, Over, Passed, Rang, Run, Stop, Wake, advance
from katchi.store import notices, runs
from katchi.store.database import Database, Transaction
from katchi.store.runs import OrderRow, PlaybookRow, RunRow, Runs, UnknownRunError

logger = logging.getLogger(__name__)

MANUAL: Final = "manual"
Skips = Callable[[Transaction, str, Order], str]
_state = msgspec.msgpack.Decoder(Run)
_order = msgspec.msgpack.Decoder(Order)


class RunStateError(KatchiError):
    """The run, or the order, is not where this could be done."""

    code = "run-state"
    exit_status = 4


def order_of(row: OrderRow) -> Order:
    """What is to be done."""
    return _order.decode(row.document)


class Runner:
    """Carries on the runs of one node. `at` is called at every point at which a crash could happen, for tests."""

    def __init__(
        self, database: Database, now: Callable[[], int], carriers: Mapping[str, Carrier], *,
        skips: Skips = lambda _transaction, _run, _order: "", at: Callable[[str], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """`skips` tells why an order of a run is not for this node, or "": then it counts as done."""
        self._database, self._now, self._carriers, self._at = database, now, carriers, at
        self._skips = skips
        self._runs = Runs(database)

    # ---- what people do --------------------------------------------------------------------------------

    def begin(self, run: str, playbook_id: str, version: str, values: Mapping[str, str], *, person: str) -> RunRow:
        """A new run. Raises UnknownRunError, MachineError, BadValueError, RefusedPlaybookError."""
        with self._database.writing() as transaction:
            self.begin_in(transaction, run, playbook_id, version, values, person=person)
        self._at("begun")
        return self._runs.one(run)

    def begin_in(
        self, transaction: Transaction, run: str, playbook_id: str, version: str, values: Mapping[str, str], *,
        person: str, pins: Mapping[str, str] | None = None,
    ) -> None:  # fmt: skip
        """The same, together with what else changes with it.

        `pins` are the versions of what is called without one; if not given, the newest there are now.
        """
        now = self._now()
        found = runs.playbook(transaction, playbook_id, version)
        if found is None:
            raise UnknownRunError("There is no such playbook.", what=playbook_id[:80])
        state = Run(run, machine.key_of(found.id, found.version))
        state.pins = dict(pins) if pins is not None else self._pins(transaction, found)
        row = RunRow(run, found.id, found.version, "new", "", msgspec.msgpack.encode(state), person, now, now)
        self._apply(transaction, row, Begin(dict(values)))

    def answer(self, key: str, *, is_good: bool, out: Mapping[str, str], reason: str, person: str) -> None:
        """A person says what became of what it was asked to do. Raises RunStateError, BadValueError."""
        with self._database.writing() as transaction:
            row = runs.order(transaction, key)
            if row is None or row.phase != "asked":
                raise RunStateError("Nobody is asked this.", what=key[:16], found=row.phase if row else "nothing")
            phase = "done" if is_good else "failed"
            runs.move_order(transaction, key, phase, at=self._now(), person=person, reason=reason)
            self._apply(transaction, self._of(transaction, row.run), Done(key, is_good, dict(out), reason))
        self._at("answered")

    def cancel(self, run: str, *, reason: str) -> None:
        """A person ends a run. Raises RunStateError, UnknownRunError."""
        with self._database.writing() as transaction:
            self.cancel_in(transaction, run, reason=reason)
        self._at("cancelled")

    def cancel_in(self, transaction: Transaction, run: str, *, reason: str) -> None:
        """The same, together with what else changes with it."""
        row = self._of(transaction, run)
        if row.status != "running":
            raise RunStateError("The run is over.", what=run[:16], found=row.status)
        self._apply(transaction, row, Cancel(reason))

    # ---- what is due -----------------------------------------------------------------------------------

    def work(self, *, without: Collection[str] = ()) -> int:
        """Does everything that is due now and can be done without a person; returns how much that was.

        Orders of the command types in `without` are left to whoever else calls `carry_out`; theirs are only stopped.
        """
        done, broken = 0, set[str]()
        while True:
            due = [each for each in self._runs.due(self._now()) if each[0] not in broken]
            orders = [
                row for row in self._to_do(lambda kind: kind not in without, is_stopping=True) if row.run not in broken
            ]  # fmt: skip
            for run, alarm in due:
                self._keep_others_from(run, broken, partial(self._ring, run, alarm))
            for row in orders:
                if row.run not in broken:
                    self._keep_others_from(row.run, broken, partial(self._carry_out, row))
            if not due and not orders:
                return done
            done += len(due) + len(orders)

    def _keep_others_from(self, run: str, broken: set[str], act: Callable[[], None]) -> None:
        """A run that cannot go on, for whatever reason, holds up no other, nor the devices."""
        try:
            act()
        except Exception:
            logger.exception("run %s met something that it does not know; it is left alone for now", run)
            broken.add(run)

    def carry_out(self, only: Collection[str]) -> int:
        """Does the next order of these command types, which may take long; returns how many there were."""
        orders = self._to_do(lambda kind: kind in only, is_stopping=False)[:1]
        for row in orders:
            self._carry_out(row)
        return len(orders)

    def _to_do(self, is_ours: Callable[[str], bool], *, is_stopping: bool) -> list[OrderRow]:
        return [
            row for row in self._runs.to_do()
            if (row.phase == "stopping" and is_stopping)
            or (row.phase != "stopping" and is_ours(order_of(row).command.type))
        ]  # fmt: skip

    def _ring(self, run: str, alarm: int) -> None:
        with self._database.writing() as transaction:
            runs.drop_alarm(transaction, run, alarm)
            row = self._of(transaction, run)
            if row.status == "running":
                self._apply(transaction, row, Rang(alarm))
        self._at("rung")

    def _carry_out(self, row: OrderRow) -> None:
        order = order_of(row)
        carrier = self._carriers.get(order.command.type)
        with self._database.reading() as transaction:
            skipped = self._skips(transaction, row.run, order)
        if row.phase == "stopping":
            self._stop(carrier, order)
            return
        result: Result | None = Result(True, skipped) if skipped else None
        if row.phase == "doing" and not skipped:
            result = self._probe(carrier, order)
            self._at("probed")
        else:
            with self._database.writing() as transaction:
                if not runs.move_order(transaction, row.key, "doing", at=self._now()):
                    return  # it was stopped meanwhile
            self._at("set about")
        if result is None:
            result = self._act(carrier, order)
            self._at("acted")
        with self._database.writing() as transaction:
            held = runs.order(transaction, row.key)
            if held is None or held.phase == "stopping":
                return  # nobody wants it any more: the next look undoes what was done
            phase = "done" if result.is_good else "failed"
            if runs.move_order(transaction, row.key, phase, at=self._now(), reason=result.reason[:400]):
                event = Done(row.key, result.is_good, dict(result.out), result.reason[:400])
                self._apply(transaction, self._of(transaction, row.run), event)
        self._at("told")

    def _probe(self, carrier: Carrier | None, order: Order) -> Result | None:
        try:
            return carrier.probe(order) if carrier else None
        except Exception as problem:
            logger.exception("the carrier for %s cannot say what became of an order", order.command.type)
            return Result(False, f"unknown: {type(problem).__name__}")

    def _act(self, carrier: Carrier | None, order: Order) -> Result:
        if carrier is None:
            return Result(False, f"no carrier for {order.command.type}")
        try:
            return carrier.act(order)
        except KatchiError as problem:
            return Result(False, f"{problem.code}: {problem}")
        except Exception as problem:
            logger.exception("the carrier for %s met something that it does not know", order.command.type)
            return Result(False, type(problem).__name__)

    def _stop(self, carrier: Carrier | None, order: Order) -> None:
        if carrier is not None:
            carrier.stop(order)
        self._at("stopped")
        with self._database.writing() as transaction:
            runs.move_order(transaction, order.key, "stopped", at=self._now())
        self._at("stopping told")

    def _pins(self, transaction: Transaction, row: PlaybookRow) -> dict[str, str]:
        """The versions of all that a playbook calls without one, and that what it calls calls: the newest now."""
        library, pins = _Library(transaction), dict[str, str]()
        todo, seen = [machine.key_of(row.id, row.version)], set[str]()
        while todo:
            key = todo.pop()
            playbook = library.get(key) if key not in seen else None
            seen.add(key)
            for step in playbook.workflow.values() if playbook is not None else ():
                if step.type != "playbook-action":
                    continue
                todo.append(machine.key_of(step.playbook_id, step.playbook_version))
                if not step.playbook_version and (called := library.get(step.playbook_id)) is not None:
                    pins[step.playbook_id] = called.modified
        return pins

    # ---- one step --------------------------------------------------------------------------------------

    def _of(self, transaction: Transaction, run: str) -> RunRow:
        row = runs.one(transaction, run)
        if row is None:
            raise UnknownRunError("There is no such run.", what=run[:40])
        return row

    def _apply(self, transaction: Transaction, row: RunRow, event: Event) -> None:
        """One step of the machine, with all that follows."""
        now = self._now()
        state = _state.decode(row.state)
        after, out = advance(state, event, _Library(transaction), now=now)
        row = row._replace(
            status=after.status, reason=after.reason, state=msgspec.msgpack.encode(after), changed_at=now
        )
        runs.put(transaction, row)
        if row.status == "failed":
            notices.note(transaction, "failed", row.id, at=now)
        notes: list[tuple[str, str, str]] = []
        for each in out:
            if isinstance(each, Order):
                is_asked = each.command.type == MANUAL and MANUAL not in self._carriers
                phase = "asked" if is_asked and not self._skips(transaction, row.id, each) else "intended"
                runs.put_order(transaction, each.key, row.id, phase, msgspec.msgpack.encode(each), at=now)
                if phase == "asked":
                    notices.note(transaction, "step", each.key, at=now)
            elif isinstance(each, Wake):
                runs.put_alarm(transaction, row.id, each.alarm, each.at)
            elif isinstance(each, Stop):
                held = runs.order(transaction, each.key)
                if held is not None:
                    phase = "stopping" if held.phase == "doing" else "stopped"
                    runs.move_order(transaction, each.key, phase, at=now)
            elif isinstance(each, Passed):
                notes.append((each.what, each.step, each.reason))
            elif isinstance(each, Over):
                notes.append((each.status, "", each.reason))
                runs.drop_alarm(transaction, row.id)
        runs.put_notes(transaction, row.id, notes, at=now)


class _Library(Mapping[str, Playbook]):
    """Playbooks that were accepted here, by the machine's keys, read when they are asked for."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._held: dict[str, Playbook] = {}

    def __getitem__(self, key: str) -> Playbook:
        if key not in self._held:
            playbook_id, _, version = key.partition(" ")
            row = runs.playbook(self._transaction, playbook_id, version)
            if row is None:
                raise KeyError(key)
            self._held[key] = cacao.load(row.document)
        return self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._held)

    def __len__(self) -> int:
        return len(self._held)

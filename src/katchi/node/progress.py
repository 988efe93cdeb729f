"""How far a run is, step by step, for the picture of its playbook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from katchi.node import playbooks, responding
from katchi.node.mandates import ELSEWHERE, LEFT_OUT
from katchi.node.responding import Asked, RunShown
from katchi.node.wiring import Node
from katchi.respond import cacao
from katchi.respond.cacao import Playbook
from katchi.respond.machine import Run, key_of
from katchi.store import responses, runs
from katchi.store.runs import NoteRow

State = Literal["running", "asked", "succeeded", "failed", "elsewhere", "left-out", "stopped"]
STATES: Final = ("running", "asked", "succeeded", "failed", "elsewhere", "left-out", "stopped")


@dataclass(frozen=True, slots=True)
class StepState:
    """Where a step is, and how often it was begun. A step that was never begun has none."""

    state: State
    times: int


@dataclass(frozen=True, slots=True)
class Progress:
    """A run with its playbook, those that it calls, and where each step is. `response` is that which it is for."""

    shown: RunShown
    playbooks: Sequence[Playbook]
    states: Mapping[str, StepState]
    response: str

    @property
    def asked(self) -> list[Asked]:
        """What people are asked now."""
        return [each for each in self.shown.orders if each.row.phase == "asked"]

    def gives_back(self, asked: Asked) -> tuple[str, ...]:
        """The variables for which whoever does it may say values."""
        steps = (each.workflow.get(asked.order.step) for each in self.playbooks)
        found = next((each for each in steps if each is not None), None)
        return tuple(each.removesuffix(":value") for each in found.out_args) if found is not None else ()

    @property
    def is_over(self) -> bool:
        """Whether nothing follows any more."""
        return self.shown.row.status != "running"


def of_run(node: Node, run: str) -> Progress:
    """How far a run is. Raises UnknownRunError."""
    shown = responding.show(node, run)
    with node.store.database.reading() as transaction:
        held = runs.playbook(transaction, shown.row.playbook_id, shown.row.version)
        response = responses.of_run(transaction, shown.row.id)
    main = cacao.check(held.document)[0] if held is not None else None
    pins = msgspec.msgpack.decode(shown.row.state, type=Run).pins
    known = playbooks.with_called(node, main, pins) if main is not None else {}
    read = [each for key, each in known.items() if key == key_of(each.id, each.modified)]
    return Progress(
        shown, read, states(shown.notes, shown.orders, is_over=shown.row.status != "running"),
        response.id if response is not None else "",
    )  # fmt: skip


def states(notes: Sequence[NoteRow], orders: Sequence[Asked], *, is_over: bool) -> dict[str, StepState]:
    """Where each step is that was begun."""
    began: dict[str, int] = {}
    ended: dict[str, int] = {}
    last: dict[str, str] = {}
    for note in notes:
        if note.step:
            counted = began if note.what == "entered" else ended
            counted[note.step] = counted.get(note.step, 0) + 1
            last[note.step] = note.what
    given: dict[str, list[Asked]] = {}
    for each in orders:
        given.setdefault(each.order.step, []).append(each)
    return {
        step: StepState(_state(times > ended.get(step, 0), last[step], given.get(step, []), is_over=is_over), times)
        for step, times in began.items()
    }


def _state(is_open: bool, last: str, orders: Sequence[Asked], *, is_over: bool) -> State:
    if is_open:
        is_asked = any(each.row.phase == "asked" for each in orders)
        return "stopped" if is_over else "asked" if is_asked else "running"
    if last == "failed":
        return "failed"
    whys = {each.row.reason or "" for each in orders}
    if whys == {ELSEWHERE}:
        return "elsewhere"
    return "left-out" if whys == {LEFT_OUT} else "succeeded"

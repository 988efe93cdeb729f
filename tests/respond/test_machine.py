"""The machine carries out every playbook of the conformance pack as written, from wherever it is taken up again."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence

import msgspec
import pytest

from katchi.respond import cacao
from katchi.respond.cacao import Playbook
from katchi.respond.machine import (
    MOST_ROUNDS,
    Begin,
    Cancel,
    Done,
    Event,
    MachineError,
    Order,
    Out,
    Over,
    Passed,
    Rang,
    Run,
    Stop,
    Wake,
    advance,
    key_of,
)
from tests.conftest import ROOT
from tests.respond.pack import CASES, INNER, Case, build, document, playbook_id


def library(case: Case) -> dict[str, Playbook]:
    found = {}
    for name, lines in {case.name: case.lines, **case.calls}.items():
        playbook, _ = cacao.read(
            json.dumps(build(name, lines, case.variables if name == case.name else INNER)).encode()
        )
        found[key_of(playbook.id)] = playbook
    return found


class World:
    """Carries out orders one at a time, as a case says; time passes when nothing else can be done."""

    def __init__(self, case: Case, *, is_restarted: bool = False, is_doubled: bool = False) -> None:
        self.case, self.library = case, library(case)
        self.run = Run("run", key_of(playbook_id(case.name)))
        self.names = {name: step.name for each in self.library.values() for name, step in each.workflow.items()}
        self.does = {step: deque(each) for step, each in case.does.items()}
        self.orders: deque[Order] = deque()
        self.hanging: list[Order] = []
        self.alarms: list[tuple[int, int]] = []
        self.now = 0
        self.trace: list[str] = []
        self.keys: list[str] = []
        self.passed: list[Passed] = []
        self.is_restarted, self.is_doubled = is_restarted, is_doubled

    def tell(self, event: Event) -> None:
        self.run, out = advance(self.run, event, self.library, now=self.now)
        if self.is_doubled:
            again, more = advance(self.run, event, self.library, now=self.now)
            assert (again, more) == (self.run, [])
        if self.is_restarted:
            self.run = msgspec.json.decode(msgspec.json.encode(self.run), type=Run)
        for each in out:
            self.take(each)

    def take(self, out: Out) -> None:
        if isinstance(out, Order):
            self.orders.append(out)
            self.keys.append(out.key)
        elif isinstance(out, Wake):
            self.alarms.append((out.at, out.alarm))
        elif isinstance(out, Stop):
            stopped = [each for each in (*self.hanging, *self.orders) if each.key == out.key]
            self.trace += [f"{self.names[each.step]}~" for each in stopped]
            self.hanging = [each for each in self.hanging if each.key != out.key]
            self.orders = deque(each for each in self.orders if each.key != out.key)
        elif isinstance(out, Over):
            self.trace.append(out.status)
        else:
            self.passed.append(out)

    def play(self) -> list[str]:
        self.tell(Begin({f"__{name}__": value for name, value in self.case.values.items()}))
        while not self.run.is_over:
            if self.orders:
                self.carry_out(self.orders.popleft())
            else:
                assert self.alarms, "it is stuck"
                self.alarms.sort()
                self.now, alarm = self.alarms.pop(0)
                self.tell(Rang(alarm))
        return self.trace

    def carry_out(self, order: Order) -> None:
        name = self.names[order.step]
        said = self.does.get(name, deque())
        what, *values = (said.popleft() if said else "ok").split()
        if what == "hang":
            self.hanging.append(order)
            return
        self.trace.append(name if what == "ok" else f"{name}!")
        out = {f"__{each.partition('=')[0]}__": each.partition("=")[2] for each in values}
        self.tell(Done(order.key, what == "ok", out, "said no"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
@pytest.mark.parametrize("how", ["straight", "taken up again after each event, each told twice"])
def test_each_playbook_leaves_its_trace(case: Case, how: str) -> None:
    world = World(case, is_restarted=how != "straight", is_doubled=how != "straight")
    assert " ".join(world.play()) == case.trace
    assert len(world.keys) == len(set(world.keys))
    assert (world.run.tokens, world.run.status) == ({}, case.trace.split()[-1])
    assert world.run.status == "failed" or set(world.run.scopes) == {0}


def test_orders_have_the_same_keys_in_each_run_of_a_run() -> None:
    for case in CASES:
        first, other = World(case), World(case)
        first.play()
        other.run.id = "run"
        other.play()
        assert first.keys == other.keys
    third = World(CASES[2])
    third.run.id = "another"
    third.play()
    assert not set(third.keys) & set(keys_of(CASES[2]))


def keys_of(case: Case) -> Sequence[str]:
    world = World(case)
    world.play()
    return world.keys


def test_there_are_forty_and_they_are_published() -> None:
    assert len(CASES) >= 40
    assert len({case.name for case in CASES}) == len(CASES)
    published = (ROOT / "docs" / "reference" / "cacao-conformance.json").read_text(encoding="utf-8")
    assert published == document(), "python -m tests.respond.pack > docs/reference/cacao-conformance.json"


def test_a_person_ends_a_run() -> None:
    world = World(next(case for case in CASES if case.name.startswith("parallel does all")))
    world.tell(Begin())
    assert len(world.orders) == 2
    world.tell(Cancel("enough"))
    assert world.trace == ["a~", "b~", "cancelled"]
    assert world.run.reason == "enough"
    world.tell(Begin())
    assert world.run.status == "cancelled"


def test_what_is_over_is_not_waited_for() -> None:
    world = World(CASES[2])
    world.tell(Begin())
    first = world.orders.popleft()
    world.tell(Done("another", True))
    assert world.trace == []
    world.tell(Done(first.key, True))
    world.tell(Done(first.key, False))
    assert world.run.status == "running"
    world.tell(Rang(-1))


def test_a_loop_has_an_end() -> None:
    world = World(next(case for case in CASES if case.name == "a loop without end is ended"))
    world.play()
    assert world.run.reason == "too-many-rounds"
    assert world.run.steps <= 2 * MOST_ROUNDS + 10


def test_playbooks_do_not_call_each_other_without_end() -> None:
    name = "round"
    case = Case(name, f"s: start then=c\nc: call playbook={name} then=e\ne: end", "failed")
    world = World(case)
    assert world.play() == ["failed"]
    assert world.run.reason == "too-deep"


def test_values_at_the_start() -> None:
    outside = {"x": {"type": "integer", "external": True}, "y": {"value": "1", "constant": True}}
    case = Case("values", "s: start then=a\na: do then=e\ne: end", "", variables=outside)
    run = Run("run", key_of(playbook_id("values")))
    for values in ({}, {"__z__": "1"}, {"__x__": "1", "__y__": "2"}, {"__x__": "many"}):
        with pytest.raises((MachineError, cacao.variables.BadValueError)):
            advance(run, Begin(values), library(case), now=0)
    after, _ = advance(run, Begin({"__x__": "5"}), library(case), now=0)
    assert (run.status, after.status) == ("new", "running")


def test_an_order_says_who_does_what_to_what_with_which_values() -> None:
    held = {"x": {"type": "ipv4-addr", "value": "192.0.2.7"}, "y": {"type": "string"}}
    case = Case("order", "s: start then=a\na: do targets=t1 in=x,y then=e\ne: end", "a done", variables=held)
    world = World(case)
    playbook = next(iter(world.library.values()))
    target = next(iter(playbook.target_definitions))
    playbook.target_definitions[target]["address"] = {"ipv4": ["__x__:value"]}
    world.tell(Begin())
    (order,) = world.orders
    assert (order.name, order.command.command, order.agent["name"]) == ("a", "do a", "operator")
    assert order.target == {"type": "net-address", "name": "t1", "address": {"ipv4": ["192.0.2.7"]}}
    assert order.arguments == {"__x__": "192.0.2.7"}


def test_an_agent_can_be_a_target() -> None:
    case = Case("agent", "s: start then=a\na: do then=e\ne: end", "a done")
    world = World(case)
    (playbook,) = world.library.values()
    name = next(key for key, step in playbook.workflow.items() if step.name == "a")
    step = playbook.workflow[name]
    playbook.workflow[name] = msgspec.structs.replace(step, targets=(step.agent,))
    world.tell(Begin())
    assert world.orders[0].target == playbook.agent_definitions[step.agent]


def test_as_many_rounds_and_calls_as_there_may_be_are_good() -> None:
    lines = "s: start then=w\nw: while when={__x__:value < 1000} yes=a then=e\na: do out=x then=f\nf: end\ne: end"
    case = Case("many", lines, "", does={"a": [f"ok x={number}" for number in range(1, 1001)]},
                variables={"x": {"type": "integer", "value": "0"}})  # fmt: skip
    world = World(case)
    assert world.play()[-1] == "done"
    deep = {f"deep-{n}": f"s: start then=c\nc: call playbook=deep-{n + 1} then=e\ne: end" for n in range(1, 8)}
    deep["deep-8"] = "s: start then=k\nk: do then=e\ne: end"
    case = Case("deep", "s: start then=c\nc: call playbook=deep-1 then=e\ne: end", "", calls=deep)
    assert World(case).play() == ["k", "done"]


def test_the_reason_of_a_failure_is_kept() -> None:
    world = World(CASES[0])
    world.tell(Begin())
    world.tell(Done(world.orders[0].key, False, {}, "no route"))
    assert (world.run.status, world.run.reason) == ("failed", "no route")
    assert [(each.what, each.reason) for each in world.passed][-1] == ("failed", "no route")

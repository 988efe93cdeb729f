"""Runs in a node's database: killed at any point they go on, people answer and end them, time passes in them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from katchi.respond import cacao, machine
from katchi.respond.carrier import Result
from katchi.respond.machine import Order
from katchi.respond.runner import Runner, RunStateError, order_of
from katchi.store import migrate, runs
from katchi.store.database import Database
from katchi.store.runs import PlaybookRow, Runs, UnknownRunError
from tests.conftest import ROOT
from tests.respond.pack import CASES, build

KILLED = ("a loop in a loop", "parallel in a loop", "a called playbook handles its exception, and has failed",
          "a failure goes to workflow_exception", "each command for each target")  # fmt: skip


def kill_through(url: str, folder: Path, *cases: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.respond.crashing", url, str(folder), *cases], cwd=ROOT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1] if not done.returncode else done.stdout + done.stderr


def test_killed_at_any_point_everything_takes_effect_once(tmp_path: Path, killed_url: str) -> None:
    chosen = KILLED if killed_url.startswith("sqlite") else KILLED[1:3]
    said = kill_through(killed_url, tmp_path, *chosen)
    assert said.startswith(f"{len(chosen)} playbooks, "), said
    assert said.endswith(" kills, 0 wrong")
    assert int(said.split()[2]) > 30


# ---- people ----------------------------------------------------------------------------------------------


class Setting:
    """A database with a playbook, and a clock that the test moves."""

    def __init__(self, database: Database, lines: str, **variables: dict[str, object]) -> None:
        self.database, self.now = database, 1_000_000
        self.document = build("case", lines, variables)
        with database.writing() as transaction:
            raw = json.dumps(self.document).encode()
            runs.put_playbook(
                transaction, PlaybookRow(self.document["id"], self.document["modified"], "case", raw, b"", "kim", 0)
            )
        self.runner = Runner(database, lambda: self.now, {})
        self.runs = Runs(database)

    def begin(self, **values: str) -> str:
        return self.runner.begin("r1", self.document["id"], "", values, person="kim").id

    def asked(self) -> list[str]:
        return [order_of(row).name for row in self.runs.waiting()]

    def answer(self, name: str, **out: str) -> None:
        key = next(row.key for row in self.runs.waiting() if order_of(row).name == name)
        said = {f"__{each}__": value for each, value in out.items()}
        self.runner.answer(key, is_good=True, out=said, reason="seen", person="park")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'katchi.db'}")
    migrate.upgrade(made)
    yield made
    made.close()


PARALLEL = "s: start then=p\np: par next=a,b then=c\na: do then=f\nf: end\nb: do then=g\ng: end\nc: do then=e\ne: end"


def test_people_are_asked_and_answer_in_any_order(database: Database) -> None:
    case = Setting(database, PARALLEL)
    run = case.begin()
    assert (case.runner.work(), sorted(case.asked())) == (0, ["a", "b"])
    key = case.runs.waiting()[0].key
    case.answer("b")
    case.answer("a")
    assert case.asked() == ["c"]
    with pytest.raises(RunStateError):
        case.runner.answer(key, is_good=True, out={}, reason="", person="park")
    case.answer("c")
    assert case.runs.one(run).status == "done"
    assert [(row.phase, row.person) for row in case.runs.orders(run)] == [("done", "park")] * 3
    steps = [each.what for each in case.runs.notes(run)]
    assert (steps[0], steps[-1], steps.count("succeeded")) == ("entered", "done", 5)


def test_what_takes_too_long_is_no_longer_asked(database: Database) -> None:
    case = Setting(database, "s: start then=a\na: do timeout=5000 ok=e fail=b\nb: do then=f\nf: end\ne: end")
    run = case.begin()
    case.now += 4_999_999
    assert (case.runner.work(), case.asked()) == (0, ["a"])
    case.now += 1
    assert (case.runner.work(), case.asked()) == (1, ["b"])
    case.answer("b")
    assert [row.phase for row in case.runs.orders(run)] == ["stopped", "done"]
    assert case.runs.due(case.now + 10**12) == []


def test_a_person_ends_a_run(database: Database) -> None:
    case = Setting(database, PARALLEL)
    run = case.begin()
    case.runner.cancel(run, reason="a mistake")
    assert (case.runs.one(run).status, case.runs.one(run).reason, case.asked()) == ("cancelled", "a mistake", [])
    with pytest.raises(RunStateError):
        case.runner.cancel(run, reason="again")
    with pytest.raises(UnknownRunError):
        case.runner.cancel("r2", reason="")


def test_a_bad_answer_changes_nothing(database: Database) -> None:
    case = Setting(database, "s: start then=a\na: do out=x ok=e fail=b\nb: do then=f\nf: end\ne: end",
                   x={"type": "integer"})  # fmt: skip
    case.begin()
    case.answer("a", x="many")
    assert case.asked() == ["b"]  # the step failed: its type has no such value
    with pytest.raises((machine.MachineError, cacao.variables.BadValueError, UnknownRunError)):
        case.runner.begin("r2", case.document["id"], "", {"__x__": "many"}, person="kim")
    with pytest.raises(UnknownRunError):
        case.runs.one("r2")
    with pytest.raises(UnknownRunError):
        case.runner.begin("r3", "playbook--none", "", {}, person="kim")


class Broken:
    """An actuator that meets something that it does not know."""

    def act(self, order: Order) -> Result:
        raise ValueError(order.name)

    def probe(self, order: Order) -> Result | None:
        return None

    def stop(self, order: Order) -> None:
        raise AssertionError


def test_what_an_actuator_raises_is_a_failure_of_its_step(database: Database) -> None:
    case = Setting(database, "s: start then=a\na: do ok=e fail=b\nb: do then=f\nf: end\ne: end")
    case.runner = Runner(database, lambda: case.now, {"manual": Broken()})
    run = case.begin()
    case.runner.work()
    assert (case.runs.one(run).status, case.runs.one(run).reason) == ("failed", "ValueError")
    assert [row.phase for row in case.runs.orders(run)] == ["failed", "failed"]


def test_a_thousand_runs_wait_for_people_and_cost_nothing(database: Database) -> None:
    case = Setting(database, "s: start then=a\na: do timeout=86400000 then=e\ne: end")
    for number in range(1000):
        case.runner.begin(f"r{number:04}", case.document["id"], "", {}, person="kim")
    assert (len(case.asked()), case.runner.work()) == (500, 0)
    case.now += 86_400_000_000
    assert case.runner.work() == 1000
    assert {row.status for row in case.runs.all()} == {"failed"}


def test_all_cases_of_the_pack_that_are_killed_are_there() -> None:
    assert set(KILLED) <= {case.name for case in CASES}


def test_what_is_called_is_the_version_of_when_the_run_began(database: Database) -> None:
    setting = Setting(database, "s: start then=ask\nask: do then=call\ncall: call playbook=inner then=e\ne: end")
    inner = build("inner", "s: start then=old\nold: do then=e\ne: end")
    later = build("inner", "s: start then=new\nnew: do then=e\ne: end") | {"modified": "2027-01-01T00:00:00.000Z"}
    keep(database, inner)
    run = setting.begin()
    keep(database, later)  # somebody accepts another version while the run waits
    for name in ("ask", "old"):
        (row,) = setting.runs.waiting()
        assert order_of(row).name == name
        setting.runner.answer(row.key, is_good=True, out={}, reason="", person="kim")
    assert setting.runs.one(run).status == "done"


def keep(database: Database, document: dict[str, object]) -> None:
    raw = json.dumps(document).encode()
    with database.writing() as transaction:
        runs.put_playbook(
            transaction, PlaybookRow(str(document["id"]), str(document["modified"]), "inner", raw, b"", "kim", 0)
        )


TWICE = {
    "a playbook called twice": "s: start then=a\na: call playbook=inner then=b\nb: call playbook=inner then=e\ne: end",
    "a target named twice": "s: start then=a\na: do targets=t1,t1 then=e\ne: end",
}  # fmt: skip


@pytest.mark.parametrize("lines", TWICE.values(), ids=TWICE)
def test_what_is_asked_twice_is_two_orders(database: Database, lines: str) -> None:
    keep(database, build("inner", "s: start then=x\nx: do then=e\ne: end"))
    setting = Setting(database, lines)
    run = setting.begin()
    asked = set()
    for _ in range(2):
        (row,) = setting.runs.waiting()
        asked.add(row.key)
        setting.runner.answer(row.key, is_good=True, out={}, reason="", person="kim")
    assert setting.runs.one(run).status == "done"
    assert len(asked) == 2


class Ended:
    """Somebody ends the run while it is carried out."""

    def __init__(self) -> None:
        self.runner: Runner | None = None
        self.stopped: list[str] = []

    def act(self, order: Order) -> Result:
        assert self.runner is not None
        self.runner.cancel("r1", reason="enough")
        return Result(True)

    def probe(self, order: Order) -> Result | None:
        return None

    def stop(self, order: Order) -> None:
        self.stopped.append(order.key)


def test_what_was_done_while_somebody_ended_the_run_is_undone(database: Database) -> None:
    setting, carrier = Setting(database, "s: start then=a\na: do then=e\ne: end"), Ended()
    carrier.runner = Runner(database, lambda: setting.now, {"manual": carrier})
    carrier.runner.begin("r1", setting.document["id"], "", {}, person="kim")
    carrier.runner.work()
    (row,) = setting.runs.orders("r1")
    assert (carrier.stopped, row.phase, setting.runs.one("r1").status) == ([row.key], "stopped", "cancelled")


def test_a_run_that_cannot_go_on_keeps_no_other_from_it(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = Setting(database, "s: start then=a\na: do delay=1 then=e\ne: end")
    for name in ("r1", "r2"):
        setting.runner.begin(name, setting.document["id"], "", {}, person="kim")
    ring = Runner._ring

    def broken(runner: Runner, run: str, alarm: int) -> None:
        if run == "r1":
            raise RuntimeError("nobody knows why")
        ring(runner, run, alarm)

    monkeypatch.setattr(Runner, "_ring", broken)
    setting.now += 1_000_000
    setting.runner.work()
    assert [row.run for row in setting.runs.waiting()] == ["r2"]

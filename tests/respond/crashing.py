"""Plays the conformance pack against a node's database, killed with SIGKILL at every point at which a crash could be.

`python -m tests.respond.crashing DATABASE-URL FOLDER [CASE …]` forks: each child plays one case until the N-th point,
and kills itself there; others take the run up again, some killed too, the last not. Then every order must have taken
effect at the device exactly once, and the run must be over as the pack says. Prints how many kills there were.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

from katchi.respond.carrier import Result
from katchi.respond.machine import Order
from katchi.respond.runner import Runner
from katchi.store import migrate, runs
from katchi.store.database import Database
from katchi.store.runs import PlaybookRow, Runs
from tests.respond.pack import CASES, INNER, Case, build

Point = int


class Device:
    """Something that keeps what was done to it over a crash: a file, one line for each effect."""

    def __init__(self, path: Path, case: Case) -> None:
        self.path, self.case = path, case

    def effects(self) -> list[tuple[str, str]]:
        """(key, name of the step) of each, in their order."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        return [(key, step) for key, _, step in (line.partition(" ") for line in lines)]

    def act(self, order: Order) -> Result:
        done = sum(step == order.name for _, step in self.effects())
        with self.path.open("a") as file:
            file.write(f"{order.key} {order.name}\n")
            file.flush()
            os.fsync(file.fileno())
        return self._result(order.name, done)

    def probe(self, order: Order) -> Result | None:
        found = self.effects()
        for place, (key, step) in enumerate(found):
            if key == order.key:
                return self._result(order.name, sum(other == step for _, other in found[:place]))
        return None

    def stop(self, order: Order) -> None:
        pass

    def _result(self, name: str, number: int) -> Result:
        said = self.case.does.get(name, ())
        what, *values = (said[number] if number < len(said) else "ok").split()
        out = {f"__{each.partition('=')[0]}__": each.partition("=")[2] for each in values}
        return Result(what == "ok", "said no", out)


class Clock:
    """Time that passes when nothing else can be done; a file, so that it outlives a crash."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def now(self) -> int:
        return int(self.path.read_text()) if self.path.exists() else 1_000_000

    def move(self, to: int) -> None:
        fresh = self.path.with_suffix(".new")
        fresh.write_text(str(to))
        fresh.replace(self.path)


def play(url: str, folder: Path, case: Case, run: str, kill_at: Point) -> int:
    """Carries a run on until it is over, or until the point; returns how many points it came past."""
    database, count = Database(url), 0

    def at(_: str) -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    device, clock = Device(folder / f"{run}.device", case), Clock(folder / f"{run}.clock")
    runner = Runner(database, clock.now, {"manual": device}, at=at)
    kept = Runs(database)
    with database.reading() as transaction:
        is_known = runs.one(transaction, run) is not None
    if not is_known:
        document = build(case.name, case.lines, case.variables)
        values = {f"__{name}__": value for name, value in case.values.items()}
        runner.begin(run, document["id"], document["modified"], values, person="kim")
    while True:
        runner.work()
        if kept.one(run).status != "running":
            return count
        with database.reading() as transaction:
            alarms = transaction.run("run", "next_alarm", run=run).first()
        assert alarms is not None, "it is stuck"
        clock.move(int(alarms.at))


def accept(url: str, case: Case) -> None:
    """Puts the case's playbooks into the library."""
    database = Database(url)
    with database.writing() as transaction:
        for name, lines in {case.name: case.lines, **case.calls}.items():
            document = build(name, lines, case.variables if name == case.name else INNER)
            raw = json.dumps(document).encode()
            if runs.playbook(transaction, document["id"]) is None:
                row = PlaybookRow(document["id"], document["modified"], name, raw, b"", "kim", 0)
                runs.put_playbook(transaction, row)
    database.close()


def hangs(case: Case) -> bool:
    """Whether a command of it never ends: here each is over when it was done."""
    return any("hang" in each for said in case.does.values() for each in said)


def check(url: str, folder: Path, case: Case, run: str) -> str:
    """What is wrong with a run that is over; empty for nothing."""
    database = Database(url)
    row, orders = Runs(database).one(run), Runs(database).orders(run)
    database.close()
    effects = Device(folder / f"{run}.device", case).effects()
    expected = case.trace.split()
    if row.status != expected[-1]:
        return f"it ended {row.status}: {row.reason}"
    if any(count != 1 for count in Counter(key for key, _ in effects).values()):
        return "something was done twice"
    if Counter(step for _, step in effects) != Counter(each.rstrip("!~") for each in expected[:-1]):
        return f"it did {' '.join(step for _, step in effects)}"
    if {key for key, _ in effects} != {each.key for each in orders}:
        return "an order was lost"
    return ""


def forked(act: object, *arguments: object) -> int:
    """Does it in a child; returns its wait status."""
    child = os.fork()
    if child == 0:
        try:
            act(*arguments)  # type: ignore[operator]
        except BaseException as problem:
            sys.stderr.write(f"{type(problem).__name__}: {problem}\n")
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1]


def prepare(url: str) -> None:
    """A database of the newest form."""
    database = Database(url)
    migrate.upgrade(database)
    database.close()


def main(url: str, folder: Path, only: list[str]) -> int:
    """Each case, killed at each point in turn. Returns how many runs went wrong."""
    forked(prepare, url)
    kills = wrong = 0
    chosen = [case for case in CASES if not hangs(case) and (not only or case.name in only)]
    for number, case in enumerate(chosen):
        forked(accept, url, case)
        point = 0
        while True:
            point += 1
            run = f"{number:04x}{point:04x}"
            status = forked(play, url, folder, case, run, point)
            was_killed = os.WIFSIGNALED(status)
            for again in (*range(1, 1 + point % 4), 0) if was_killed else ():  # and killed while it is taken up again
                kills += os.WIFSIGNALED(status)
                status = forked(play, url, folder, case, run, again)
            problem = "it broke" if status else check(url, folder, case, run)
            if problem:
                wrong += 1
                sys.stdout.write(f"{case.name}, killed at {point}: {problem}\n")
            if not was_killed:
                break
    sys.stdout.write(f"{len(chosen)} playbooks, {kills} kills, {wrong} wrong\n")
    return wrong


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])))

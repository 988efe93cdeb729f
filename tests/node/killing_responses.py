"""Plays a response on one node from its approval to its recall, killed with SIGKILL wherever a crash could be.

`python -m tests.node.killing_responses FOLDER [DATABASE-URL]` forks: each child goes on with the response until the
N-th point and kills itself there. After it was blocked and again after it was recalled, everything must be as if nobody
had been killed. Prints how many kills there were.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import msgspec

from katchi.node import acting, actuating, responding, responses
from katchi.node.responses import Wish
from katchi.node.settings import Settings, write_settings
from katchi.node.wiring import Node, create_node, new_node_id, open_node
from katchi.respond.actuators import list_file, simulated
from katchi.store import notices
from katchi.store.notices import HappeningRow
from tests.respond.playbooks import THINGS as TO_BLOCK
from tests.respond.playbooks import blocking, playbook

COMMAND = TO_BLOCK | {"args": {"duration": 24 * 3_600_000}}
THINGS = {"ipv4:192.0.2.7", "domain:evil.example"}


def go_on(folder: Path, kill_at: int) -> int:
    """Works until nothing is left, or until the point; returns how many points it came past."""
    count = 0

    def at(_: str) -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with open_node(folder) as node:
        while acting.work(node, at=at):
            pass
    return count


def survives(folder: Path, kill_at: int) -> bool:
    """Whether a child got through before the point."""
    child = os.fork()
    if child == 0:
        try:
            go_on(folder, kill_at)
        except BaseException as problem:
            sys.stderr.write(f"{problem!r}\n")
            os._exit(2)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def blocked(node: Node) -> list[set[str]]:
    """What each of the two devices has."""
    return [set(each.read(node.clock.now()) or ()) for each in actuating.actuators(node).values()]


def require_whole(folder: Path, response: str, *, is_recalled: bool) -> None:
    """Everything once, nothing lost, nothing stuck."""
    with open_node(folder) as node:
        found = responses.read(node, response)
        kinds = Counter(entry.kind for entry in found.joint.timeline)
        held = node.store.leases.of_owner(response)
        assert len(held) == 4, held  # two things at two devices, each once
        assert len({(row.actuator, row.thing) for row in held}) == 4
        assert [each.person for each in found.approvals] == ["kim"]
        for kind in ("proposed", "accepted", "begun", "ended"):
            assert kinds[kind] == 1, kinds
        assert kinds["step"] == 2, kinds  # the start, and the block
        happened = {row.event for row in _happened(node) if row.subject == response}
        assert happened == {"in-force", "ends-soon", *(("over", "recalled") if is_recalled else ())}, happened
        if is_recalled:
            assert (found.row.state, kinds["lifted"], kinds["recalled"]) == ("over", 1, 1), (found.row, kinds)
            assert blocked(node) == [set(), set()]
            assert all(row.lifted_at and row.why == "recalled" for row in held)
        else:
            assert found.row.state == "in-force", found.row
            assert blocked(node) == [THINGS, THINGS]
            assert all(row.held_at and row.ended_at is None for row in held)


def _happened(node: Node) -> list[HappeningRow]:
    """What people are to hear of, now and later."""
    with node.store.database.reading() as transaction:
        return notices.happened(transaction, now=2 * node.clock.now())


def play(folder: Path, database: str, kill_at: int) -> int:
    """One response; returns how many kills it took."""
    devices = (
        simulated.Settings(name="one", roles=("firewall", "dns")),
        list_file.Settings(name="two", roles=("firewall", "dns"), path="list", format="plain"),
    )
    settings = Settings(name="kr-cert", node_id=new_node_id(), database=database, actuator=devices)
    if (folder / "katchi.toml").exists():
        write_settings(folder, msgspec.structs.replace(settings, node_id=node_id(folder)))
    else:
        create_node(folder, settings)
    kills = 0
    with open_node(folder) as node:
        responding.accept(node, json.dumps(playbook(blocking(COMMAND))).encode(), person="kim")
        wish = Wish("Block", {"things": "192.0.2.7 evil.example"}, reason="wiper")
        response = responses.propose(node, wish, person="kim").id
    kills += through(folder, kill_at)
    require_whole(folder, response, is_recalled=False)
    with open_node(folder) as node:
        responses.recall(node, response, reason="wrong", person="kim")
    kills += through(folder, kill_at)
    require_whole(folder, response, is_recalled=True)
    return kills


def node_id(folder: Path) -> str:
    with open_node(folder) as node:
        return node.settings.node_id


def through(folder: Path, kill_at: int) -> int:
    """Killed at that point, then at each later try again at it until a child gets through."""
    kills = 0
    while not survives(folder, kill_at):
        kills += 1
        if kills >= 3:  # a point that comes at the very beginning of each try would never be passed
            break
    go_on(folder, 0)
    return kills


def main() -> None:
    folder = Path(sys.argv[1])
    database = sys.argv[2] if len(sys.argv) > 2 else "sqlite:///katchi.db"
    folder.mkdir(parents=True, exist_ok=True)
    kills = point = 0
    while True:
        point += 1
        more = play(folder, database, point)
        kills += more
        if not more:
            break
    sys.stdout.write(f"{point} points, {kills} kills, 0 wrong\n")


if __name__ == "__main__":
    main()

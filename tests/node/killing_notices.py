"""Has a node tell of responses, killed with SIGKILL wherever a crash could be.

`python -m tests.node.killing_notices FOLDER MAIL-SERVER [DATABASE-URL]` forks: each child goes on until the N-th point
and kills itself there; the last is not killed. Then all that is to be told of each response must have been sent. Says
how many kills there were, and the ids that must have come to the server.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import msgspec

from katchi.node import acting, notifying, responding, responses
from katchi.node.clock import SetClock, SystemClock
from katchi.node.responses import Wish
from katchi.node.settings import Settings
from katchi.node.wiring import create_node, new_node_id, open_node
from katchi.respond.actuators import simulated
from katchi.respond.notifiers import AnySettings
from tests.respond.playbooks import blocking, playbook

TOLD = ("in-force", "over", "recalled")


class Course:
    """One node, whose clock goes on a little whenever somebody takes it up."""

    def __init__(self, folder: Path, server: str, database: str) -> None:
        self.folder, self.clock, self.kills = folder, SetClock(SystemClock().now()), 0
        target = {"kind": "mail", "name": "duty", "to": ["duty@example.kr"], "from": "k@example.kr", "server": server}
        settings = Settings(
            name="kr-cert", node_id=new_node_id(), database=database,
            actuator=(simulated.Settings(name="edge", roles=("firewall", "dns")),),
        )  # fmt: skip
        create_node(folder, settings)
        self.notify: tuple[AnySettings, ...] = (msgspec.convert(target, AnySettings),)

    def go_on(self, kill_at: int) -> None:
        """Everything that a served node does, until nothing is left, or until the point."""
        count = 0

        def at(_: str) -> None:
            nonlocal count
            count += 1
            if count == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)

        with open_node(self.folder, clock=self.clock) as node:
            node.settings = msgspec.structs.replace(node.settings, notify=self.notify)
            while acting.work(node):  # killed there: `killing_responses`
                pass
            while notifying.tell(node, at=at) or notifying.send(node, "duty", at=at):
                pass

    def survives(self, kill_at: int) -> bool:
        """Whether a child got through before the point."""
        self.clock.forward(notifying.CLAIM + 1)  # what a child had taken when it was killed is free again
        child = os.fork()
        if child == 0:
            try:
                self.go_on(kill_at)
            except BaseException as problem:
                sys.stderr.write(f"{problem!r}\n")
                os._exit(2)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            self.kills += 1
            return False
        assert os.waitstatus_to_exitcode(status) == 0
        return True

    def through(self, kill_at: int) -> bool:
        """Killed at the point twice at most, then not; whether anybody was killed."""
        before = self.kills
        while not self.survives(kill_at) and self.kills < before + 2:
            pass
        assert self.survives(0)
        return self.kills > before

    def play(self, kill_at: int) -> bool:
        """One response, blocked and taken back; whether anybody was killed."""
        with open_node(self.folder, clock=self.clock) as node:
            responding.accept(node, json.dumps(playbook(blocking())).encode(), person="kim")
            response = responses.propose(node, Wish("Block", {"things": "192.0.2.7"}), person="kim").id
        was_killed = self.through(kill_at)
        with open_node(self.folder, clock=self.clock) as node:
            responses.recall(node, response, reason="wrong", person="kim")
        was_killed = self.through(kill_at) or was_killed
        with open_node(self.folder, clock=self.clock) as node:
            rows = [each for each in node.store.notices.recent(10_000) if each.subject == response]
            assert sorted(each.event for each in rows) == list(TOLD), rows
            assert all(each.sent_at is not None and each.next_at is None for each in rows), rows
        return was_killed


def main() -> None:
    course = Course(Path(sys.argv[1]), sys.argv[2], sys.argv[3] if len(sys.argv) > 3 else "sqlite:///katchi.db")
    point = 1
    while course.play(point):
        point += 1
    with open_node(course.folder) as node:
        ids = [each.id for each in node.store.notices.recent(10_000)]
    sys.stdout.write(json.dumps({"kills": course.kills, "points": point - 1, "ids": ids}))


if __name__ == "__main__":
    main()

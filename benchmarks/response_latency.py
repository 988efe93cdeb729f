"""How long a joint response takes: from the second approval to the last enforcement, from the recall to the last lift.

Two nodes, each with nftables in a network namespace and a policy zone of BIND; needs root. Beside them the same blocks
put and taken by hand: one `nft` and one `nsupdate`-like update for each node, one after the other.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import devices
from tests.node.test_responses import state
from tests.nodes import Pair, a_pair, join, until
from tests.respond.playbooks import blocking, playbook

from katchi.node import responding, responses
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.respond.actuators import open_actuator

TIMES = 20
COUNT = 100  # things at once in the second part


def things(number: int, count: int) -> list[str]:
    half = count // 2
    return [f"198.51.{number}.{each}" for each in range(1, half + 1)] + [
        f"n{each}.r{number}.example" for each in range(count - half)
    ]


def lasts(nodes: Pair, response: str, column: str) -> int:
    """The last time (µs) at which a device had it, or no longer had it."""
    rows = [row for node in nodes for row in node.store.leases.of_owner(response)]
    return max(int(getattr(row, column)) for row in rows)


def once(nodes: Pair, number: int, count: int) -> tuple[float, float]:
    """(seconds to the last enforcement, seconds to the last lift)."""
    wish = Wish("Block", {"things": " ".join(things(number, count))}, ["us-cert"], "wiper", quorum=2)
    response = responses.propose(nodes.kr, wish, person="kim").id
    until(lambda: state(nodes.us, response) == "asked")
    started = nodes.us.clock.now()
    responses.accept(nodes.us, response, person="park")
    until(lambda: all(state(node, response) == "in-force" for node in nodes))
    enforced = (lasts(nodes, response, "held_at") - started) / 1e6
    started = nodes.kr.clock.now()
    responses.recall(nodes.kr, response, reason="wrong", person="kim")
    until(lambda: all(state(node, response) == "over" for node in nodes))
    return enforced, (lasts(nodes, response, "lifted_at") - started) / 1e6


def by_hand(node: Node, count: int) -> float:
    """Seconds for the same at one node, with nobody asked and nothing kept."""
    listed = things(250, count)
    keys = [f"ipv4:{each}" if each[0].isdigit() else f"domain:{each}" for each in listed]
    found = [open_actuator(each, node.folder) for each in node.settings.actuator]
    started = time.perf_counter()
    now = node.clock.now()
    for device in found:
        fitting = [key for key in keys if key.partition(":")[0] in device.kinds]
        wanted = fitting if len(device.kinds) == 2 else [key for key in fitting if key.startswith("domain")]
        device.apply(dict.fromkeys(wanted, now + 3_600_000_000), (), now=now)
        device.apply({}, wanted, now=now)
    return time.perf_counter() - started


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, a_pair(Path(folder)) as nodes, ExitStack() as held:
        join(nodes)
        for node in nodes:
            held.enter_context(devices.defended(node))
        responding.accept(nodes.kr, json.dumps(playbook(blocking())).encode(), person="kim")
        for count, times in ((2, TIMES), (COUNT, TIMES // 4)):
            taken = [once(nodes, number, count) for number in range(times)]
            hand = statistics.median(by_hand(node, count) for node in nodes for _ in range(5))
            for what, values in zip(("enforced", "lifted"), zip(*taken, strict=True), strict=True):
                ordered = sorted(values)
                print(
                    f"{count:4} things {what:9} median {statistics.median(ordered):.2f} s, worst {ordered[-1]:.2f} s"
                    f"  (put and taken by hand at one node: {hand:.2f} s)"
                )


if __name__ == "__main__":
    main()

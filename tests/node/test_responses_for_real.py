"""Responses that reach real devices: packets and names stop at both nodes, and go again when it is taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from katchi.node import acting, responding, responses
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.respond.actuators import open_actuator
from tests import devices
from tests.devices import Defended
from tests.node.test_responses import part, state
from tests.nodes import Pair, a_node, a_pair, join, until
from tests.respond.playbooks import blocking, playbook

BAD, GOOD = "198.51.100.7", "203.0.113.9"


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Pair, dict[str, Defended]]]:
    with a_pair(tmp_path) as made, ExitStack() as held:
        join(made)
        yield made, {node.settings.name: held.enter_context(devices.defended(node, BAD, GOOD)) for node in made}


def test_packets_and_names_stop_at_both_and_go_again_after_a_recall(pair: tuple[Pair, dict[str, Defended]]) -> None:
    nodes, places = pair
    responding.accept(nodes.kr, json.dumps(playbook(blocking())).encode(), person="kim")
    assert all(each.network.reaches(BAD) and each.server.knows("evil.example") for each in places.values())
    wish = Wish("Block", {"things": f"{BAD} evil.example"}, ["us-cert"], "wiper", quorum=2)
    response = responses.propose(nodes.kr, wish, person="kim").id
    until(lambda: state(nodes.us, response) == "asked")
    responses.accept(nodes.us, response, person="park")
    for node in nodes:
        until(lambda node=node: part(nodes.kr, node, response).state == "in-force")  # type: ignore[misc]
    for each in places.values():
        assert not each.network.reaches(BAD)
        assert each.network.reaches(GOOD)
        until(lambda each=each: not each.server.knows("evil.example"))  # type: ignore[misc]
        assert each.server.knows("good.example")
    responses.recall(nodes.kr, response, reason="false positive", person="kim")
    for node in nodes:
        until(lambda node=node: part(nodes.kr, node, response).state == "lifted")  # type: ignore[misc]
    for each in places.values():
        assert each.network.reaches(BAD)
        until(lambda each=each: each.server.knows("evil.example"))  # type: ignore[misc]


def settled(node: Node) -> bool:
    while acting.work(node):
        pass
    return True


def test_an_end_is_kept_while_the_node_is_down_and_put_right_when_it_comes_back(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node, devices.defended(node, BAD) as place:
        short = {"action": "deny", "target": {"x-katchi:things": "__things__:value"}, "args": {"duration": 3000}}
        responding.accept(node, json.dumps(playbook(blocking(short))).encode(), person="kim")
        responses.propose(node, Wish("Block", {"things": f"{BAD} evil.example"}), person="kim")
        settled(node)
        assert not place.network.reaches(BAD)
        # The node does nothing now: the kernel ends it by itself. Each attempt waits for a second at most.
        assert any(place.network.reaches(BAD) for _ in range(8))
        assert not place.server.knows("evil.example")  # a zone cannot
        until(lambda: settled(node) and place.server.knows("evil.example"))
        assert {row.why for row in node.store.leases.of_owner(node.store.responses.all()[0].id)} == {"expired"}


def test_what_somebody_changes_by_hand_is_put_right_and_counted(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node, devices.defended(node, BAD) as place:
        responding.accept(node, json.dumps(playbook(blocking())).encode(), person="kim")
        responses.propose(node, Wish("Block", {"things": f"{BAD} evil.example"}), person="kim")
        settled(node)
        devices.run(*place.network.nft, "delete", "table", "inet", "katchi")
        assert place.network.reaches(BAD)
        edge = open_actuator(place.settings[0], node.folder)
        acting.look_again(node)
        assert not place.network.reaches(BAD)
        assert set(edge.read(node.clock.now()) or ()) == {f"ipv4:{BAD}"}
        seen = node.store.leases.devices()["edge"]
        assert (seen.held, seen.put_back, seen.problem) == (1, 1, None)

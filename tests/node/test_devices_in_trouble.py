"""Devices that are away for a while: the trouble is said, and tried again until they have what is wanted."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from katchi.node import acting, responding, responses
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.respond.actuator import ActuatorError
from katchi.respond.actuators import list_file
from tests import devices
from tests.nodes import a_node, until
from tests.respond.playbooks import blocking, playbook


def looked_after(node: Node) -> bool:
    while acting.work(node):
        pass
    return True


def problem(node: Node, device: str) -> str:
    return node.store.leases.devices()[device].problem or ""


def propose(node: Node) -> str:
    responding.accept(node, json.dumps(playbook(blocking())).encode(), person="kim")
    found: str = responses.propose(node, Wish("Block", {"things": "198.51.100.7 evil.example"}), person="kim").id
    return found


def test_a_name_server_that_was_down_gets_what_is_in_force_once_it_is_back(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node, devices.defended(node, "198.51.100.7") as place:
        propose(node)
        looked_after(node)
        until(lambda: not place.server.knows("evil.example"))
        with place.server.away():
            with pytest.raises(ActuatorError, match=r"rpz\.katchi"):
                acting.look_again(node)
            assert "rpz.katchi" in problem(node, "names")
            assert problem(node, "edge") == ""
            assert not place.network.reaches("198.51.100.7")
        assert place.server.knows("evil.example")
        until(lambda: looked_after(node) and not problem(node, "names"))
        until(lambda: not place.server.knows("evil.example"))
        assert node.store.leases.devices()["names"].put_back > 0


def test_a_device_that_cannot_be_told_is_told_again_until_it_has_read_its_file(tmp_path: Path) -> None:
    is_up = tmp_path / "up"
    with a_node(tmp_path / "kr", "kr-cert") as node:
        proxy = list_file.Settings(
            name="proxy", roles=("firewall", "dns"), path="list", format="plain", reload=("ls", str(is_up))
        )
        node.settings = msgspec.structs.replace(node.settings, actuator=(proxy,))
        is_up.touch()
        response = propose(node)
        looked_after(node)
        assert problem(node, "proxy") == ""
        is_up.unlink()
        responses.recall(node, response, reason="false positive", person="kim")
        looked_after(node)
        # The file is empty, but who blocks by it does not know: nothing is lifted yet.
        assert "up" in problem(node, "proxy")
        assert {row.lifted_at for row in node.store.leases.of_owner(response)} == {None}
        is_up.touch()
        until(lambda: looked_after(node) and not problem(node, "proxy"))
        assert all(row.lifted_at for row in node.store.leases.of_owner(response))

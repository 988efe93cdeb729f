"""`katchi respond` between two nodes: propose, look, accept, take back, as two people at two terminals would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Katchi
from tests.node.test_responses import ADDRESS, blocked, equip
from tests.nodes import Pair, a_node, a_pair, join, until
from tests.respond.playbooks import blocking, playbook

DEVICE = '\n[[actuator]]\nkind = "simulated"\nname = "edge"\nroles = ["firewall", "dns"]\n'


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    with a_pair(tmp_path) as made:
        join(made)
        for node in made:
            equip(node)
            file = node.folder / "katchi.toml"
            text = file.read_text()
            head, limits, tail = text.partition("\n[limits]")
            file.write_text(head + limits + tail + DEVICE)
        yield made


def test_two_people_at_two_terminals(pair: Pair, tmp_path: Path) -> None:
    kr, us = Katchi(pair.kr.folder), Katchi(pair.us.folder)
    file = tmp_path / "playbook.json"
    file.write_text(json.dumps(playbook(blocking())))
    kr.good("playbook", "add", str(file))
    assert "katchi respond propose" in kr.good("respond", "status").out
    response = kr.asked(
        "respond", "propose", "Block", "--to", "us-cert", "--set", "things=192.0.2.7", "--why", "wiper", "--for", "6h",
        "--about", "192.0.2.7", "--answer-in", "2h",
    )["id"]  # fmt: skip
    until(lambda: [each["state"] for each in us.asked("respond", "status")["responses"]] == ["asked"])
    assert "asks us" in us.good("respond", "status").out
    (step,) = us.asked("respond", "plan", response[:8])["steps"]
    assert (step["verdict"], step["places"]) == ("here", [["edge", ADDRESS]])
    assert "we block it" in us.good("respond", "plan", response[:8]).out
    us.good("respond", "defer", response[:8], "--why", "after lunch")
    assert us("respond", "approve", response[:8]).status == 4  # nobody has accepted
    us.good("respond", "accept", response[:8], "--for", "1h")
    until(lambda: blocked(pair.us) == blocked(pair.kr) == {ADDRESS})
    until(lambda: {each["state"] for each in us.asked("respond", "leases")["leases"]} == {"held"})
    assert "in force" in us.good("respond", "leases").out
    (device,) = us.asked("respond", "devices")["devices"]
    assert (device["name"], device["held"], device["problem"]) == ("edge", 1, None)
    assert "edge" in us.good("respond", "devices").out
    until(lambda: kr.asked("respond", "status", response)["parts"]["us-cert"]["state"] == "in-force")
    shown = kr.good("respond", "status", response[:8]).out
    assert "us-cert" in shown
    assert "in force" in shown
    kr.good("respond", "renew", response[:8], "--for", "2d")
    kr.good("respond", "recall", response[:8], "--thing", "192.0.2.7", "--why", "a customer's")
    until(lambda: blocked(pair.us) == blocked(pair.kr) == set())
    until(lambda: "lifted" in kr.asked("respond", "status", response)["parts"]["us-cert"]["state"])
    assert "Nothing is blocked" in us.good("respond", "leases").out


def test_one_thing_is_let_go_here_alone(pair: Pair, tmp_path: Path) -> None:
    kr = Katchi(pair.kr.folder)
    file = tmp_path / "playbook.json"
    file.write_text(json.dumps(playbook(blocking())))
    kr.good("playbook", "add", str(file))
    kr.good("respond", "propose", "Block", "--set", "things=192.0.2.7,evil.example")
    until(lambda: len(blocked(pair.kr)) == 2)
    lease = next(each["id"] for each in kr.asked("respond", "leases")["leases"] if each["thing"] == ADDRESS)
    kr.good("respond", "release", lease[:10], "--why", "a customer's")
    until(lambda: blocked(pair.kr) == {"domain:evil.example"})


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    with a_node(tmp_path / "kr", "kr-cert") as node:
        katchi = Katchi(node.folder)
        file = tmp_path / "playbook.json"
        file.write_text(json.dumps(playbook(blocking())))
        katchi.good("playbook", "add", str(file))
        assert "katchi.toml" in katchi.good("respond", "devices").out
        assert katchi("respond", "propose", "Block", "--set", "things=192.0.2.7", "--for", "soon").status == 2
        assert katchi("respond", "propose", "Block", "--set", "things=192.0.2.7", "--to", "nobody").status == 3
        assert katchi("respond", "propose", "Block").status == 1  # things are missing
        assert katchi("respond", "propose", "Block", "--set", "things=192.0.2.7", "--quorum", "3").status == 4
        for wrong in ("plan", "accept", "approve", "decline", "defer", "recall", "status", "release"):
            assert katchi("respond", wrong, "ffff").status == 3, wrong

"""Playbooks that mean harm: each is refused with its reason, at acceptance, in the dry run, or when it is run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from katchi.node import acting, localising, playbooks, responding, responses
from katchi.node.responses import Wish
from katchi.node.wiring import Node
from katchi.respond.cacao import RefusedPlaybookError
from tests.node.test_responses import add, blocked, equip
from tests.nodes import a_node
from tests.respond.playbooks import blocking, name_of, playbook

DEFENCE = name_of("security-category", "defence")


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "kr", "kr-cert") as made:
        equip(made, own=("bank.example", "198.51.100.0/24"))
        yield made


def step(kind: str, command: str) -> dict[str, Any]:
    return {"name": "harm", "agent": DEFENCE, "commands": [{"type": kind, "command": command}]}


REFUSED = {
    "a shell": step("bash", "rm -rf /"), "another shell": step("ssh", "reboot"),
    "the node itself": step("http-api", "POST http://127.0.0.1:8471/partners HTTP/1.1"),
    "a cloud's metadata": step("http-api", "GET http://169.254.169.254/latest/meta-data/ HTTP/1.1"),
    "something new": step("teleport", "home"),
}  # fmt: skip


@pytest.mark.parametrize("harm", REFUSED.values(), ids=REFUSED)
def test_commands_that_are_not_run_are_refused_when_it_is_handed_in(node: Node, harm: dict[str, Any]) -> None:
    with pytest.raises(RefusedPlaybookError) as refused:
        add(node, playbook(harm))
    assert "unsupported-command" in {each.code for each in refused.value.findings}


def test_ten_thousand_steps_are_refused(node: Node) -> None:
    many = [blocking(name=f"step {number}") for number in range(10_000)]
    with pytest.raises(RefusedPlaybookError) as refused:
        add(node, playbook(*many))
    assert "too-large" in {each.code for each in refused.value.findings}


SMUGGLED = {
    "out of the text": '192.0.2.7"}, "action": "allow", "x": {"y": "',
    "a command": "192.0.2.7; nft flush ruleset", "a new line": "192.0.2.7\nadd rule inet filter input accept",
    "a variable": "__things__:value", "a flag": "--delete 192.0.2.7", "everything": "0.0.0.0/0",
    "a private network": "10.0.0.0/8", "ourselves": "bank.example", "our network": "198.51.100.7",
    "what we are in": "198.51.0.0/16", "our domain's domain": "example", "loopback": "127.0.0.1", "all names": "*",
    "a public resolver": "8.8.8.8", "one among good ones": "192.0.2.7 192.0.2.8 8.8.8.8", "nothing": " ",
    "too many": " ".join(f"203.0.{number // 250}.{number % 250}" for number in range(1200)),
}  # fmt: skip


@pytest.mark.parametrize("value", SMUGGLED.values(), ids=SMUGGLED)
def test_values_that_mean_something_else_block_nothing(node: Node, value: str) -> None:
    add(node, playbook(blocking()))
    response = responses.propose(node, Wish("Block", {"things": value}), person="kim").id
    while acting.work(node):
        pass
    found = responses.read(node, response)
    assert found.row.state == "failed", value[:40]
    assert blocked(node) == set()
    assert node.store.leases.of_owner(response) == []
    assert node.store.runs.notes(found.row.run or "")[-1].reason


@pytest.mark.parametrize("deep", [101, 900, 100_000])
def test_what_is_nested_without_end_is_refused(node: Node, deep: int) -> None:
    text = json.dumps(playbook(blocking()) | {"playbook_extensions": {"a": 0}})
    found = responding.check(text.replace('{"a": 0}', '{"a": ' + "[" * deep + "]" * deep + "}").encode())[1]
    assert {each.code for each in found} <= {"too-large", "not-json"}
    assert found


def test_a_playbook_that_calls_itself_again_and_again_is_looked_at_only_so_far(node: Node) -> None:
    made = playbook(name="Self", playbook_variables={})
    names = [name_of("playbook-action", str(number)) for number in range(100)]
    start, end = made["workflow_start"], name_of("end", "Self")
    made["workflow"] = {
        start: {"type": "start", "on_completion": names[0]}, end: {"type": "end"},
        **{
            name: {"type": "playbook-action", "playbook_id": made["id"], "on_completion": [*names, end][place + 1]}
            for place, name in enumerate(names)
        },
    }  # fmt: skip
    add(node, made)
    plan = playbooks.dry_run(node, playbooks.look(node, made["id"]).playbook, {})
    assert (len(plan), plan[-1].verdict, plan[-1].reason) == (localising.MOST + 1, "cannot", "too-much")

"""A playbook that asks services and runs programs, on a served node: what one answers, the next step has."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from katchi.node import responding, responses
from katchi.node.responses import Wish
from katchi.node.settings import Settings, SettingsError, read_settings, write_settings
from katchi.node.wiring import Node, new_node_id
from katchi.respond import calling, shell
from katchi.web.serve import serving as served
from tests.node.test_responses import add, blocked, equip, state
from tests.nodes import a_node, a_pair, join, until
from tests.respond.playbooks import blocking, name_of, playbook
from tests.servers import Asked, Reply, serving

DESK, SHELL = name_of("security-category", "desk"), name_of("security-category", "shell")
AGENTS = {
    DESK: {"type": "security-category", "name": "desk", "category": ["desk"]},
    SHELL: {"type": "security-category", "name": "shell", "category": ["shell"]},
}
BASH = shell.Settings(name="sh", roles=("shell",), types=("bash",), command=("bash", "-c"))


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "kr", "kr-cert") as made, served(made):
        equip(made)
        yield made


def with_service(node: Node, url: str, **more: Any) -> None:
    desk = calling.Settings(name="helpdesk", roles=("desk",), url=url, **more)
    node.settings = msgspec.structs.replace(node.settings, service=(desk,), shell=(BASH,))


def call(name: str, line: str, content: str = "", agent: str = DESK, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "agent": agent, "commands": [{"type": "http-api", "command": line, "content": content}], **more
    }  # fmt: skip


def begin(node: Node, document: dict[str, Any], **wish: Any) -> str:
    return responses.propose(node, Wish(add(node, document), {"things": "192.0.2.7"}, **wish), person="kim").id


def test_what_a_service_and_a_program_answer_the_next_steps_have(node: Node) -> None:
    def answer(asked: Asked) -> Reply:
        return Reply(b'{"ticket": "T-7", "things": "192.0.2.9"}' if asked.method == "POST" else b"")

    with serving(answer) as server:
        with_service(node, server.url)
        document = playbook(
            call("open", "POST /tickets HTTP/1.1", '{"of": "__things__:value"}', out_args=["__ticket__", "__things__"]),
            {
                "name": "mark", "agent": SHELL, "out_args": ["__mark__"],
                "commands": [{"type": "bash", "command": "printf 'marked %s' __ticket__:value"}],
            },
            blocking(),
            call("close", "PUT /tickets/__ticket__:value HTTP/1.1", '{"note": "__mark__:value"}'),
            agents=AGENTS,
        )  # fmt: skip
        document["playbook_variables"] |= {"__ticket__": {"type": "string"}, "__mark__": {"type": "string"}}
        response = begin(node, document)
        until(lambda: state(node, response) in ("in-force", "failed"))
        assert blocked(node) == {"ipv4:192.0.2.9"}
        first, last = server.asked
        assert json.loads(first.body) == {"of": "192.0.2.7"}
        assert (last.method, last.path, json.loads(last.body)) == ("PUT", "/tickets/T-7", {"note": "marked T-7"})
        assert first.headers["idempotency-key"] != last.headers["idempotency-key"]


def test_a_service_that_takes_its_time_holds_up_no_device(node: Node) -> None:
    may_answer, is_asked = threading.Event(), threading.Event()

    def answer(_: Asked) -> Reply:
        is_asked.set()
        may_answer.wait(30)
        return Reply(b"{}")

    with serving(answer) as server:
        with_service(node, server.url, timeout=60)
        slow = begin(node, playbook(call("slow", "POST /a HTTP/1.1"), name="Slow", agents=AGENTS))
        until(is_asked.is_set)
        quick = begin(node, playbook(blocking()))
        until(lambda: blocked(node) == {"ipv4:192.0.2.7"})
        responses.recall(node, quick, reason="wrong", person="kim")
        until(lambda: blocked(node) == set())
        assert state(node, slow) == "acting"
        may_answer.set()
        until(lambda: state(node, slow) == "done")


def test_a_program_ends_when_its_response_is_taken_back_or_its_step_has_no_more_time(
    node: Node, tmp_path: Path
) -> None:
    with_service(node, "http://127.0.0.1:9")
    ways: tuple[tuple[str, dict[str, Any]], ...] = (("taken back", {}), ("too slow", {"timeout": 500}))
    for name, ends in ways:
        pid = tmp_path / name.replace(" ", "-")
        command = {"type": "bash", "command": f"echo $$ > {pid}; exec sleep 600"}
        document = playbook({"name": "long", "agent": SHELL, "commands": [command], **ends}, name=name, agents=AGENTS)
        response = begin(node, document)
        until(lambda pid=pid: pid.exists() and pid.read_text().strip())  # type: ignore[misc]
        if not ends:
            responses.recall(node, response, reason="wrong", person="kim")
        until(lambda response=response: state(node, response) in ("cancelled", "failed"))  # type: ignore[misc]
        until(lambda pid=pid: not Path(f"/proc/{pid.read_text().strip()}").exists())  # type: ignore[misc]


def test_an_exercise_asks_only_a_simulated_service(node: Node) -> None:
    with serving(lambda _: Reply()) as server:
        with_service(node, server.url)
        play = calling.Settings(name="play", roles=("desk",), simulated=True)
        node.settings = msgspec.structs.replace(node.settings, service=(*node.settings.service, play))
        document = playbook(call("open", "POST /tickets HTTP/1.1", "{}"), agents=AGENTS)
        response = begin(node, document, exercise="kapshida-2026")
        until(lambda: state(node, response) == "done")
        assert server.asked == []
        noted = json.loads((node.folder / "simulated-play.jsonl").read_text())
        assert (noted["method"], noted["url"]) == ("POST", "http://localhost/tickets")


def test_a_target_that_is_a_service_is_played_rather_than_the_agent(node: Node) -> None:
    with serving(lambda _: Reply()) as server:
        with_service(node, server.url)
        target = name_of("http-api", "desk")
        document = playbook(
            call("open", "POST /tickets HTTP/1.1", agent=SHELL, targets=[target]), agents=AGENTS,
            target_definitions={target: {"type": "http-api", "name": "helpdesk", "address": {"url": ["https://x"]}}},
        )  # fmt: skip
        response = begin(node, document)
        until(lambda: state(node, response) == "done")
        assert len(server.asked) == 1


def test_two_nodes_ask_each_its_own_service(tmp_path: Path) -> None:
    with a_pair(tmp_path) as pair, serving(lambda _: Reply()) as kr, serving(lambda _: Reply()) as us:
        join(pair)
        for each, server in ((pair.kr, kr), (pair.us, us)):
            with_service(each, server.url)
        document = playbook(call("open", "POST /tickets HTTP/1.1"), agents=AGENTS)
        response = begin(pair.kr, document, partners=["us-cert"])
        until(lambda: state(pair.kr, response) == "done" and state(pair.us, response) == "asked")
        assert (len(kr.asked), len(us.asked)) == (1, 0)
        responses.accept(pair.us, response, person="park")
        until(lambda: state(pair.us, response) == "done")
        assert (len(kr.asked), len(us.asked)) == (1, 1)


def test_settings_of_services_and_shells_are_read_as_they_were_written(tmp_path: Path) -> None:
    services = (calling.Settings(name="helpdesk", url="https://tickets.example", roles=("desk",), repeatable=True),)
    settings = Settings(name="kr-cert", node_id=new_node_id(), service=services, shell=(BASH,))
    write_settings(tmp_path, settings)
    assert read_settings(tmp_path) == settings
    for bad in (
        {"service": (*services, *services)},
        {"service": (calling.Settings(name="x", url="http://x.example"),)},
    ):
        write_settings(tmp_path, msgspec.structs.replace(settings, **bad))
        with pytest.raises(SettingsError):
            read_settings(tmp_path)


def test_a_playbook_is_checked_anywhere_and_says_what_must_be_switched_on() -> None:
    step = {"name": "run", "agent": SHELL, "commands": [{"type": "bash", "command": "true"}]}
    document = playbook(step, agents=AGENTS)
    found, odd = responding.check(json.dumps(document).encode())
    assert found is not None
    assert [(each.code, each.is_error) for each in odd] == [("needs-shell", False)]

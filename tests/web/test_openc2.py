"""OpenC2 as an orchestrator speaks it: commands over real HTTP, and what a device then blocks."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from katchi.exchange.taxii.errors import NotAllowedError
from katchi.node import acting, actuating, commanding, partnering
from katchi.node.settings import Commander
from katchi.node.wiring import Node
from katchi.respond import openc2
from katchi.respond.actuators import list_file, simulated
from katchi.respond.openc2 import transfer
from katchi.web.serve import serving
from tests.nodes import a_node, until
from tests.web.conftest import Served, add_tool

SECRET = "a secret of the orchestrator"
ADDRESS, NAME = "ipv4:192.0.2.7", "domain:evil.example"


def equip(node: Node, **changed: Any) -> None:
    device = simulated.Settings(name="edge", roles=("firewall", "perimeter"))
    usual: dict[str, Any] = {
        "actuator": (device,), "commander": (Commander("soar"),), "approvals": 1, "own": (), "block_most": 1000,
    }  # fmt: skip
    node.settings = msgspec.structs.replace(node.settings, **{**usual, **changed})


def blocked(node: Node, name: str = "edge") -> set[str]:
    path = node.folder / f"simulated-{name}.json"
    return set(json.loads(path.read_text())) if path.exists() else set()


@pytest.fixture(scope="module")
def open_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One served node for all stories; each begins with nothing in force."""
    with a_node(tmp_path_factory.mktemp("openc2") / "node", "kr-cert") as node:
        for name in ("soar", "siem"):
            add_tool(node, name, SECRET if name == "soar" else "a secret of the SIEM")
        equip(node)
        with serving(node):
            yield Served(node, node.settings.url)


@pytest.fixture
def door(open_door: Served) -> Iterator[Served]:
    equip(open_door.node)
    yield open_door
    equip(open_door.node)
    for each in open_door.node.store.leases.in_force():
        acting.release(open_door.node, each.id, why="the story is over", person="kim")
    acting.look_again(open_door.node)


_names = iter(range(10**9))


def deny(_name: Any = "", **target: Any) -> dict[str, Any]:
    return {"action": "deny", "target": target, "command_id": _name or f"c-{next(_names)}"}


def delete(number: int, profile: str = "slpf", **more: Any) -> dict[str, Any]:
    return {"action": "delete", "target": {f"{profile}:rule_number": number}, **more}


def wrapped(command: Any, **headers: Any) -> bytes:
    return json.dumps({"headers": {"request_id": "r-1", **headers}, "body": {"openc2": {"request": command}}}).encode()


def post(served: Served, content: bytes, *, secret: str = SECRET, **headers: str) -> httpx.Response:
    given = {"Content-Type": transfer.MEDIA, "Accept": transfer.MEDIA, "Authorization": f"Bearer {secret}"}
    sent = {**given, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return httpx.post(f"{served.url}{transfer.PATH}", content=content, headers=sent, timeout=30)


def say(served: Served, command: dict[str, Any]) -> openc2.Response:
    answer = post(served, wrapped(command))
    said, headers = transfer.read_response(answer.content)
    assert answer.status_code == (200 if said.status == 102 else said.status)
    assert (headers.request_id, headers.from_) == ("r-1", "kr-cert")
    assert answer.headers["Content-Type"] == transfer.MEDIA
    assert answer.headers["Cache-Control"] == "no-store"
    return said


def test_what_a_tool_denies_is_blocked_until_it_takes_it_back(door: Served) -> None:
    said = say(door, deny("c-first", ipv4_net="192.0.2.7"))
    number = said.results["slpf"]["rule_number"]
    assert (said.status, blocked(door.node)) == (200, {ADDRESS})
    [lease] = door.node.store.leases.in_force()
    assert (lease.owner, lease.person, lease.reason) == ("openc2:soar", "soar", "OpenC2 c-first")
    other = say(door, deny(domain_name="evil.example"))
    assert blocked(door.node) == {ADDRESS, NAME}
    assert say(door, delete(number)) == openc2.Response(status=200)
    assert blocked(door.node) == {NAME}
    assert door.node.store.leases.one(lease.id).why == "deleted by soar"
    assert say(door, delete(number)).status == 200  # it is gone, as was wanted
    assert say(door, delete(other.results["x-dns"]["rule_number"], "x-dns")).status == 200
    assert blocked(door.node) == set()


def test_a_set_of_things_is_one_rule(door: Served) -> None:
    said = say(door, deny(**{"x-katchi:things": ["192.0.2.7", "evil.example", "http://a.example/x"]}))
    assert blocked(door.node) == {ADDRESS, NAME, "url:http://a.example/x"}
    assert say(door, delete(said.results["x-katchi"]["rule_number"], "x-katchi")).status == 200
    assert blocked(door.node) == set()


def test_the_same_again_takes_effect_once_and_is_answered_alike(door: Served) -> None:
    command = deny(ipv4_net="192.0.2.7")
    first = say(door, command)
    leases = door.node.store.leases.in_force()
    assert say(door, command) == first
    assert door.node.store.leases.in_force() == leases
    say(door, delete(first.results["slpf"]["rule_number"]))
    assert say(door, command) == first  # it was done, and was taken back
    assert blocked(door.node) == set()
    other = say(door, {**command, "target": {"ipv4_net": "192.0.2.8"}})
    assert (other.status, blocked(door.node)) == (400, set())


def test_without_a_name_of_its_own_it_has_that_of_the_request(door: Served) -> None:
    bare = {"action": "deny", "target": {"ipv4_net": "192.0.2.7"}}
    answers = [post(door, json.dumps(bare).encode(), X_Request_ID="x-77") for _ in range(2)]
    said = [transfer.read_response(each.content) for each in answers]
    assert said[0][0] == said[1][0]
    assert {headers.request_id for _, headers in said} == {"x-77"}
    assert {each.headers["X-Request-ID"] for each in answers} == {"x-77"}
    assert post(door, json.dumps(bare).encode()).status_code == 400  # it could not be told from a repetition


def test_numbers_outlive_a_restart_and_are_never_given_again(tmp_path: Path) -> None:
    from katchi.node.wiring import open_node

    with a_node(tmp_path, "kr-cert") as node:
        equip(node)
        first = commanding.obey(node, Commander("soar"), read(deny("one", ipv4_net="192.0.2.7")))
        commanding.obey(node, Commander("soar"), read(delete(first.results["slpf"]["rule_number"])))
    with open_node(tmp_path) as node:
        equip(node)
        second = commanding.obey(node, Commander("soar"), read(deny("two", ipv4_net="192.0.2.7")))
        assert second.results["slpf"]["rule_number"] > first.results["slpf"]["rule_number"]
        assert commanding.obey(node, Commander("soar"), read(deny("one", ipv4_net="192.0.2.7"))) == first


class Crash(BaseException):
    """The process died."""


@pytest.mark.parametrize("point", ["taken", "looked up", "applied", "settled", "carried out"])
def test_a_repetition_after_a_crash_goes_on_and_has_one_effect(tmp_path: Path, point: str) -> None:
    def crash(at: str) -> None:
        if at == point:
            raise Crash

    with a_node(tmp_path, "kr-cert") as node:
        equip(node)
        command = read(deny("one", ipv4_net="192.0.2.7"))
        with pytest.raises(Crash):
            commanding.obey(node, Commander("soar"), command, at=crash)
        said = commanding.obey(node, Commander("soar"), command)
        assert (said.status, said.results) == (200, {"slpf": {"rule_number": 1}})
        assert blocked(node) == {ADDRESS}
        assert len(node.store.leases.of_owner("openc2:soar")) == 1
        assert commanding.obey(node, Commander("soar"), read(delete(1))).status == 200
        assert blocked(node) == set()


def read(command: Any) -> openc2.Command:
    return openc2.read_command(json.dumps(command).encode())


def test_it_ends_by_itself(door: Served) -> None:
    say(door, {**deny(ipv4_net="192.0.2.7"), "args": {"duration": 100}})
    until(lambda: not door.node.store.leases.in_force())
    [device] = actuating.actuators(door.node).values()
    assert device.read(door.node.clock.now()) == {}
    assert door.node.store.leases.of_thing(ADDRESS)[0].why == "expired"


@pytest.mark.parametrize(("wanted", "status"), [("ack", 102), ("status", 200), ("complete", 200)])
def test_the_answer_that_is_asked_for(door: Served, wanted: str, status: int) -> None:
    said = say(door, {**deny(ipv4_net="192.0.2.7"), "args": {"response_requested": wanted}})
    number = said.results["slpf"]["rule_number"]
    assert said.status == status
    until(lambda: blocked(door.node) == {ADDRESS})
    assert say(door, {**delete(number), "args": {"response_requested": wanted}}).status == status
    until(lambda: blocked(door.node) == set())


def test_who_wants_no_answer_gets_none(door: Served) -> None:
    answer = post(door, wrapped({**deny(ipv4_net="192.0.2.7"), "args": {"response_requested": "none"}}))
    assert (answer.status_code, answer.content, blocked(door.node)) == (200, b"", {ADDRESS})


def test_what_can_be_commanded_is_told(door: Served) -> None:
    asked = {"action": "query", "target": {"features": ["versions", "profiles", "pairs"]}}
    said = say(door, asked)
    assert said.results["profiles"] == ["slpf", "x-dns", "x-katchi"]
    assert "slpf:rule_number" in said.results["pairs"]["delete"]
    assert say(door, {"action": "query", "target": {"features": []}}) == openc2.Response(status=200)


def test_an_older_sender_is_answered_in_its_own_form(door: Served) -> None:
    asked = json.dumps({"action": "query", "target": {"features": ["versions"]}}).encode()
    answer = post(door, asked, Content_Type="application/openc2-cmd+json;version=1.0", X_Request_ID="old-1")
    assert answer.headers["Content-Type"] == transfer.RESPONSES_MEDIA
    assert answer.headers["X-Request-ID"] == "old-1"
    assert answer.json() == {"status": 200, "results": {"versions": ["1.0"]}}


DEVICES: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"edge", "spare"}), ({"asset_id": "spare"}, {"spare"}), ({"hostname": "edge"}, {"edge"}),
    ({"named_group": "perimeter"}, {"edge"}), ({"asset_id": "edge", "named_group": "perimeter"}, {"edge"}),
]  # fmt: skip


@pytest.mark.parametrize(("specifiers", "names"), DEVICES)
def test_a_command_can_name_its_devices(door: Served, specifiers: dict[str, str], names: set[str]) -> None:
    equip(door.node, actuator=(*door.node.settings.actuator, simulated.Settings(name="spare")))
    said = say(door, {**deny(ipv4_net="192.0.2.7"), "actuator": {"slpf": specifiers}})
    assert {each for each in ("edge", "spare") if blocked(door.node, each)} == names
    say(door, delete(said.results["slpf"]["rule_number"]))


# ---- who may not, and what is not done -------------------------------------------------------------------


def test_nobody_commands_who_is_not_named(door: Served) -> None:
    command = wrapped(deny(ipv4_net="192.0.2.7"))
    for secret, status in (("none", 401), ("wrong", 401), ("a secret of the SIEM", 403)):
        answer = post(door, command, secret=secret)
        said, _ = transfer.read_response(answer.content)
        assert (answer.status_code, said.status) == (status, status)
    equip(door.node, commander=())
    assert post(door, command).status_code == 403
    partnering.add_tool(door.node, "guest", person="kim") if "guest" not in partners(door.node) else None
    equip(door.node, commander=(Commander("guest"), Commander("siem")))
    with pytest.raises(NotAllowedError):  # a guest's tool, even named
        commanding.require_commander(door.node, door.node.store.partners.one("guest"))
    assert post(door, command).status_code == 403
    assert blocked(door.node) == set()


def partners(node: Node) -> set[str]:
    return {row.name for row in node.store.partners.all()}


def test_where_several_people_must_say_yes_one_tool_is_not_enough(door: Served) -> None:
    said = say(door, deny(ipv4_net="192.0.2.7"))
    equip(door.node, approvals=2)
    assert say(door, deny(ipv4_net="192.0.2.8")).status == 403
    assert say(door, {"action": "query", "target": {"features": []}}).status == 200
    assert say(door, delete(said.results["slpf"]["rule_number"])).status == 200  # its own it may take back
    equip(door.node, approvals=2, commander=(Commander("soar", alone=True),))
    assert say(door, deny(ipv4_net="192.0.2.8")).status == 200


def test_one_tool_does_not_take_back_what_another_did(door: Served) -> None:
    equip(door.node, commander=(Commander("soar"), Commander("siem")))
    number = say(door, deny(ipv4_net="192.0.2.7")).results["slpf"]["rule_number"]
    answer = post(door, wrapped(delete(number)), secret="a secret of the SIEM")
    assert (answer.status_code, blocked(door.node)) == (404, {ADDRESS})


NEVER = {
    "ours": (deny(ipv4_net="203.0.113.7"), "own"),
    "a network around ours": (deny(ipv4_net="203.0.0.0/16"), "own"),
    "a private address": (deny(ipv4_net="10.0.0.1"), "too-wide-or-private"),
    "everybody": (deny(ipv4_net="0.0.0.0/0"), "own"),
    "a public resolver": (deny(ipv4_net="8.8.8.8"), "resolver"),
    "one of many": (deny(**{"x-katchi:things": ["192.0.2.7", "8.8.8.8"]}), "resolver"),
}


@pytest.mark.parametrize(("command", "why"), NEVER.values(), ids=NEVER)
def test_what_is_never_blocked_is_refused_with_the_reason(door: Served, command: dict[str, Any], why: str) -> None:
    equip(door.node, own=("203.0.113.0/24",))
    said = say(door, {**command, "command_id": f"n-{next(_names)}"})
    assert said.status == 403
    assert why in said.status_text
    assert blocked(door.node) == set()


def test_a_tool_does_not_block_more_than_one_response_may(door: Served) -> None:
    equip(door.node, block_most=2)
    say(door, deny(**{"x-katchi:things": ["192.0.2.7", "192.0.2.8"]}))
    assert say(door, deny(ipv4_net="192.0.2.9")).status == 403
    assert len(blocked(door.node)) == 2


def test_where_a_device_says_no_nothing_is_left_of_it(door: Served) -> None:
    broken = list_file.Settings(name="broken", path="list", format="plain", reload=("false",))
    device = door.node.settings.actuator
    equip(door.node, actuator=(*device, broken))
    said = say(door, deny(ipv4_net="192.0.2.7"))
    assert (said.status, blocked(door.node)) == (500, set())
    assert "false" not in said.status_text
    equip(door.node, actuator=(*device, msgspec.structs.replace(broken, reload=("true",))))
    acting.look_again(door.node)
    assert door.node.store.leases.in_force() == []


REFUSED = {
    "allow": ({"action": "allow", "target": {"ipv4_net": "192.0.2.7"}}, 501),
    "a file": (deny(file={"hashes": {"md5": "a" * 32}}), 501),
    "one way": ({**deny(ipv4_net="192.0.2.7"), "args": {"slpf": {"direction": "ingress"}}}, 501),
    "an order": ({**deny(ipv4_net="192.0.2.7"), "args": {"slpf": {"insert_rule": 7}}}, 501),
    "an unknown argument": ({**deny(ipv4_net="192.0.2.7"), "args": {"x-acme": {"fast": True}}}, 501),
    "later": ({**deny(ipv4_net="192.0.2.7"), "args": {"start_time": 4_000_000_000_000}}, 501),
    "for ever": ({**deny(ipv4_net="192.0.2.7"), "args": {"stop_time": 9_000_000_000_000}}, 501),
    "over": ({**deny(ipv4_net="192.0.2.7"), "args": {"stop_time": 1}}, 400),
    "another profile": ({**deny(ipv4_net="192.0.2.7"), "actuator": {"x-acme": {}}}, 501),
    "no such device": ({**deny(ipv4_net="192.0.2.7"), "actuator": {"slpf": {"asset_id": "30"}}}, 404),
    "devices told otherwise": ({**deny(ipv4_net="192.0.2.7"), "actuator": {"slpf": {"asset_tuple": ["a"]}}}, 501),
    "properties": ({"action": "query", "target": {"properties": ["a"]}}, 501),
    "features of another": ({"action": "query", "target": {"features": []}, "actuator": {"x-acme": {}}}, 501),
    "a rule that is not there": (delete(99_999), 404),
    "a rule of another profile": (delete(1, "x-dns"), 404),
    "a rule of no profile": (delete(1, "x-acme"), 501),
    "a rule later": (delete(1, args={"start_time": 1}), 501),
    "a rule that is no number": ({"action": "delete", "target": {"slpf:rule_number": "1"}}, 400),
    "a rule that is true": ({"action": "delete", "target": {"slpf:rule_number": True}}, 400),
    "a rule beyond all": (delete(2**70), 400),
    "cancel": ({"action": "cancel", "target": {"command": "c-1"}}, 501),
    "no action": ({"target": {"ipv4_net": "192.0.2.7"}}, 400),
    "two targets": (deny(ipv4_net="192.0.2.7", domain_name="a.example"), 400),
    "nonsense": (deny(ipv4_net="everything"), 400),
}


@pytest.mark.parametrize(("command", "status"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_done_is_said_and_nothing_happens(door: Served, command: dict[str, Any], status: int) -> None:
    said = say(door, command)
    assert (said.status, bool(said.status_text), blocked(door.node)) == (status, True, set())


def test_http_is_used_as_the_specification_has_it(door: Served) -> None:
    good = wrapped({"action": "query", "target": {"features": []}})
    for kind in ("text/plain", "application/openc2+json;version=2.0", "application/openc2-rsp+json", ""):
        assert post(door, good, Content_Type=kind).status_code == 415
    assert post(door, good, Content_Encoding="gzip").status_code == 415
    for kind in ("application/openc2+json", 'Application/OpenC2+JSON; version="1.0"', "application/json"):
        assert post(door, good, Content_Type=kind).status_code == 200
    large = wrapped({**deny(ipv4_net="192.0.2.7"), "more": "a" * 70_000})
    assert post(door, large).status_code == 413
    for method in ("GET", "PUT", "DELETE"):
        answer = httpx.request(method, f"{door.url}{transfer.PATH}", headers={"Authorization": f"Bearer {SECRET}"})
        assert answer.status_code == 405
        assert answer.headers["Content-Type"].startswith("application/json")
    assert post(door, good, secret="wrong", X_Request_ID="x-9").headers["X-Request-ID"] == "x-9"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6,
)  # fmt: skip
NAMES = ["action", "target", "args", "actuator", "command_id", "headers", "body", "openc2", "request"]
TARGETS = ["ipv4_net", "features", "slpf:rule_number", "x-katchi:things", "x-katchi:rule_number", "uri", "domain_name"]
COMMANDS = st.fixed_dictionaries(
    {"action": st.sampled_from(["deny", "delete", "query"]) | JSON,
     "target": st.dictionaries(st.sampled_from(TARGETS), JSON, min_size=1, max_size=1) | JSON},
    optional={
        "args": st.dictionaries(st.sampled_from(["duration", "stop_time", "response_requested", "slpf"]), JSON) | JSON,
        "actuator": st.dictionaries(st.sampled_from(["slpf", "x-dns"]), JSON, max_size=1) | JSON,
        "command_id": JSON,
    },
)  # fmt: skip
WHATEVER = st.binary(max_size=200) | st.builds(
    lambda value: json.dumps(value).encode(),
    st.dictionaries(st.sampled_from(NAMES), JSON) | JSON | COMMANDS
    | COMMANDS.map(lambda value: {"headers": {"request_id": "r"}, "body": {"openc2": {"request": value}}}),
)  # fmt: skip


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=WHATEVER, name=st.sampled_from(["", "n"]))
def test_whatever_comes_is_answered_as_a_command_or_as_none(door: Served, body: bytes, name: str) -> None:
    answer = post(door, body, **({"X_Request_ID": f"{name}{time.monotonic_ns()}"} if name else {}))
    said, _ = transfer.read_response(answer.content) if answer.content else (openc2.Response(status=200), None)
    assert answer.status_code in (200, 400, 403, 404, 413, 501)
    assert said.status in (102, answer.status_code, 400)

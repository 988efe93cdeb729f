"""The examples of OpenC2's specifications through the real door: each is done, or said not to be done, as they want.

Language 1.0 (CS02) §4.2 and Annex A, Stateless Packet Filtering 1.0 Annex A, Transfer via HTTPS 1.1 Annex E; written
anew. What those consumers do and this one does not (ports, one way only, files, other profiles) is answered as 501.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from katchi.respond.openc2 import transfer
from tests.web.conftest import Served
from tests.web.test_openc2 import SECRET, blocked, delete, door, open_door, post, say, wrapped

__all__ = ["door", "open_door"]  # fixtures


@dataclass
class Example:
    """A command of a specification, and what becomes of it here."""

    command: dict[str, Any]
    status: int = 200
    results: dict[str, Any] | None = None
    has_answer: bool = True


def query(**more: Any) -> dict[str, Any]:
    return {"action": "query", "target": {"features": []}, **more}


TCP = {"protocol": "tcp", "src_addr": "1.2.3.4", "src_port": 10996, "dst_addr": "198.2.3.4", "dst_port": 80}
CONNECTION = {
    "action": "deny", "target": {"ipv4_connection": TCP}, "actuator": {"slpf": {"asset_id": "30"}},
    "args": {"start_time": 1534775460000, "duration": 500, "response_requested": "ack",
             "slpf": {"drop_process": "none"}},
}  # fmt: skip
PROFILES = ["slpf", "x-dns", "x-katchi"]
PAIRS = {
    "query": ["features"],
    "deny": ["ipv4_net", "ipv6_net", "ipv4_connection", "ipv6_connection", "domain_name", "idn_domain_name", "uri",
             "x-katchi:things"],
    "delete": ["slpf:rule_number", "x-dns:rule_number", "x-katchi:rule_number"],
}  # fmt: skip
EXAMPLES = {
    "Language 4.2.1: is it there": Example(query()),
    "Language 4.2.2: several features": Example(
        query(target={"features": ["versions", "profiles", "rate_limit"]}),
        results={"versions": ["1.0"], "profiles": PROFILES, "rate_limit": 600},
    ),
    "Language 4.1: complete may be asked for": Example(query(args={"response_requested": "complete"})),
    "Language 4.1: no other argument": Example(query(args={"duration": 500}), 400),
    "Language 4.1: nor another answer": Example(query(args={"response_requested": "ack"}), 400),
    "Language 4.1: nor one of an extension": Example(query(args={"x-mycompany": {"async": True}}), 400),
    "Language A.1: quarantine a device": Example(
        {"action": "contain", "target": {"device": {"device_id": "9BCE8431AC106FAA3861C7E771D20E53"}}}, 501
    ),
    "Language A.2, SLPF A.1.1: one connection": Example({**CONNECTION, "command_id": "A.1.1"}, 501),
    "Language A.3: properties of another": Example(
        {"action": "query", "target": {"properties": ["battery"]}, "actuator": {"x-esm": {"asset_id": "TGEadsasd"}}},
        501,
    ),
    "SLPF A.1.2: all outbound ftp": Example(
        {"action": "deny", "target": {"ipv4_connection": {"protocol": "tcp", "src_port": 21}},
         "args": {"slpf": {"drop_process": "false_ack", "direction": "egress"}}, "actuator": {"slpf": {}}}, 501,
    ),
    "SLPF A.1.2: a target that is misspelt": Example(
        {"action": "deny", "target": {"ip_conection": {"protocol": "tcp", "src_port": 21}}}, 400
    ),
    "SLPF A.1.3: inbound from one source, no answer": Example(
        {"action": "deny", "target": {"ipv6_net": "3ffe:1900:4545:3:200:f8ff:fe21:67cf"},
         "args": {"response_requested": "none", "slpf": {"direction": "ingress"}},
         "actuator": {"slpf": {"named_group": "perimeter"}}}, 501, has_answer=False,
    ),
    "SLPF A.1.4: permit": Example(
        {"action": "allow", "target": {"ipv6_connection": {"protocol": "tcp", "src_port": 21}},
         "actuator": {"slpf": {}}}, 501,
    ),
    "SLPF A.2: a rule that is not there": Example(
        {"action": "delete", "target": {"slpf:rule_number": 123456}, "args": {"response_requested": "complete"},
         "actuator": {"slpf": {}}}, 404,
    ),
    "SLPF A.3: a new configuration": Example(
        {"action": "update", "target": {"file": {"path": "\\\\a-drive\\a-directory", "name": "firewall.txt"}},
         "actuator": {"slpf": {"named_group": "network"}}}, 501,
    ),
    "SLPF A.4.2: versions": Example(query(target={"features": ["versions"]}), results={"versions": ["1.0"]}),
    "SLPF A.4.3: profiles": Example(
        query(target={"features": ["versions", "profiles"]}), results={"versions": ["1.0"], "profiles": PROFILES}
    ),
    "SLPF A.4.4: pairs": Example(query(target={"features": ["pairs"]}), results={"pairs": PAIRS}),
}  # fmt: skip


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_answered_as_its_specification_wants(door: Served, name: str) -> None:
    example = EXAMPLES[name]
    answer = post(door, wrapped(example.command, request_id=f"example-{list(EXAMPLES).index(name)}"))
    assert answer.status_code == example.status
    assert blocked(door.node) == set()
    if not example.has_answer:
        assert answer.content == b""
        return
    said, _ = transfer.read_response(answer.content)
    assert (said.status, said.results) == (example.status, example.results or {})


DENIALS = {
    "A.1.1: of all of an address": ({"ipv4_connection": {"dst_addr": "198.2.3.4"}}, {"drop_process": "none"}, 102),
    "A.1.3: both ways": ({"ipv6_net": "3ffe:1900:4545:3:200:f8ff:fe21:67cf"}, {"direction": "both"}, 200),
    "2.1.3.2: not after a restart": ({"ipv4_net": "198.2.3.0/24"}, {"persistent": False}, 200),
}


@pytest.mark.parametrize(("target", "slpf", "status"), DENIALS.values(), ids=DENIALS)
def test_what_of_them_is_done_here_is_done_and_taken_back(
    door: Served, target: dict[str, Any], slpf: dict[str, Any], status: int
) -> None:
    wanted = "ack" if status == 102 else "complete"
    said = say(door, {
        "action": "deny", "target": target, "actuator": {"slpf": {"named_group": "perimeter"}},
        "args": {"duration": 60_000, "response_requested": wanted, "slpf": slpf}, "command_id": json.dumps(target)[:30]
        .replace(" ", ""),
    })  # fmt: skip
    assert said.status == status
    assert len(door.node.store.leases.in_force()) == 1
    assert say(door, {**delete(said.results["slpf"]["rule_number"]), "actuator": {"slpf": {}}}).status == 200
    assert blocked(door.node) == set()


def test_transfer_e_1_a_whole_request_and_its_answer(door: Served) -> None:
    name = "d1ac0489-ed51-4345-9175-f3078f30afe5"
    sent = {
        "headers": {"request_id": name, "created": 1545257700000, "from": "oc2producer.company.net",
                    "to": ["oc2consumer.company.net"]},
        "body": {"openc2": {"request": {"action": "deny", "target": {"ipv4_net": "198.51.100.17"},
                                        "args": {"duration": 60_000}}}},
    }  # fmt: skip
    answer = httpx.post(
        f"{door.url}/.well-known/openc2", content=json.dumps(sent).encode(), timeout=30,
        headers={"Content-Type": "application/openc2+json;version=1.0", "X-Request-ID": name,
                 "Date": "Wed, 19 Dec 2018 22:15:00 GMT", "Authorization": f"Bearer {SECRET}"},
    )  # fmt: skip
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/openc2+json;version=1.0"
    assert answer.headers["X-Request-ID"] == name
    said = answer.json()
    assert set(said) == {"headers", "body"}
    assert (said["headers"]["request_id"], said["headers"]["from"]) == (name, "kr-cert")
    assert said["headers"]["to"] == ["oc2producer.company.net"]
    assert said["headers"]["created"] > 1545257700000
    response = said["body"]["openc2"]["response"]
    assert response == {"status": 200, "results": {"slpf": {"rule_number": response["results"]["slpf"]["rule_number"]}}}
    assert blocked(door.node) == {"ipv4:198.51.100.17"}


@pytest.mark.parametrize("where", ["the message", "HTTP"])
def test_transfer_3_3_3_a_request_is_named_in_one_place_at_least(door: Served, where: str) -> None:
    command = {"openc2": {"request": query()}}
    message = {"headers": {"request_id": "n-1"}, "body": command} if where == "the message" else {"body": command}
    headers = {} if where == "the message" else {"X_Request_ID": "n-1"}
    answer = post(door, json.dumps(message).encode(), **headers)
    assert transfer.read_response(answer.content)[1].request_id == answer.headers["X-Request-ID"] == "n-1"

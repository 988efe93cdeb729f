"""OpenC2 messages: what the public test data of OASIS (v1.0.1) and the specification's examples call good and bad.

The names are those of the public cases; what stands in them is written anew. A case of theirs that is another profile's
(a toy castle, poetry) is good OpenC2 here, and nothing that is done.
"""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.respond import openc2
from katchi.respond.openc2 import profiles, transfer
from katchi.respond.openc2.language import ACTIONS, BadMessageError, NotDoneError

MD5, SHA1, SHA256 = "a" * 32, "b" * 40, "C" * 64
CONTAINER = {"container_id": "E57C0116"}


def deny(**target: Any) -> dict[str, Any]:
    return {"action": "deny", "target": target}


def query(**more: Any) -> dict[str, Any]:
    return {"action": "query", "target": {"features": []}, **more}


ADDRESSES = (
    "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "::ffff:192.0.2.128", "::ffff:c000:280", "0:0:0:0:0:0:0:1", "::1", "::",
    "2001:db8:a::123/64", "2001:0db8:85a3:0000:0000:8a2e:0370:7334", "2001:db8:85a3::8a2e:370:7334",
    "2001:db8::1:0:0:1", "::/0", "::ffff:0:0/96", "64:ff9b::/96", "100::/64", "2001::/32", "2001:20::/28",
    "2001:db8::/32", "2002::/16", "fc00::/7", "fe80::/10", "ff00::/8", "ff02::1", "ff05::1:3",
    "ff02::1:ff00:0/104", "ff02::2:ff00:0/104",
)  # fmt: skip
GOOD: dict[str, Any] = {
    "allow_device_deviceid": {"action": "allow", "target": {"device": {"device_id": "9BCE"}}},
    "allow_file_hashes_sha256": {"action": "allow", "target": {"file": {"hashes": {"sha256": SHA256}}}},
    "allow_ipv4net": {"action": "allow", "target": {"ipv4_net": "127.0.0.1"}},
    "allow_ipv4net_cidr": {"action": "allow", "target": {"ipv4_net": "127.0.0.1/24"}},
    **{f"allow_ipv6net {each}": {"action": "allow", "target": {"ipv6_net": each}} for each in ADDRESSES},
    "contain_device_deviceid": {"action": "contain", "target": {"device": {"device_id": "9BCE"}}},
    "deny_file_hashes_md5_sha1_sha256": deny(file={"hashes": {"md5": MD5, "sha1": SHA1, "sha256": SHA256}}),
    "deny_file_hashes_md5": deny(file={"hashes": {"md5": MD5}}),
    "deny_macaddr": deny(mac_addr="AA:BB:CC:DD:EE:FF"),
    "deny_uri": deny(uri="http://www.evil.example"),
    "deny_iri": deny(iri="http://악성.example/길"),
    "deny_email": deny(email_addr="a@evil.example"),
    "deny_domain": deny(domain_name="evil.example"),
    "deny_idn": deny(idn_domain_name="악성.example"),
    "https_example_deny_file_hashes": {
        **deny(file={"hashes": {"sha256": SHA256}}),
        "args": {"response_requested": "ack"},
    },
    "ls_example_contain_device": {
        "action": "contain",
        "target": {"device": {"device_id": "9BCE"}},
        "command_id": "4f5a",
    },
    "artifact": {
        "action": "detonate",
        "target": {"artifact": {"mime_type": "a/b", "payload": {"url": "http://a.example/x"}}},
    },
    "process": {"action": "stop", "target": {"process": {"pid": 12, "parent": {"name": "init"}}}},
    "cancel_command": {"action": "cancel", "target": {"command": "b33cd1d4"}},
    "query_features_empty": query(),
    "query_features_empty_id": query(command_id="a-1"),
    "query_features_all": {"action": "query", "target": {"features": ["versions", "profiles", "pairs", "rate_limit"]}},
    "query_properties_firewall_status": {"action": "query", "target": {"properties": ["firewall_status"]}},
    "slpf_example_allow_ipv6connection": {
        "action": "allow",
        "target": {"ipv6_connection": {"protocol": "tcp", "dst_addr": "3ffe:1900:4545:3::", "src_port": 21}},
        "actuator": {"slpf": {}},
        "args": {"slpf": {"direction": "ingress"}},
    },
    "slpf_example_delete_rulenumber": {
        "action": "delete",
        "target": {"slpf:rule_number": 1234},
        "args": {"response_requested": "complete"},
    },
    "slpf_example_deny_ipv4connection": {
        **deny(
            ipv4_connection={
                "protocol": "tcp",
                "src_addr": "1.2.3.4",
                "src_port": 10996,
                "dst_addr": "198.2.3.4",
                "dst_port": 80,
            }
        ),
        "args": {
            "start_time": 1534775460000,
            "duration": 500,
            "response_requested": "ack",
            "slpf": {"drop_process": "none"},
        },
        "actuator": {"slpf": {"asset_id": "30"}},
    },
    "slpf_example_deny_ipv6net": {
        **deny(ipv6_net="3ffe:1900:4545:3:200:f8ff:fe21:67cf"),
        "actuator": {"slpf": {"named_group": "perimeter"}},
    },
    "slpf_example_update_file": {
        "action": "update",
        "target": {"file": {"path": "\\\\share\\rules", "name": "deny-rules"}},
    },
    "query_features_ext_args": query(args={"x-mycompany": {"async": True}}),
    "query_features_ext_args_underscore": query(args={"x-my_company": {"async": True}}),
    "query_features_extension_args_number": query(args={"x-395": {"async": True}}),
    "query_features_ext_target": {"action": "query", "target": {"x-mycompany:features": ["a"]}},
    "start_container_ext_target_ext_actuator_mult_ext_args": {
        "action": "start",
        "target": {"x-acme:container": CONTAINER},
        "actuator": {"x-mycompany": {"asset_id": "dc81"}},
        "args": {"x-example": {"async": True}, "x-other": {}},
    },
    "set_castle": {"action": "set", "target": {"x-game:board": "e1g1"}},
}

BAD: dict[str, Any] = {
    "action_notarget": {"action": "query"},
    "action_notarget_id": {"action": "query", "command_id": "a"},
    "action_unknown": {"action": "unknown", "target": {"features": []}},
    "allow_ipv4net_badcidr": deny(ipv4_net="127.0.0.1/64"),
    "allow_ipv4net_badip": deny(ipv4_net="127.0.0.300"),
    "ipv4_mask": deny(ipv4_net="192.0.2.0/255.255.255.0"),
    "ipv4_number": deny(ipv4_net=3221225985),
    "allow_ipv6net_wikipedia3": deny(ipv6_net="2001::85a3::8a2e:370:7334"),
    "ipv6_zone": deny(ipv6_net="fe80::1%eth0"),
    "args_empty": query(args={}),
    "deny_file_hashes_empty": deny(file={"hashes": {}}),
    "file_empty": deny(file={}),
    "deny_file_hashes_sha512": deny(file={"hashes": {"sha512": "a" * 128}}),
    "hash_short": deny(file={"hashes": {"md5": "abc"}}),
    "hash_not_hex": deny(file={"hashes": {"md5": "x" * 32}}),
    "deny_uri_actuator_empty": {**deny(uri="http://a.example"), "actuator": {}},
    "deny_uri_actuator_multiple": {**deny(uri="http://a.example"), "actuator": {"slpf": {}, "x-acme": {}}},
    "empty_array": [],
    "empty_object": {},
    "number": 3.14159,
    "number_integer": 100,
    "string": "foo",
    "openc2_response": {"status": 200},
    "openc2_response_text": {"status": 200, "status_text": "OK"},
    "query_features_ext_args_all": query(args={"x-0123456789_ABCDEFG_abcdefg___": {}}),
    "query_features_ext_args_capX": query(args={"X-mycompany": {}}),
    "query_features_ext_args_dots": query(args={"x-mycompany.example.com": {}}),
    "query_features_ext_args_nox-": query(args={"mycompany": {}}),
    "query_features_ext_args_specialchar": query(args={"x-mycompany/foo;bar": {}}),
    "long_name_x80": query(args={f"x-{'a' * 78}": {}}),
    "query_features_notunique": {"action": "query", "target": {"features": ["versions", "versions"]}},
    "query_features_unknown": {"action": "query", "target": {"features": ["unknown"]}},
    "query_multiple_target_extensions": {
        "action": "query",
        "target": {"x-mycompany:features": [], "x-acme:features": []},
    },
    "query_multiple_targets": {"action": "query", "target": {"features": ["versions"], "properties": ["some"]}},
    "start_container_ext_nocolon": {"action": "start", "target": {"container": CONTAINER}},
    "start_container_ext_noprofile": {"action": "start", "target": {":container": CONTAINER}},
    "start_container_ext_specialchar1": {"action": "start", "target": {"x-acm&e:container": CONTAINER}},
    "start_container_ext_specialchar2": {"action": "start", "target": {"x-acme:conta$iner": CONTAINER}},
    "start_container_ext_underscore_first1": {"action": "start", "target": {"x-_acme:container": CONTAINER}},
    "start_container_ext_underscore_first2": {"action": "start", "target": {"x-acme:_container": CONTAINER}},
    "target_multiple": {"action": "deny", "target": {"file": {"name": "a"}, "device": {"device_id": "9B"}}},
    "all three times": query(args={"start_time": 1, "stop_time": 2, "duration": 1}),
    "time_negative": query(args={"start_time": -1}),
    "response_unknown": query(args={"response_requested": "maybe"}),
    "connection_empty": deny(ipv4_connection={}),
    "connection_port": deny(ipv4_connection={"dst_port": 70000}),
    "connection_mixed": deny(ipv4_connection={"dst_addr": "2001:db8::1"}),
    "connection_protocol": deny(ipv4_connection={"protocol": "gre"}),
    "domain_bad": deny(domain_name="not a domain"),
    "mac_bad": deny(mac_addr="AA:BB"),
    "uri_bad": deny(uri="no scheme"),
    "command_id_number": query(command_id=1),
    "extra_member": query(extra=1),
    "artifact_both": {
        "action": "detonate",
        "target": {"artifact": {"payload": {"url": "http://a.example", "bin": "AA"}}},
    },
    "process_pid": {"action": "stop", "target": {"process": {"pid": -1}}},
}

PAIRS = {"allow": ["ipv6_net", "ipv6_connection"], "query": ["features"], "delete": ["slpf:rule_number"]}
GOOD_RESPONSES: dict[str, Any] = {
    **{f"status_{each}": {"status": each} for each in (102, 200, 400, 401, 403, 404, 500, 501, 503)},
    "status_asdouble": {"status": 200.0},
    "status_and_status_text": {"status": 200, "status_text": "OK"},
    "query_features_all": {
        "status": 200,
        "results": {"versions": ["1.0"], "profiles": ["slpf", "x-lock"], "pairs": PAIRS, "rate_limit": 30},
    },
    "slpf_example_rule_number": {"status": 200, "results": {"slpf": {"rule_number": 1234}}},
    "results_ext_multiple": {"status": 200, "results": {"x-a": {"b": 1}, "x-c": {"d": 2}}},
}
BAD_RESPONSES: dict[str, Any] = {
    "empty_array": [],
    "empty_object": {},
    "openc2_command_query_features_all": query(),
    "status_asbool": {"status": True},
    "results_empty": {"status": 200, "results": {}},
    "results_unknown_profile": {"status": 200, "results": {"mycompany": {"a": 1}}},
    "status_asstring": {"status": "200"},
    "status_negative": {"status": -201},
    "status_too_high": {"status": 5555},
    "status_too_low": {"status": 55},
    "results_ext_single-201": {"status": 201, "results": {"x-a": {"b": 1}}},
    "statustext_nostatus": {"status_text": "OK"},
    "unknown_field": {"status": 200, "command_id": "a"},
    "rate_negative": {"status": 200, "results": {"rate_limit": -1}},
    "pairs_bad_action": {"status": 200, "results": {"pairs": {"fly": ["features"]}}},
    "pairs_bad_target": {"status": 200, "results": {"pairs": {"deny": ["castle"]}}},
}


@pytest.mark.parametrize("message", GOOD.values(), ids=GOOD)
def test_good_commands_are_read_and_written_as_they_were(message: Any) -> None:
    assert json.loads(openc2.read_command(json.dumps(message).encode()).to_json()) == message


@pytest.mark.parametrize("message", BAD.values(), ids=BAD)
def test_bad_commands_are_refused(message: Any) -> None:
    with pytest.raises(BadMessageError) as refused:
        openc2.read_command(json.dumps(message).encode())
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"\xff", b'{"action":"deny"' + b"[" * 70_000], ids=["empty", "cut", "utf8", "large"]
)
def test_what_is_not_json_is_refused(raw: bytes) -> None:
    for read in (openc2.read_command, openc2.read_response, transfer.read_request, transfer.read_response):
        with pytest.raises(BadMessageError):
            read(raw)


@pytest.mark.parametrize("message", GOOD_RESPONSES.values(), ids=GOOD_RESPONSES)
def test_good_responses_are_read_and_written_as_they_were(message: Any) -> None:
    assert json.loads(openc2.read_response(json.dumps(message).encode()).to_json()) == message


@pytest.mark.parametrize("message", BAD_RESPONSES.values(), ids=BAD_RESPONSES)
def test_bad_responses_are_refused(message: Any) -> None:
    with pytest.raises(BadMessageError):
        openc2.read_response(json.dumps(message).encode())


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.dictionaries(
    st.sampled_from(["action", "target", "args", "features", "status", "results", "body", "openc2"]) | st.text(),
    inner) | st.lists(inner), max_leaves=12))  # fmt: skip
def test_whatever_comes_it_is_read_or_refused(value: Any) -> None:
    for read in (openc2.read_command, openc2.read_response, transfer.read_request, transfer.read_response):
        with contextlib.suppress(BadMessageError):
            read(json.dumps(value).encode())


# ---- over HTTPS ------------------------------------------------------------------------------------------


def test_a_message_comes_over_as_it_was() -> None:
    command = openc2.read_command(json.dumps(GOOD["slpf_example_deny_ipv6net"]).encode())
    headers = transfer.Headers(request_id="d1ac0489", created=1_600_000_000_000, from_="kr", to=["edge"])
    assert transfer.read_request(transfer.request(command, headers)) == (command, headers)
    answer = openc2.Response(status=200, results={"slpf": {"rule_number": 7}})
    assert transfer.read_response(transfer.response(answer, headers)) == (answer, headers)


def test_a_command_without_anything_around_it_is_read_too() -> None:
    command, headers = transfer.read_request(json.dumps(query()).encode())
    assert (command.action, headers.request_id) == ("query", "")


@pytest.mark.parametrize("body", [{"openc2": {"response": {"status": 200}}}, {"openc2": {}}, {"other": 1}, []])
def test_a_body_that_is_no_request_is_refused(body: Any) -> None:
    with pytest.raises(BadMessageError):
        transfer.read_request(json.dumps({"headers": {"request_id": "a"}, "body": body}).encode())


# ---- what is done of it here -----------------------------------------------------------------------------

THINGS = {
    "ipv4:192.0.2.7": deny(ipv4_net="192.0.2.7"),
    "ipv4:192.0.2.0/24": deny(ipv4_net="192.0.2.9/24"),
    "ipv6:2001:db8::1": deny(ipv6_net="2001:DB8::1"),
    "domain:evil.example": deny(domain_name="Evil.Example."),
    "domain:xn--oj4bp8e.example": deny(idn_domain_name="악성.example"),
    "url:http://evil.example/a": deny(uri="HTTP://evil.example:80/a"),
    "ipv4:198.51.100.4": deny(ipv4_connection={"dst_addr": "198.51.100.4"}),
}


@pytest.mark.parametrize(("key", "message"), THINGS.items(), ids=THINGS)
def test_what_a_command_is_about(key: str, message: Any) -> None:
    command = openc2.read_command(json.dumps(message).encode())
    assert profiles.things_of(command) == [key]
    assert profiles.things_of(profiles.deny(key, until=9_000_000_000, command_id="a")) == [key]


def test_a_set_of_things_is_one_command() -> None:
    for written in (["192.0.2.7", "evil.example", "http://a.example/x"], "192.0.2.7, evil.example\nhttp://a.example/x"):
        command = openc2.read_command(json.dumps(deny(**{"x-katchi:things": written})).encode())
        assert profiles.things_of(command) == ["ipv4:192.0.2.7", "domain:evil.example", "url:http://a.example/x"]
    for bad in ([], "", [7], ["not a thing"], "192.0.2.7; rm -rf", {"a": 1}, ["192.0.2.7"] * 10_001):
        with pytest.raises(BadMessageError):
            profiles.things_of(openc2.read_command(json.dumps(deny(**{"x-katchi:things": bad})).encode()))


NOT_DONE = {
    "allow": {"action": "allow", "target": {"ipv4_net": "192.0.2.7"}},
    "a file": deny(file={"hashes": {"md5": MD5}}),
    "a port": deny(ipv4_connection={"dst_addr": "192.0.2.7", "dst_port": 80}),
    "two ends": deny(ipv4_connection={"dst_addr": "192.0.2.7", "src_addr": "192.0.2.8"}),
    "one way": {**deny(ipv4_net="192.0.2.7"), "args": {"slpf": {"direction": "ingress"}}},
    "false answers": {**deny(ipv4_net="192.0.2.7"), "args": {"slpf": {"drop_process": "false_ack"}}},
    "another actuator": {**deny(ipv4_net="192.0.2.7"), "actuator": {"x-dns": {}}},
}


@pytest.mark.parametrize("message", NOT_DONE.values(), ids=NOT_DONE)
def test_what_is_not_done_here_is_said_and_not_done_by_half(message: Any) -> None:
    with pytest.raises(NotDoneError) as refused:
        profiles.things_of(openc2.read_command(json.dumps(message).encode()))
    assert refused.value.status == 501


SECOND = 1_000_000


@pytest.mark.parametrize(
    ("args", "until"),
    [({}, 1060 * SECOND), ({"duration": 5000}, 1005 * SECOND), ({"stop_time": 1_010_000}, 1010 * SECOND),
     ({"start_time": 900_000, "duration": 5000}, 1005 * SECOND)],
)  # fmt: skip
def test_how_long_a_command_lasts(args: dict[str, int], until: int) -> None:
    command = openc2.read_command(
        json.dumps({**deny(ipv4_net="192.0.2.7"), **({"args": args} if args else {})}).encode()
    )
    assert profiles.lasts(command, now=1000 * SECOND, otherwise=60 * SECOND, at_most=3600 * SECOND) == until


@pytest.mark.parametrize(
    "args", [{"duration": 3_600_001}, {"stop_time": 999_000}, {"start_time": 1_100_000}, {"duration": 0}]
)
def test_a_time_that_cannot_be_is_refused(args: dict[str, int]) -> None:
    command = openc2.read_command(json.dumps({**deny(ipv4_net="192.0.2.7"), "args": args}).encode())
    with pytest.raises(BadMessageError):
        profiles.lasts(command, now=1000 * SECOND, otherwise=60 * SECOND, at_most=3600 * SECOND)


def test_what_can_be_done_is_told_to_who_asks() -> None:
    said = profiles.features(["versions", "profiles", "pairs"])
    read = openc2.read_response(said.to_json())
    assert read.results["profiles"] == ["slpf", "x-dns", "x-katchi"]
    assert "ipv4_net" in read.results["pairs"]["deny"]
    assert set(read.results["pairs"]) <= set(ACTIONS)
    assert profiles.features([]).to_json() == b'{"status":200}'

"""What a playbook may say of a request, and where it goes: rules, without a server."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from katchi.respond import shell
from katchi.respond.blocking import Mandate
from katchi.respond.cacao import Command
from katchi.respond.calling import BadCallError, Plan, Settings, below, plan, trouble_of
from katchi.respond.machine import Order
from katchi.respond.shell import ShellError

BASE = "https://tickets.example:8443/api"
MANDATE = Mandate("response")
NOW = 1_700_000_000_000_000


def order(command: str, *, kind: str = "http-api", **more: Any) -> Order:
    return Order("k" * 64, "action--1", "ask", Command(type=kind, command=command, **more), {"name": "desk"}, None)


def planned(asked: Order, *services: Settings, mandate: Mandate = MANDATE) -> Plan:
    known = services or (Settings(name="desk", url=BASE),)
    return plan(asked, mandate, known, playing=lambda _: [each.name for each in known], now=NOW)


BELOW = {
    "/": f"{BASE}/", "/incidents": f"{BASE}/incidents", "/a?b=c&d=%2F..": f"{BASE}/a?b=c&d=%2F..",
    "/a%20b/%ED%95%9C": f"{BASE}/a%20b/%ED%95%9C", f"{BASE}/incidents?x=1": f"{BASE}/incidents?x=1",
    "HTTPS://Tickets.Example:8443/api/x": f"{BASE}/x", "/a..b/...": f"{BASE}/a..b/...",
}  # fmt: skip


@pytest.mark.parametrize(("target", "expected"), BELOW.items())
def test_a_request_goes_below_the_address_of_its_service(target: str, expected: str) -> None:
    assert below(BASE, target) == expected


ELSEWHERE = [
    "/..", "/../admin", "/a/../../admin", "/%2e%2e/admin", "/%2E./admin", "/.%2e/admin", "/%252e%252e/admin",
    "/%25252e%25252e/a", "/..%2fadmin", "/a%2f..%2fb", "/..%5cadmin", "/a\\..\\b", "/..;/admin", "/..%3b/admin",
    "/./x", "/a/%2e", "//evil.example/x", "/a%0d%0aHost:%20evil", "/a%00", "/a%0a", "/a%zz", "/a%", "/a#b", "a", "",
    "http://tickets.example:8443/api/x", "https://tickets.example/api/x", "https://evil.example/api/x",
    "https://tickets.example:8443@evil.example/api", "https://evil@tickets.example:8443/api/x",
    "https://tickets.example:8443/other", "https://tickets.example:8443/apix", "https://tickets.example:8443/api/../x",
    "https://tickets.example.:8443/api/x", "file:///etc/passwd", "gopher://tickets.example/", "https:/api/x",
    "http://169.254.169.254/latest", "http://[::1", "https://tickets.example:99999/api", "/%" + "25" * 9 + "2e",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nothing_goes_anywhere_else(target: str) -> None:
    with pytest.raises(BadCallError):
        below(BASE, target)


@pytest.mark.parametrize(
    "line", ["", "GET", "get /a HTTP/1.1", "TRACE /a HTTP/1.1", "CONNECT a:1 HTTP/1.1", "GET /a b HTTP/1.1",
             "GET /a HTTP/1.1\r\nX: y", "GET /a\nX", "GET /한 HTTP/1.1", "DELETE /a HTTP/1.1"]
)  # fmt: skip
def test_what_is_no_request_or_not_allowed_is_not_sent(line: str) -> None:
    with pytest.raises(BadCallError):
        planned(order(line))


@pytest.mark.parametrize(
    "name", ["Host", "Authorization", "Proxy-Authorization", "Cookie", "Content-Length", "Transfer-Encoding",
             "Connection", "Upgrade", "Expect", "Te", "Idempotency-Key", "X-Forwarded-For", "X-Original-URL",
             "X-HTTP-Method-Override", "X-Api-Key", "X-Ours", "X Y", "X-Y:", "", "Forwarded"]
)  # fmt: skip
def test_headers_by_which_others_are_told_who_asks_are_not_a_playbook_s(name: str) -> None:
    service = Settings(name="desk", url=BASE, header="X-Ours")
    with pytest.raises(BadCallError):
        planned(order("GET /a HTTP/1.1", headers={name: ["x"]}), service)


@pytest.mark.parametrize("value", ["a\r\nHost: evil", "a\nb", "a\0", "한", "x" * 5000])
def test_a_header_s_value_is_one_line_of_ascii(value: str) -> None:
    with pytest.raises(BadCallError):
        planned(order("GET /a HTTP/1.1", headers={"X-Case": [value]}))


def test_a_plan_says_what_is_sent_and_no_secret() -> None:
    asked = order(
        "POST /incidents HTTP/1.1", content='{"a": 1}', headers={"X-Case": ["7", "8"], "Accept": ["text/plain"]}
    )
    found = planned(asked, Settings(name="desk", url=BASE, secret_file="desk.secret"))
    assert (found.request.method, found.request.url) == ("POST", f"{BASE}/incidents")
    assert found.request.headers == {"x-case": "7, 8", "accept": "text/plain", "content-type": "application/json"}
    assert found.request.body == b'{"a": 1}'
    with pytest.raises(BadCallError):
        planned(order("POST / HTTP/1.1", content="x" * 1_048_577))


def test_one_service_is_asked_and_in_an_exercise_a_simulated_one() -> None:
    real, other = Settings(name="desk", url=BASE), Settings(name="other", url=BASE)
    play = Settings(name="play", simulated=True)
    exercise = Mandate("response", is_exercise=True)
    assert planned(order("GET / HTTP/1.1"), real, play).service is real
    assert planned(order("GET / HTTP/1.1"), real, play, mandate=exercise).service is play
    assert planned(order("GET / HTTP/1.1"), play).service is play
    with pytest.raises(BadCallError, match="Several"):
        planned(order("GET / HTTP/1.1"), real, other)
    with pytest.raises(BadCallError, match="simulated"):
        planned(order("GET / HTTP/1.1"), real, mandate=exercise)
    with pytest.raises(BadCallError, match="No service"):
        plan(order("GET / HTTP/1.1"), MANDATE, [real], playing=lambda _: [], now=NOW)
    with pytest.raises(BadCallError, match="over"):
        planned(order("GET / HTTP/1.1"), real, mandate=Mandate("response", until=NOW))


GOOD = ["https://tickets.example", "https://tickets.example/a/b", "http://127.0.0.1:9000", "http://localhost:9000/x",
        "http://[::1]:9000", "https://10.0.0.7", "https://192.168.1.1:8443"]  # fmt: skip
BAD = {
    "http://tickets.example": "plain http", "http://10.0.0.7": "plain http", "ftp://tickets.example": "https://",
    "tickets.example": "https://", "https://": "https://", "https://a@tickets.example": "https://",
    "https://tickets.example/a?b": "https://", "https://tickets.example/a#b": "https://", "https://[": "read",
    "https://tickets.example:99999": "read", "https://tickets.example/a/../b": "plain",
    "https://tickets.example/a b": "plain", "https://169.254.169.254/latest": "means", "https://[fe80::1]": "means",
    "https://[fd00:ec2::254]": "means", "https://[::ffff:169.254.169.254]": "means", "https://2852039166": "means",
    "https://0251.0376.0251.0376": "means", "https://0xa9fea9fe": "means", "https://metadata.google.internal": "means",
    "http://127.0.0.1:8471": "itself", "http://localhost:8471/x": "itself", "http://127.9.9.9:8471": "itself",
    "http://[::1]:8471": "itself", "https://kr.example": "itself", "https://KR.example:443/x": "itself",
}  # fmt: skip


@pytest.mark.parametrize("url", GOOD)
def test_a_service_may_be_where_its_operator_says(url: str) -> None:
    assert trouble_of(Settings(name="desk", url=url), "127.0.0.1:8471", "https://kr.example") == ""


@pytest.mark.parametrize(("url", "why"), BAD.items())
def test_some_addresses_are_never_a_service_s(url: str, why: str) -> None:
    assert why in trouble_of(Settings(name="desk", url=url), "127.0.0.1:8471", "https://kr.example")


def test_methods_and_header_names_are_those_of_http() -> None:
    bad_method, bad_header = Settings(name="d", methods=("TRACE",)), Settings(name="d", header="a b")
    assert trouble_of(bad_method, "127.0.0.1:8471", "https://kr.example") == "there is no method TRACE"
    assert "header" in trouble_of(bad_header, "127.0.0.1:8471", "https://kr.example")


# ---- shells ----------------------------------------------------------------------------------------------

BASH = shell.Settings(name="sh", types=("bash",), command=("bash", "-c"))


def run_plan(text: str, mandate: Mandate = MANDATE, *shells: shell.Settings) -> shell.Plan:
    known = shells or (BASH,)
    names = [each.name for each in known]
    return shell.plan(order(text, kind="bash"), mandate, known, playing=lambda _: names, now=NOW)


def test_a_command_is_the_last_argument() -> None:
    assert run_plan("echo 1; echo 2").arguments == ("bash", "-c", "echo 1; echo 2")


@pytest.mark.parametrize("text", ["-oProxyCommand=evil", " -v", "\n-x", "a\0b", "x" * 100_001])
def test_what_the_program_would_take_for_something_else_is_not_run(text: str) -> None:
    with pytest.raises(ShellError):
        run_plan(text)


@pytest.mark.parametrize(
    "mandate",
    [Mandate("r", is_partners=True), Mandate("r", is_exercise=True), Mandate("r", until=NOW)],
)
def test_nothing_is_run_for_a_partner_in_an_exercise_or_afterwards(mandate: Mandate) -> None:
    with pytest.raises(ShellError):
        run_plan("true", mandate)


def test_one_shell_of_the_type_runs_it() -> None:
    ssh = shell.Settings(name="edge", types=("ssh",), command=("ssh", "edge"))
    assert run_plan("true", MANDATE, BASH, ssh).shell is BASH
    with pytest.raises(ShellError):
        run_plan("true", MANDATE, ssh)
    with pytest.raises(ShellError):
        run_plan("true", MANDATE, BASH, msgspec.structs.replace(BASH, name="sh2"))

"""Commands of OpenC2 to others: what a consumer is sent, and what becomes of it when the way there is bad."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from katchi.respond.actuator import Actuator, ActuatorError
from katchi.respond.actuators import open_actuator, openc2_https
from katchi.respond.actuators.openc2_https import Settings
from tests.commanded import COMMANDERS_SECRET, NOW, a_commanded_node, blocked_at
from tests.servers import Reply, serving

HOUR = 3_600_000_000
ONE, TWO, NAME = "ipv4:192.0.2.7", "ipv4:192.0.2.8", "domain:evil.example"


def opened(folder: Path, url: str, profile: Any = "slpf", **more: Any) -> Actuator:
    (folder / "token").write_text(COMMANDERS_SECRET)
    return open_actuator(Settings(name="there", url=url, token_file="token", profile=profile, **more), folder)


def test_another_katchi_blocks_what_we_want_and_lets_go_of_it(tmp_path: Path) -> None:
    with a_commanded_node(tmp_path / "there") as node:
        device = opened(tmp_path, node.settings.url)
        device.apply({ONE: NOW + HOUR, TWO: NOW + HOUR}, (), now=NOW)
        assert blocked_at(node) == {ONE, TWO}
        assert {each.until for each in node.store.leases.in_force()} == {NOW + HOUR}
        device.apply({ONE: NOW + 2 * HOUR}, {TWO}, now=NOW)
        assert blocked_at(node) == {ONE}
        assert {each.until for each in node.store.leases.in_force()} == {NOW + 2 * HOUR}
        names = opened(tmp_path, node.settings.url, "x-dns")
        (tmp_path / "openc2-there.json").unlink()  # the notes are lost: what was commanded ends by itself
        names.apply({NAME: NOW + HOUR}, (), now=NOW)
        assert blocked_at(node) == {ONE, NAME}


def test_of_a_set_one_thing_is_taken_back_and_the_others_stay(tmp_path: Path) -> None:
    with a_commanded_node(tmp_path / "there") as node:
        device = opened(tmp_path, node.settings.url, "x-katchi")
        device.apply(dict.fromkeys([ONE, TWO, NAME], NOW + HOUR), (), now=NOW)
        assert len({each.order_key for each in node.store.leases.in_force()}) == 1
        device.apply({}, {TWO}, now=NOW)
        assert blocked_at(node) == {ONE, NAME}
        assert device.read(NOW) == {ONE: NOW + HOUR, NAME: NOW + HOUR}


def test_over_tls_only_who_is_trusted_is_told_the_token(tmp_path: Path) -> None:
    with a_commanded_node(tmp_path / "there", secure=True) as node:
        with pytest.raises(ActuatorError, match="does not answer"):
            opened(tmp_path, node.settings.url).apply({ONE: NOW + HOUR}, (), now=NOW)
        (tmp_path / "ca.pem").write_bytes(node.certificate)
        opened(tmp_path, node.settings.url, ca="ca.pem").apply({ONE: NOW + HOUR}, (), now=NOW)
        assert blocked_at(node) == {ONE}


def test_what_is_refused_is_said_and_not_noted_as_done(tmp_path: Path) -> None:
    with a_commanded_node(tmp_path / "there") as node:
        device = opened(tmp_path, node.settings.url)
        with pytest.raises(ActuatorError, match="403"):
            device.apply({ONE: NOW + HOUR, "ipv4:10.0.0.1": NOW + HOUR}, (), now=NOW)
        assert device.read(NOW) == {ONE: NOW + HOUR}
        (tmp_path / "token").write_text("another token")
        with pytest.raises(ActuatorError, match="401"):
            device.apply({TWO: NOW + HOUR}, (), now=NOW)


# ---- a consumer that is not well -------------------------------------------------------------------------


@contextmanager
def consumer(answer: Callable[[dict[str, Any]], tuple[int, bytes]]) -> Iterator[tuple[str, list[Any]]]:
    """A consumer that answers so, and what it was sent."""
    sent: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sent.append((self.path, dict(self.headers), message))
            status, body = answer(message["body"]["openc2"]["request"])
            if not status:
                return  # the connection breaks
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", sent
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def response(status: int, **results: Any) -> tuple[int, bytes]:
    said = {"status": status, **({"results": results} if results else {})}
    return status, json.dumps({"body": {"openc2": {"response": said}}}).encode()


def test_a_command_is_sent_as_the_specification_has_it(tmp_path: Path) -> None:
    with consumer(lambda _: response(200, slpf={"rule_number": 1234})) as (url, sent):
        device = opened(tmp_path, url)
        device.apply({ONE: NOW + HOUR}, (), now=NOW)
        device.apply({}, {ONE}, now=NOW)
    (path, headers, first), (_, _, last) = sent
    assert (path, headers["Authorization"]) == ("/.well-known/openc2", f"Bearer {COMMANDERS_SECRET}")
    assert headers["Content-Type"] == headers["Accept"] == "application/openc2+json;version=1.0"
    command = first["body"]["openc2"]["request"]
    assert headers["X-Request-ID"] == first["headers"]["request_id"] == command["command_id"]
    assert (command["action"], command["target"]) == ("deny", {"ipv4_net": "192.0.2.7"})
    assert command["args"] == {"stop_time": (NOW + HOUR) // 1000, "response_requested": "complete"}
    assert last["body"]["openc2"]["request"]["target"] == {"slpf:rule_number": 1234}


BAD = {
    "breaks": (0, b""), "is elsewhere": (302, b""), "says nothing": (200, b""), "is a page": (200, b"<html>"),
    "is endless": (200, b" " * 200_000), "is not done": response(501), "is broken": response(500),
}  # fmt: skip


@pytest.mark.parametrize("answer", BAD.values(), ids=BAD)
def test_a_bad_answer_is_an_error_and_no_block(tmp_path: Path, answer: tuple[int, bytes]) -> None:
    with consumer(lambda _: answer) as (url, sent):
        device = opened(tmp_path, url)
        with pytest.raises(ActuatorError) as failed:
            device.apply({ONE: NOW + HOUR}, (), now=NOW)
        assert device.read(NOW) == {}
        assert COMMANDERS_SECRET not in str(failed.value)
        assert {path for path, _, _ in sent} == {"/.well-known/openc2"}


def test_a_command_whose_answer_was_lost_is_sent_again_by_the_same_name(tmp_path: Path) -> None:
    answers = iter([(0, b""), response(200, slpf={"rule_number": 7}), response(200)])
    with consumer(lambda _: next(answers)) as (url, sent):
        device = opened(tmp_path, url)
        with pytest.raises(ActuatorError):
            device.apply({ONE: NOW + HOUR}, (), now=NOW)
        device.apply({ONE: NOW + HOUR}, (), now=NOW)
        assert device.read(NOW) == {ONE: NOW + HOUR}
        device.apply({}, {ONE}, now=NOW)
    first, again, last = [message["body"]["openc2"]["request"] for _, _, message in sent]
    assert first == again
    assert last["target"] == {"slpf:rule_number": 7}


def test_without_a_number_a_block_stays_until_its_end(tmp_path: Path) -> None:
    with consumer(lambda _: response(200)) as (url, _):
        device = opened(tmp_path, url)
        device.apply({ONE: NOW + HOUR}, (), now=NOW)
        with pytest.raises(ActuatorError, match="no number"):
            device.apply({}, {ONE}, now=NOW)
        assert device.read(NOW + 2 * HOUR) == {}


def number_of(command: dict[str, Any]) -> tuple[int, bytes]:
    """Refuses whatever has TWO in it, and does all else."""
    if "192.0.2.8" in str(command["target"]):
        return response(403)
    profile = "x-katchi" if "x-katchi" in str(command["target"]) else "slpf"
    return response(200, **{profile: {"rule_number": 7}})


@pytest.mark.parametrize("profile", ["slpf", "x-katchi"])
def test_one_thing_that_is_refused_keeps_no_other_from_being_done(tmp_path: Path, profile: str) -> None:
    three = "ipv4:192.0.2.9"
    with consumer(number_of) as (url, sent):
        device = opened(tmp_path, url, profile)
        device.apply({ONE: NOW + HOUR}, (), now=NOW)
        with pytest.raises(ActuatorError, match="403"):
            device.apply({TWO: NOW + HOUR, three: NOW + HOUR}, {ONE}, now=NOW)
        assert device.read(NOW) == {three: NOW + HOUR}
    assert sent[-1][2]["body"]["openc2"]["request"]["action"] == "delete"


def test_a_later_end_that_is_refused_leaves_the_one_before(tmp_path: Path) -> None:
    answers = iter([response(200, slpf={"rule_number": 7}), response(403)])
    with consumer(lambda _: next(answers)) as (url, _):
        device = opened(tmp_path, url)
        device.apply({ONE: NOW + HOUR}, (), now=NOW)
        with pytest.raises(ActuatorError, match="403"):
            device.apply({ONE: NOW + 2 * HOUR}, (), now=NOW)
        assert device.read(NOW) == {ONE: NOW + HOUR}


def test_headers_that_drip_have_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openc2_https, "SECONDS", 0.3)
    with serving(lambda _: Reply(raw=drip)) as server:
        device = opened(tmp_path, server.url)
        began = time.monotonic()
        with pytest.raises(ActuatorError, match="does not answer"):
            device.apply({ONE: NOW + HOUR}, (), now=NOW)
    assert time.monotonic() - began < 2


def drip(out: Any) -> None:
    """One header after another, for three seconds."""
    out.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(30):
        out.write(f"X-{number}: x\r\n".encode())
        time.sleep(0.1)


@pytest.mark.parametrize(
    "url", ["http://fw.example", "ftp://fw.example", "https://", "https://a:b@fw.example", "https://fw.example/?a=b",
            "https://fw.example/#a", "https://fw .example", "https://fw.example:99999", "nothing"],
)  # fmt: skip
def test_an_address_that_is_not_safe_is_refused(tmp_path: Path, url: str) -> None:
    with pytest.raises(ActuatorError, match=r"address|Plain HTTP"):
        opened(tmp_path, url).apply({ONE: NOW + HOUR}, (), now=NOW)


def test_what_it_needs_must_be_there(tmp_path: Path) -> None:
    device = opened(tmp_path, "http://127.0.0.1:9")
    (tmp_path / "token").write_text("\n")
    with pytest.raises(ActuatorError, match="token"):
        device.apply({ONE: NOW}, (), now=NOW)
    (tmp_path / "token").unlink()
    with pytest.raises(ActuatorError, match="token"):
        device.apply({ONE: NOW}, (), now=NOW)
    (tmp_path / "openc2-there.json").write_text("{")
    with pytest.raises(ActuatorError, match=r"openc2-there\.json"):
        device.read(NOW)

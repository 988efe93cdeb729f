"""What every carrier must do, asked of each: a real HTTP server on loopback, a real bash, a stand-in for ssh."""

from __future__ import annotations

import json
import shutil
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.errors import KatchiError
from katchi.exchange import tls
from katchi.respond import calling, connecting, shell
from katchi.respond.blocking import Mandate
from katchi.respond.cacao import Command, Variable, variables
from katchi.respond.calling import UNKNOWN, Caller
from katchi.respond.carrier import Carrier, Result
from katchi.respond.connecting import NoAnswerError, NotSentError
from katchi.respond.machine import Order
from katchi.respond.shell import Shell, ShellError
from tests.nodes import until
from tests.servers import Asked, Reply, Server, serving

NOW = 1_700_000_000_000_000
BASH = shutil.which("bash") or ""


def order(kind: str, command: str, *wanted: str, key: str = "k" * 64, **more: Any) -> Order:
    agent = {"name": "desk", "type": "security-category"}
    return Order(key, "action--1", "ask", Command(type=kind, command=command, **more), agent, None, {}, "", wanted)


@dataclass
class Case:
    """A carrier with orders that it does well and badly, one that it may do again, and one that it may not."""

    make: Callable[[Mandate], Carrier]
    good: Order
    bad: Order
    effects: Callable[[], int]
    again: Order | None
    never_again: Order

    @property
    def carrier(self) -> Carrier:
        return self.make(Mandate("response"))


def made_caller(folder: Path) -> Iterator[Case]:
    def answer(asked: Asked) -> Reply:
        return Reply(b'{"ticket": "T-1"}', 500 if asked.path == "/no" else 201)

    with serving(answer) as server:
        service = calling.Settings(name="desk", url=server.url)
        yield Case(
            lambda mandate: a_caller(folder, service, mandate=mandate),
            order("http-api", "POST /yes HTTP/1.1", "__ticket__", content="{}"),
            order("http-api", "POST /no HTTP/1.1"), lambda: len(server.asked),
            order("http-api", "PUT /yes HTTP/1.1"), order("http-api", "POST /yes HTTP/1.1"),
        )  # fmt: skip


def made_bash(folder: Path) -> Iterator[Case]:
    done = folder / "done"
    settings = shell.Settings(name="sh", types=("bash",), command=(BASH, "-c"))
    yield Case(
        lambda mandate: a_shell(settings, mandate), order("bash", f"echo T-1 | tee -a {done}", "__ticket__"),
        order("bash", "exit 3"), lambda: len(done.read_text().splitlines()) if done.exists() else 0, None,
        order("bash", "true"),
    )  # fmt: skip


def made_ssh(folder: Path) -> Iterator[Case]:
    done, program = folder / "done", folder / "ssh"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" >> {done}\n[ "$2" = no ] && exit 255\necho T-1\n')
    program.chmod(0o700)
    settings = shell.Settings(name="edge", types=("ssh",), command=(str(program), "ops@edge"))
    yield Case(
        lambda mandate: a_shell(settings, mandate), order("ssh", "reload all", "__ticket__"), order("ssh", "no"),
        lambda: len(done.read_text().splitlines()) if done.exists() else 0, None, order("ssh", "reload all"),
    )  # fmt: skip


def a_caller(folder: Path, *services: calling.Settings, mandate: Mandate | None = None, **more: Any) -> Caller:
    return Caller(
        services, folder, lambda: NOW, own_port=more.pop("own_port", 1), playing=lambda _: [services[0].name],
        mandate=lambda _: mandate or Mandate("response"), **more,
    )  # fmt: skip


def a_shell(settings: shell.Settings, mandate: Mandate | None = None, **more: Any) -> Shell:
    return Shell(
        [settings], lambda: NOW, playing=lambda _: [settings.name], mandate=lambda _: mandate or Mandate("r"), **more
    )


MADE = {"http-api": made_caller, "bash": made_bash, "ssh": made_ssh}


@pytest.fixture(params=MADE)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    yield from MADE[request.param](tmp_path)


def test_it_does_what_it_is_ordered_and_tells_what_was_asked_for(case: Case) -> None:
    assert case.carrier.act(case.good) == Result(True, out={"__ticket__": "T-1"})
    assert case.effects() == 1


def test_what_goes_wrong_is_a_failure_with_its_reason(case: Case) -> None:
    result = case.carrier.act(case.bad)
    assert not result.is_good
    assert result.reason


def test_after_a_crash_only_what_leaves_one_effect_is_done_again(case: Case) -> None:
    if case.again is not None:
        assert case.carrier.probe(case.again) is None
    assert case.carrier.probe(case.never_again) == Result(False, UNKNOWN)
    assert case.effects() == 0


def test_it_can_be_stopped_at_any_time(case: Case) -> None:
    case.carrier.stop(case.good)
    assert case.effects() == 0


@pytest.mark.parametrize("mandate", [Mandate("r", until=NOW), Mandate("r", is_exercise=True)])
def test_nothing_real_is_done_after_a_response_or_in_an_exercise(case: Case, mandate: Mandate) -> None:
    with pytest.raises(KatchiError):
        case.make(mandate).act(case.good)
    assert case.effects() == 0


# ---- services --------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda _: Reply(b"{}", 200)) as made:
        yield made


def test_a_service_is_asked_with_a_key_and_a_secret_and_nothing_of_our_own(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "desk.secret").write_text("Bearer 1234\n")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    service = calling.Settings(name="desk", url=f"{server.url}/api", secret_file="desk.secret")
    asked = order("http-api", "POST /incidents?x=1 HTTP/1.1", content='{"a": "한"}', headers={"X-Case": ["7"]})
    assert a_caller(tmp_path, service).act(asked).is_good
    (one,) = server.asked
    assert (one.method, one.path, one.query) == ("POST", "/api/incidents", {"x": "1"})
    assert json.loads(one.body) == {"a": "한"}
    assert one.headers["idempotency-key"] == asked.key
    assert one.headers["authorization"] == "Bearer 1234"
    assert one.headers["x-case"] == "7"
    assert "1234" not in repr(calling.plan(asked, Mandate("r"), [service], playing=lambda _: ["desk"], now=NOW))


OUT: dict[str, tuple[bytes, tuple[str, ...], dict[str, str] | None]] = {
    "members": (b'{"id": 7, "name": "T", "x": 1}', ("__id__", "__name__"), {"__id__": "7", "__name__": "T"}),
    "truths and more": (
        b'{"a": true, "b": {"c": [1]}, "d": null}', ("__a__", "__b__", "__d__"), {"__a__": "true", "__b__": '{"c":[1]}'}
    ),
    "all of the text": (b"T-7", ("__id__",), {"__id__": "T-7"}),
    "a list is a text": (b'["a"]', ("__id__",), {"__id__": '["a"]'}),
    "not among the members": (b'{"a": 1}', ("__id__",), {"__id__": '{"a": 1}'}),
    "several and no members": (b"T-7", ("__id__", "__name__"), {}),
    "nobody asked": (b"\xff\xfe", (), {}),
    "no text": (b"\xff\xfe", ("__id__",), None),
    "deeper than we go": (b"[" * 60_000, ("__id__",), {"__id__": "[" * 60_000}),
    "too long": (b"x" * 65_537, ("__id__",), None),
    "too long a member": (b'{"id": "' + b"x" * 65_537 + b'"}', ("__id__",), None),
    "larger than anybody takes": (b"x" * 1_048_577, ("__id__",), None),
}  # fmt: skip


@pytest.mark.parametrize(("body", "wanted", "out"), OUT.values(), ids=OUT)
def test_what_is_answered_becomes_values(
    server: Server, tmp_path: Path, body: bytes, wanted: tuple[str, ...], out: dict[str, str] | None
) -> None:
    server.answer = lambda _: Reply(body)
    result = a_caller(tmp_path, calling.Settings(name="d", url=server.url)).act(
        order("http-api", "GET / HTTP/1.1", *wanted)
    )
    assert (result.is_good, result.out) == (out is not None, out or {})


def test_a_redirect_is_not_followed(server: Server, tmp_path: Path) -> None:
    server.answer = lambda _: Reply(status=302, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    result = a_caller(tmp_path, calling.Settings(name="desk", url=server.url)).act(order("http-api", "GET / HTTP/1.1"))
    assert not result.is_good
    assert "302" in result.reason
    assert len(server.asked) == 1


def test_a_packed_answer_is_not_unpacked(server: Server, tmp_path: Path) -> None:
    server.answer = lambda _: Reply(b"\x1f\x8b", headers={"Content-Encoding": "gzip"})
    caller = a_caller(tmp_path, calling.Settings(name="desk", url=server.url))
    assert not caller.act(order("http-api", "GET / HTTP/1.1", "__x__")).is_good
    assert caller.act(order("http-api", "GET / HTTP/1.1")).is_good


RESOLVED = ("169.254.169.254", "fe80::1", "::ffff:169.254.169.254", "fd00:ec2::254", "0.0.0.0", "10.1.2.3", "8.8.8.8")


@pytest.mark.parametrize("address", RESOLVED)
def test_a_name_that_leads_elsewhere_all_of_a_sudden_is_not_followed(
    server: Server, tmp_path: Path, address: str
) -> None:
    service = calling.Settings(name="desk", url=server.url.replace("127.0.0.1", "localhost"))
    caller = a_caller(tmp_path, service, resolve=lambda _host, _port: ["127.0.0.1", address])
    with pytest.raises(NotSentError, match="does not send"):
        caller.act(order("http-api", "GET / HTTP/1.1"))
    assert server.asked == []


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(server: Server, tmp_path: Path) -> None:
    answers = iter((["127.0.0.1"], ["169.254.169.254"]))
    service = calling.Settings(name="desk", url=server.url.replace("127.0.0.1", "localhost"))
    caller = a_caller(tmp_path, service, resolve=lambda _host, _port: next(answers))
    assert caller.act(order("http-api", "GET / HTTP/1.1")).is_good
    with pytest.raises(NotSentError):
        caller.act(order("http-api", "GET / HTTP/1.1"))


def test_a_name_that_leads_to_this_node_itself_is_not_followed(server: Server, tmp_path: Path) -> None:
    port = int(server.url.rpartition(":")[2])
    caller = a_caller(tmp_path, calling.Settings(name="desk", url=server.url), own_port=port)
    with pytest.raises(NotSentError, match="this node itself"):
        caller.act(order("http-api", "POST / HTTP/1.1"))
    assert server.asked == []
    assert connecting.is_this_machine("127.0.0.1")
    assert not connecting.is_this_machine("192.0.2.1")


def test_who_does_not_answer_in_time_leaves_it_unknown(tmp_path: Path) -> None:
    def drip(out: Any) -> None:
        out.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            out.write(b"x")
            out.flush()
            threading.Event().wait(0.05)

    with serving(lambda _: Reply(raw=drip)) as server:
        service = calling.Settings(name="desk", url=server.url, timeout=1)
        caller = a_caller(tmp_path, service)
        result = caller.act(order("http-api", "POST / HTTP/1.1"))
        assert not result.is_good
        assert result.reason.startswith(UNKNOWN)
        with pytest.raises(NoAnswerError):
            caller.act(order("http-api", "PUT / HTTP/1.1"))


def test_nobody_there_is_no_doubt(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    with pytest.raises(NotSentError):
        a_caller(tmp_path, calling.Settings(name="d", url=f"http://127.0.0.1:{port}")).act(
            order("http-api", "POST / HTTP/1.1")
        )


def test_a_service_s_certificate_is_that_of_its_authority(tmp_path: Path) -> None:
    made = tls.make_certificate("https://localhost", node_id="identity--1", now=NOW)
    (tmp_path / "ca.pem").write_bytes(made.certificate_pem)
    (tmp_path / "both.pem").write_bytes(made.certificate_pem + made.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")

    def answer(listening: socket.socket) -> None:
        for _ in range(2):
            plain, _ = listening.accept()
            try:
                with context.wrap_socket(plain, server_side=True) as talking:
                    talking.recv(65_536)
                    talking.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")
            except OSError:
                continue

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer, args=(listening,), daemon=True)
        thread.start()
        service = calling.Settings(name="desk", url=f"https://localhost:{listening.getsockname()[1]}", ca_file="ca.pem")
        ask = order("http-api", "GET / HTTP/1.1")
        with pytest.raises(NotSentError, match="CERTIFICATE"):
            a_caller(tmp_path, msgspec.structs.replace(service, ca_file="")).act(ask)
        assert a_caller(tmp_path, service).act(ask).is_good
        thread.join()
    with pytest.raises(KatchiError, match="authority"):
        a_caller(tmp_path, msgspec.structs.replace(service, ca_file="both.key")).act(ask)


def test_a_secret_that_is_none_is_not_sent_and_not_shown(server: Server, tmp_path: Path) -> None:
    service = calling.Settings(name="desk", url=server.url, secret_file="desk.secret")
    with pytest.raises(KatchiError, match=r"desk\.secret"):
        a_caller(tmp_path, service).act(order("http-api", "GET / HTTP/1.1"))
    (tmp_path / "desk.secret").write_text("Bearer 12\r\nX-Evil: 34")
    with pytest.raises(KatchiError) as refused:
        a_caller(tmp_path, service).act(order("http-api", "GET / HTTP/1.1"))
    assert "34" not in str(refused.value)
    assert server.asked == []


def test_a_simulated_service_notes_once_what_would_have_been_sent(tmp_path: Path) -> None:
    service = calling.Settings(name="play", url="https://tickets.example", simulated=True)
    caller = a_caller(tmp_path, service, mandate=Mandate("r", is_exercise=True))
    for _ in range(2):
        assert caller.act(order("http-api", "POST /incidents HTTP/1.1", content="{}")).is_good
    assert caller.probe(order("http-api", "PUT / HTTP/1.1")) is None
    (line,) = (tmp_path / "simulated-play.jsonl").read_text().splitlines()
    noted = json.loads(line)
    assert (noted["method"], noted["url"], noted["body"]) == ("POST", "https://tickets.example/incidents", "{}")


def test_a_post_is_sent_again_only_to_who_knows_it_again(tmp_path: Path) -> None:
    post = order("http-api", "POST / HTTP/1.1")
    for repeatable, expected in ((True, None), (False, Result(False, UNKNOWN))):
        service = calling.Settings(name="desk", url="http://127.0.0.1:9", repeatable=repeatable)
        assert a_caller(tmp_path, service).probe(post) == expected
    gone = Caller(
        [], tmp_path, lambda: NOW, own_port=1, playing=lambda _: [], mandate=lambda _: Mandate("r")
    ).probe(post)  # fmt: skip
    assert gone is not None
    assert gone.reason.startswith(UNKNOWN)


# ---- shells ----------------------------------------------------------------------------------------------


def sh(timeout: int = 20) -> shell.Settings:
    return shell.Settings(name="sh", types=("bash",), command=(BASH, "-c"), timeout=timeout)


def test_a_command_has_a_clean_environment_and_nothing_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KATCHI_SECRET", "1234")
    result = a_shell(sh()).act(order("bash", "cat; env; pwd", "__x__"))
    assert "1234" not in result.out["__x__"]
    assert {line.partition("=")[0] for line in result.out["__x__"].splitlines()} <= {
        "PATH", "LANG", "PWD", "SHLVL", "_", "OLDPWD", "/",
    }  # fmt: skip


def test_what_takes_too_long_or_is_not_wanted_any_more_ends_with_all_that_it_began(tmp_path: Path) -> None:
    for settings, wanted in ((sh(timeout=1), True), (sh(), False)):
        pids = tmp_path / "pids"
        command = f"sleep 600 & echo $! > {pids}; echo $$ >> {pids}; wait"
        result = a_shell(settings, is_wanted=lambda _, wanted=wanted: wanted).act(order("bash", command))
        assert not result.is_good
        assert UNKNOWN in result.reason
        for pid in pids.read_text().split():
            until(lambda pid=pid: not is_alive(int(pid)))  # type: ignore[misc]


def test_nothing_of_a_command_goes_on_after_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    assert a_shell(sh()).act(order("bash", f"sleep 600 & echo $! > {pids}")).is_good
    until(lambda: not is_alive(int(pids.read_text())))


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_is_written_is_limited_and_what_fails_says_why() -> None:
    run = a_shell(sh())
    assert run.act(order("bash", "head -c 50000000 /dev/zero | tr '\\0' x")).is_good
    assert not run.act(order("bash", "head -c 300000 /dev/zero | tr '\\0' x", "__x__")).is_good
    assert run.act(order("bash", "printf 'a\\nb\\n'", "__x__")).out == {"__x__": "a\nb"}
    assert run.act(order("bash", "echo a", "__x__", "__y__")).out == {}
    failed = run.act(order("bash", "echo why >&2; exit 7"))
    assert failed.reason == "sh: exit status 7: why"
    with pytest.raises(ShellError, match="no such program"):
        a_shell(shell.Settings(name="x", types=("bash",), command=("/no/such/program",))).act(order("bash", "true"))


def test_ssh_gets_one_argument_more_and_never_an_option(tmp_path: Path) -> None:
    program, said = tmp_path / "ssh", tmp_path / "said"
    program.write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > {said}\n')
    program.chmod(0o700)
    settings = shell.Settings(name="edge", types=("ssh",), command=(str(program), "-o", "BatchMode=yes", "ops@edge"))
    assert a_shell(settings).act(order("ssh", "nft list ruleset; id")).is_good
    assert said.read_text().split("\0")[:-1] == ["-o", "BatchMode=yes", "ops@edge", "nft list ruleset; id"]
    with pytest.raises(ShellError):
        a_shell(settings).act(order("ssh", "-oProxyCommand=id"))


VALUES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40) | st.sampled_from(
    ["$(id)", "`id`", "'; id; '", '"; id; "', "\\'; id #", "a\nid\n", "${IFS}", "!!", "~root", "*", "{a,b}", "-n", ""]
)  # fmt: skip


@given(first=VALUES, second=VALUES)
def test_a_value_is_one_word_to_a_real_bash_whatever_it_says(first: str, second: str) -> None:
    held = {"__a__": Variable(type="string", value=first), "__b__": Variable(type="string", value=second)}
    command = Command(type="bash", command="printf '%s\\0' __a__:value x__b__:value # say \"it\"\nprintf %s $((1+1))")
    filled = variables.filled(command, held.get)
    done = a_shell(sh()).act(replace_command(order("bash", "", "__out__"), filled))
    assert done.out["__out__"].split("\0") == [first, f"x{second}", "2"]


def replace_command(of: Order, command: Command) -> Order:
    return msgspec.structs.replace(of, command=command)


REACHED = (
    'echo "__a__:value"', "echo '__a__:value'", "echo $'__a__:value'", "echo $'\\'__a__:value'",
    'echo "$(echo __a__:value)"',
    'echo "$(echo "a __a__:value b")"', "echo `echo __a__:value`", "echo \\__a__:value", "echo $__a__:value",
    "echo x # __a__:value", "cat <<E\n__a__:value\nE", "cat <<< __a__:value", "echo $((__a__:value))",
    "((__a__:value))", "echo $[__a__:value]", "echo ${x:-__a__:value}", '[[ __a__:value -gt 1 ]]',
    'echo "${x:-"__a__:value"}"', '# "\necho "a __a__:value"',
    "echo \"a\\\" __a__:value\"", "echo __a__:value \"and __a__:value\"", "#__a__:value",
)  # fmt: skip


@pytest.mark.parametrize("text", REACHED)
def test_where_a_value_could_become_part_of_the_command_it_may_not_stand(text: str) -> None:
    assert variables.unquotable(text) == "__a__"
    with pytest.raises(variables.BadValueError):
        variables.filled(Command(type="bash", command=text), {"__a__": Variable(type="string", value="1")}.get)


@pytest.mark.parametrize(
    "text",
    ["echo __a__:value", "echo 'a\\' __a__:value",
     "x='it''s'; echo __a__:value", 'echo "a\\"b" __a__:value', "echo $(cat __a__:value)",
     "# it's\necho __a__:value", "a#b __a__:value", "[[ -e x ]] && echo __a__:value", "echo ${x} __a__:value",
     "echo $'a' x", "cat __a__:value <<E\n$x\nE", "for i in 1 2; do echo __a__:value; done"],
)  # fmt: skip
def test_elsewhere_it_may(text: str) -> None:
    assert variables.unquotable(text) == ""


CANARY = st.lists(
    st.sampled_from(
        ["'", '"', "`", "\\", "$", "(", ")", "{", "}", "[", "]", "<", "#", "\n", " ", "a", ";", "$(", "${", "$'", '$"',
         "<<E\n", "[[ ", "]] ", "((", "))", "echo ", "__a__:value", "__a__:value"]
    ),
    max_size=14,
)  # fmt: skip


@given(CANARY)
def test_no_command_that_is_allowed_lets_a_value_run(pieces: list[str]) -> None:
    """Whatever a command looks like: a value that would run a program in any context runs none."""
    text = "".join(pieces)
    if "__a__:value" not in text or variables.unquotable(text):
        return
    ran = []
    for value in ("$(echo CAN''ARY >&2)", "`echo CAN''ARY >&2`", "';echo CAN''ARY >&2;'", '";echo CAN\'\'ARY >&2;"',
                  "\necho CAN''ARY >&2\n", "\\';echo CAN''ARY >&2 #", "a[$(echo CAN''ARY >&2)]"):  # fmt: skip
        held = {"__a__": Variable(type="string", value=value)}
        command = variables.filled(Command(type="bash", command=text), held.get)
        ended = shell._run(shell.Plan(sh(), (BASH, "-c", command.command)), lambda: True)
        if any(line == b"CANARY" for line in ended.errors.splitlines()):
            ran.append(command.command)
    assert ran == []

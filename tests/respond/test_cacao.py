"""What is refused of playbooks before anything of them is done, with the reason; and how values stay values."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.respond.cacao import Command, RefusedPlaybookError, Variable, check, conditions, read, variables
from katchi.respond.cacao.conditions import BadConditionError
from katchi.respond.cacao.reading import COMMANDS, LARGEST, MOST_STEPS
from katchi.respond.cacao.variables import BadValueError
from tests.respond.pack import AGENT, TARGETS, build

LINES = """
s: start then=a
a: do ok=i fail=b
b: do then=f
f: end
i: if when={__x__:value = 1} yes=c no=d then=p
c: do then=g
g: end
d: do then=h
h: end
p: par next=q,r then=w
q: do then=j
j: end
r: do then=k
k: end
w: while when={__x__:value < 3} yes=t then=z
t: do then=l
l: end
z: switch switch=x cases=1>u,default>v then=e
u: do then=m
m: end
v: do then=n
n: end
e: end
"""
VARIABLES = {"x": {"type": "integer", "value": "0"}}


def whole() -> dict[str, Any]:
    return build("whole", LINES, VARIABLES)


def codes(document: dict[str, Any] | bytes) -> set[str]:
    raw = document if isinstance(document, bytes) else json.dumps(document).encode()
    return {each.code for each in check(raw)[1] if each.is_error}


def step(playbook: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in playbook["workflow"].values() if each["name"] == name)
    return found


def id_of(playbook: dict[str, Any], name: str) -> str:
    found: str = next(key for key, each in playbook["workflow"].items() if each["name"] == name)
    return found


def test_a_playbook_with_everything_is_read() -> None:
    playbook, found = read(json.dumps(whole()).encode())
    assert (len(playbook.workflow), found) == (23, ())


Change = Callable[[dict[str, Any]], object]


def put(name: str, **more: Any) -> Change:
    def change(playbook: dict[str, Any]) -> None:
        held = step(playbook, name)
        for member, value in more.items():
            if value is None:
                held.pop(member, None)
            else:
                held[member] = value

    return change


def top(**more: Any) -> Change:
    def change(playbook: dict[str, Any]) -> None:
        for member, value in more.items():
            if value is None:
                playbook.pop(member)
            else:
                playbook[member] = value

    return change


def link(name: str, member: str, other: str) -> Change:
    return lambda playbook: step(playbook, name).__setitem__(member, id_of(playbook, other))


def command(**more: Any) -> Change:
    return lambda playbook: step(playbook, "a")["commands"][0].update(more)


REFUSED: dict[str, tuple[Change, str]] = {
    "another type": (top(type="bundle"), "not-a-playbook"),
    "another version": (top(spec_version="1.1"), "version"),
    "no name": (top(name=None), "schema"),
    "no author": (top(created_by="kim"), "schema"),
    "no time": (top(modified="yesterday"), "schema"),
    "modified before": (top(modified="2020-01-01T00:00:00.000Z"), "modified"),
    "a list of steps": (top(workflow=[]), "schema"),
    "no such start": (top(workflow_start="start--x"), "dangling"),
    "no such exception": (top(workflow_exception="end--x"), "dangling"),
    "an unknown step type": (put("a", type="magic"), "unknown-step"),
    "no commands": (put("a", commands=[]), "missing"),
    "no agent": (put("a", agent=None), "missing"),
    "another's agent": (put("a", agent="individual--x"), "dangling"),
    "no such target": (put("a", targets=["x"]), "dangling"),
    "a step that leads nowhere": (put("b", on_completion="end--x"), "dangling"),
    "nothing after": (put("b", on_completion=None), "no-next"),
    "an end that goes on": (link("f", "on_completion", "e"), "end-goes-on"),
    "two ways at once": (link("a", "on_completion", "e"), "two-ways"),
    "back to the start": (link("b", "on_completion", "s"), "start-again"),
    "round and round": (link("b", "on_completion", "a"), "cycle"),
    "a loop by hand": (link("t", "on_completion", "w"), "cycle"),
    "a step that nothing leads to": (put("i", on_false=None), "unreachable"),
    "a branch that runs into what follows": (link("c", "on_completion", "p"), "shared-step"),
    "branches that share steps": (link("q", "on_completion", "r"), "shared-step"),
    "one branch": (put("p", next_steps=["x"]), "missing"),
    "no condition": (put("i", condition=""), "missing"),
    "a condition in words": (put("i", condition="the operator agrees"), "condition"),
    "a condition that never ends": (put("i", condition="__x__:value MATCHES '(a+)+$'"), "condition"),
    "a condition deep in brackets": (put("i", condition="(" * 500 + "__x__:value = 1" + ")" * 500), "condition"),
    "an unknown variable in a condition": (put("i", condition="__y__:value = 1"), "undefined-variable"),
    "an unknown variable in a switch": (put("z", switch="__y__:value"), "undefined-variable"),
    "an unknown variable in a command": (command(command="block __y__:value"), "undefined-variable"),
    "an unknown variable comes out": (put("a", out_args=["__y__"]), "undefined-variable"),
    "a shell": (command(type="bash"), "unsupported-command"),
    "a made-up command": (command(type="pong"), "unsupported-command"),
    "no command": (command(command=""), "missing"),
    "broken base64": (command(command_b64="%%%"), "base64"),
    "base64 of no text": (command(command_b64=base64.b64encode(b"\xff").decode()), "base64"),
    "a variable of no type": (top(playbook_variables={"__x__": {"type": "magic"}}), "variable-type"),
    "a variable without underlines": (
        top(playbook_variables={"x": {"type": "string"}, "__x__": {"type": "string"}}),
        "variable-name",
    ),
    "a value that its type has not": (top(playbook_variables={"__x__": {"type": "integer", "value": "many"}}), "value"),
    "a marking that there is not": (top(markings=["marking-tlp--x"]), "dangling"),
    "a marking of no kind": (
        top(markings=["m"], data_marking_definitions={"m": {"type": "secret"}}),
        "unknown-marking",
    ),
    "a delay of a year": (put("a", delay=31_536_000_000), "schema"),
    "a timeout before it begins": (put("a", timeout=-1), "schema"),
    "a constant that is written": (
        lambda p: (p["playbook_variables"]["__x__"].update(constant=True), step(p, "a").update(out_args=["__x__"])),
        "constant",
    ),
    "an agent of no kind": (
        lambda p: (
            p["agent_definitions"][AGENT].update(type="soarca"),
            step(p, "a")["commands"][0].update(type="http-api"),
        ),
        "unknown-agent",
    ),
}


@pytest.mark.parametrize(("change", "code"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_run_is_refused_with_the_reason(change: Change, code: str) -> None:
    playbook = whole()
    change(playbook)
    assert code in codes(playbook)
    with pytest.raises(RefusedPlaybookError):
        read(json.dumps(playbook).encode())


def test_what_is_no_playbook_at_all() -> None:
    for raw in (b"", b"[]", b"{", b"null", b"[" * 100_000, b" " * (LARGEST + 1), b"\xff\xfe"):
        assert check(raw)[0] is None


def test_ten_thousand_steps_are_refused() -> None:
    lines = "s: start then=a0\n" + "".join(f"a{n}: do then=a{n + 1}\n" for n in range(10_000)) + "a10000: end"
    assert codes(build("long", lines)) == {"too-large"}
    fitting = "s: start then=a0\n" + "".join(f"a{n}: do then=a{n + 1}\n" for n in range(900)) + "a900: end"
    assert MOST_STEPS > 902
    assert codes(build("long", fitting)) == set()


def test_what_is_odd_is_said_and_run() -> None:
    playbook = whole()
    playbook |= {"x_ours": 1, "playbook_processing_summary": {"while_logic": False}}
    put("a", x_more=1)(playbook)
    _, found = read(json.dumps(playbook).encode())
    assert [each.code for each in found] == ["unknown-property", "unknown-property", "summary"]


def test_a_shell_is_run_only_where_it_was_switched_on() -> None:
    playbook = whole()
    command(type="ssh")(playbook)
    assert codes(playbook) == {"unsupported-command"}
    read(json.dumps(playbook).encode(), commands=(*COMMANDS, "ssh"))


# ---- conditions ------------------------------------------------------------------------------------------

HELD = {
    "__n__": Variable(type="integer", value="7"), "__f__": Variable(type="float", value="2.5"),
    "__s__": Variable(type="string", value="Nuri"), "__b__": Variable(type="bool", value="TRUE"),
    "__ip__": Variable(type="ipv4-addr", value="10.1.2.3"), "__none__": Variable(type="string"),
}  # fmt: skip
TRUE = [
    "__n__:value = 7",
    "__n__:value = '7'",
    "__n__:value > 6.5",
    "__n__:value <= 7",
    "__n__:value != 8",
    "__f__:value < 3",
    "__s__:value = 'Nuri'",
    "__s__:value LIKE 'N%i'",
    "__s__:value LIKE 'Nur_'",
    "__s__:value NOT LIKE 'n%'",
    "__b__:value = true",
    "__b__:value != false",
    "__n__:value IN (1, 7)",
    "__s__:value NOT IN ('x', 'y')",
    "__ip__:value ISSUBSET '10.0.0.0/8'",
    "__ip__:value NOT ISSUBSET '192.0.2.0/24'",
    "__ip__:value ISSUPERSET '10.1.2.3/32'",
    "[__n__:value = 7]",
    "( __n__:value = 7 )",
    "__n__:value = 1 OR __n__:value = 7",
    "__n__:value = 7 OR __n__:value = 1 AND __n__:value = 2",
    "__n__:value >= 7 AND (__f__:value = 1 OR __s__:value = 'Nuri')",
]
FALSE = [
    "__n__:value = 8",
    "__s__:value = 'nuri'",
    "__b__:value = false",
    "(__n__:value = 7 OR __n__:value = 1) AND __n__:value = 2",
    "__s__:value LIKE 'N.*'",
    "__ip__:value ISSUBSET '2001:db8::/32'",
    "__n__:value > 7",
]
UNREADABLE = [
    "",
    "7 = 7",
    "__n__ = 7",
    "__n__:value",
    "__n__:value == ",
    "x:value = 1",
    "__n__:name = 1",
    "__n__:value = 1 AND",
    "(__n__:value = 1",
    "__n__:value = 1)",
    "[__n__:value = 1",
    "__n__:value = 1 __n__:value = 2",
    "EXISTS __n__:value",
    "__n__:value MATCHES 'a'",
    "1; DROP",
    "__n__:value = 1 FOLLOWEDBY __n__:value = 1",
]


@pytest.mark.parametrize(("text", "expected"), [*((each, True) for each in TRUE), *((each, False) for each in FALSE)])
def test_conditions(text: str, expected: bool) -> None:
    assert conditions.holds(conditions.parse(text), HELD.get) is expected


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_is_no_condition(text: str) -> None:
    with pytest.raises(BadConditionError):
        conditions.parse(text)


@pytest.mark.parametrize(
    "text", ["__none__:value = 1", "__gone__:value = 1", "__s__:value > 3", "__s__:value ISSUBSET '10.0.0.0/8'"]
)
def test_what_cannot_be_said_of_a_variable(text: str) -> None:
    with pytest.raises(BadConditionError):
        conditions.holds(conditions.parse(text), HELD.get)


# ---- values ----------------------------------------------------------------------------------------------

HOSTILE = [
    "; rm -rf /",
    "$(id)",
    "`id`",
    "a b",
    "'; echo x '",
    '"}, "action": "allow',
    "../../etc/passwd",
    "a\r\nX-Evil: 1",
    "\n",
    "&x=1#y",
    "http://169.254.169.254/",
    "%0d%0a",
    "\\",
    "|| true",
]


def look(value: str) -> Callable[[str], Variable | None]:
    return {"__x__": Variable(type="string", value=value)}.get


@pytest.mark.parametrize("value", HOSTILE)
def test_a_value_stays_a_value_wherever_it_comes_to_stand(value: str) -> None:
    import shlex
    from urllib.parse import unquote

    shell = variables.filled(Command(type="bash", command="block __x__:value"), look(value)).command
    assert shlex.split(shell) == ["block", value]
    url = variables.filled(Command(type="http-api", command="GET /block/__x__:value HTTP/1.1"), look(value)).command
    assert len(url.split(" ")) == 3
    assert unquote(url.split(" ")[1]) == f"/block/{value}"
    assert url.split(" ")[1].count("/") == 2
    assert not set("?#\r\n") & set(url)
    body = Command(type="http-api", command="POST / HTTP/1.1", content='{"action": "deny", "target": "__x__:value"}')
    assert json.loads(variables.filled(body, look(value)).content) == {"action": "deny", "target": value}
    openc2 = Command(type="openc2", command='{"action": "deny", "target": {"domain_name": "__x__:value"}}')
    assert json.loads(variables.filled(openc2, look(value)).command)["target"] == {"domain_name": value}
    header = Command(type="http-api", command="GET / HTTP/1.1", headers={"X-Case": ["__x__:value"]})
    if any(mark in value for mark in "\r\n"):
        with pytest.raises(BadValueError):
            variables.filled(header, look(value))
    else:
        assert variables.filled(header, look(value)).headers == {"X-Case": [value]}


@given(st.text(max_size=60))
def test_no_text_at_all_becomes_part_of_a_command(value: str) -> None:
    import shlex

    ssh = Command(type="ssh", command="block __x__:value now")
    if "\0" in value:
        with pytest.raises(BadValueError):
            variables.filled(ssh, look(value))
    else:
        assert shlex.split(variables.filled(ssh, look(value)).command) == ["block", value, "now"]
    body = Command(type="http-api", command="POST / HTTP/1.1", content='["__x__:value"]')
    if not any(0xD800 <= ord(mark) < 0xE000 for mark in value):
        assert json.loads(variables.filled(body, look(value)).content) == [value]


def test_values_in_values_are_not_filled_in_again() -> None:
    held = {"__x__": Variable(type="string", value="__y__:value"), "__y__": Variable(type="string", value="secret")}
    assert variables.filled(Command(type="manual", command="say __x__:value"), held.get).command == "say __y__:value"


VALUES = [
    ("bool", ["true", "FALSE"], ["yes", ""]),
    ("integer", ["1", "-7", "+3"], ["1.5", "", "one", "1e3"]),
    ("float", ["1.5", "3"], ["x", ""]),
    ("dictionary", ["{}"], ["[]", "{", "1"]),
    ("hexstring", ["", "ab"], ["abc", "xy"]),
    ("ipv4-addr", ["192.0.2.1", "10.0.0.0/8"], ["2001:db8::1", "1.2.3", "300.1.1.1"]),
    ("ipv6-addr", ["2001:db8::1", "2001:db8::/32"], ["192.0.2.1", "x"]),
    ("mac-addr", ["00:11:22:33:44:55"], ["00:11"]),
    ("md5-hash", ["a" * 32], ["a" * 31, "g" * 32]),
    ("sha256-hash", ["b" * 64], ["b" * 32]),
    ("hash", ["c" * 40], ["c" * 8]),
    ("uri", ["https://a.example/"], ["no", "a b:c"]),
    ("uuid", ["0f4a5a4e-58a4-4e0c-9f43-0d5a5c7be001"], ["0f4a"]),
    ("string", ["", "anything"], ["x" * 70_000]),
    ("magic", [], ["x"]),
]


@pytest.mark.parametrize(("kind", "good", "bad"), VALUES, ids=[each[0] for each in VALUES])
def test_each_type_has_its_values(kind: str, good: list[str], bad: list[str]) -> None:
    for value in good:
        variables.require("__x__", Variable(type=kind, value=value))
    for value in bad:
        with pytest.raises(BadValueError):
            variables.require("__x__", Variable(type=kind, value=value))


# ---- real ones ------------------------------------------------------------------------------------------

# What we say of the public playbooks, and why where the JSON schema says something else.
VERDICTS = {
    "malware_triage_with_misp.json": {"missing", "unsupported-command"},  # two empty commands; one for jupyter
    "kestrel_openc2_hunting.json": {"condition", "missing", "unknown-agent"},  # conditions are sentences
    "fin-playbook.json": {"modified", "unsupported-command"},
    "http-playbook.json": {"unknown-agent"}, "manual-playbook.json": set(), "openc2-playbook.json": {"unknown-agent"},
    "powershell-playbook.json": {"unsupported-command", "unknown-agent"},
    "ssh-playbook.json": {"unsupported-command", "unknown-agent"},
    "changed-playbook.json": {"schema"}, "infinite_playbook.json": {"dangling"},
    "invalid_email_playbook.json": {"dangling"}, "invalid_playbook.json": {"unknown-agent", "dangling"},
    "missing_step_playbook.json": {"dangling"}, "parallels_playbook.json": {"no-next", "dangling"},
    "playbook.json": {"dangling"}, "OlympicDestroyer_IOB.stix21.json": {"not-a-playbook"},
}  # fmt: skip


@pytest.mark.shared
def test_the_public_playbooks_and_their_verdicts(shared_data: Path) -> None:
    with (shared_data / "cacao" / "truth.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["file"].rpartition("/")[2] for row in rows} == VERDICTS.keys()
    for row in rows:
        name = row["file"].rpartition("/")[2]
        found = codes((shared_data / row["file"]).read_bytes())
        assert (name, found) == (name, VERDICTS[name])
        assert found or row["json_schema_verdict"] == "valid"


def test_targets_of_the_pack_are_read() -> None:
    playbook, _ = read(json.dumps(build("t", "s: start then=a\na: do targets=t1 then=e\ne: end")).encode())
    assert TARGETS["t1"] in playbook.target_definitions

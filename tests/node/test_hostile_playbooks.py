"""Playbooks that mean harm: each is refused with its reason, at acceptance, in the dry run, or when it is run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from katchi.errors import KatchiError
from katchi.node import acting, localising, playbooks, responding, response_news, responses
from katchi.node.responses import Response, Wish
from katchi.node.settings import SettingsError, read_settings, write_settings
from katchi.node.wiring import Node
from katchi.respond import calling, joint, shell
from katchi.respond.cacao import RefusedPlaybookError, Variable, conditions
from tests.node.test_responses import add, blocked, equip
from tests.nodes import a_node, a_pair, join, until
from tests.respond.playbooks import AT, blocking, name_of, playbook
from tests.servers import Reply, Server, serving

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
    assert len(plan) <= localising.MOST_PLANNED + 1
    assert (plan[-1].verdict, plan[-1].reason) == ("cannot", "too-many-steps")


# ---- services --------------------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(lambda _: Reply(b"{}")) as made:
        yield made


def serve(node: Node, server: Server, **more: Any) -> None:
    """The node's own service, at a real server."""
    desk = calling.Settings(name="desk", roles=("firewall",), url=f"{server.url}/api", **more)
    node.settings = msgspec.structs.replace(node.settings, service=(desk,))


def run(node: Node, document: dict[str, Any], **values: str) -> Response:
    """A response of this node alone, to its end."""
    given = {"things": "192.0.2.7", **values}
    response = responses.propose(node, Wish(add(node, document), given), person="kim").id
    while acting.work(node):
        pass
    return responses.read(node, response)


def why(node: Node, found: Response) -> str:
    """Why its orders failed."""
    return " ".join(each.reason or "" for each in node.store.runs.orders(found.row.run or ""))


ELSEWHERE = [
    "http://127.0.0.1:{own}/partners", "http://localhost:{own}/partners", "http://[::1]:{own}/", "http://0:{own}/",
    "http://169.254.169.254/latest/meta-data/", "http://2852039166/", "http://0251.0376.0251.0376/",
    "http://0xa9fea9fe/", "http://169.254.43518/", "http://[::ffff:169.254.169.254]/", "http://[fd00:ec2::254]/",
    "http://[fe80::1]/", "http://metadata.google.internal/", "http://169.254.169.254@127.0.0.1/", "//169.254.169.254/",
    "/../../partners", "/%2e%2e/partners", "/..%2fpartners", "/..%5cpartners", "file:///etc/passwd",
]  # fmt: skip


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_request_goes_to_our_service_or_nowhere(node: Node, server: Server, target: str) -> None:
    serve(node, server)
    target = target.format(own=node.settings.port)
    found = run(node, playbook(step("http-api", f"POST {target} HTTP/1.1")))
    (plan,) = responses.dry_run(node, found.row.id)
    assert (plan.verdict, bool(plan.reason)) == ("cannot", True)
    assert (found.row.state, server.asked) == ("failed", [])
    assert "not-called" in why(node, found)


def test_without_a_service_the_step_fails_and_says_so_before(node: Node) -> None:
    found = run(node, playbook(step("http-api", "GET /a HTTP/1.1")))
    (plan,) = responses.dry_run(node, found.row.id)
    assert plan.verdict == "cannot"
    assert "[[service]]" in plan.reason
    assert found.row.state == "failed"


def test_a_service_that_leads_to_the_node_itself_is_not_asked(node: Node) -> None:
    here = calling.Settings(name="desk", roles=("firewall",), url=node.settings.url)
    node.settings = msgspec.structs.replace(node.settings, service=(here,))
    write_settings(node.folder, node.settings)
    with pytest.raises(SettingsError, match="itself"):
        read_settings(node.folder)
    found = run(node, playbook(step("http-api", "POST /partners HTTP/1.1")))
    assert "this node itself" in why(node, found)


SMUGGLED_INTO_A_REQUEST = {
    "out of the text": '"}, "admin": true, "x": {"y": "', "a path": "../../admin", "dots": "..",
    "a query": "x?admin=1&y",
    "a line": "x HTTP/1.1\r\nX-Admin: 1\r\n\r\nGET /admin", "a host": "http://169.254.169.254/", "a fragment": "#",
    "a null": "\0", "a variable": "__things__:value",
}  # fmt: skip


@pytest.mark.parametrize("value", SMUGGLED_INTO_A_REQUEST.values(), ids=SMUGGLED_INTO_A_REQUEST)
def test_a_value_is_a_value_in_path_and_body_or_nothing_is_sent(node: Node, server: Server, value: str) -> None:
    serve(node, server)
    harm = step("http-api", "POST /things/__things__:value?of=__things__:value HTTP/1.1")
    harm["commands"][0] |= {"content": '{"thing": "__things__:value"}', "headers": {"X-Case": ["1"]}}
    found = run(node, playbook(harm), things=value)
    if found.row.state == "failed":
        assert server.asked == []
        assert why(node, found)
        return
    (asked,) = server.asked
    assert asked.method == "POST"
    assert unquote(asked.path) == f"/api/things/{value}"
    assert asked.path.count("/") == 3
    assert asked.query == {"of": value}
    assert json.loads(asked.body) == {"thing": value}
    assert not {"x-admin"} & asked.headers.keys()


def test_a_value_is_no_header_and_no_json_of_its_own(node: Node, server: Server) -> None:
    serve(node, server)
    bare, lines = step("http-api", "POST /a HTTP/1.1"), step("http-api", "POST /a HTTP/1.1")
    bare["commands"][0] |= {"content": '{"n": __things__:value}'}
    lines["commands"][0] |= {"headers": {"X-Case": ["__things__:value"]}}
    assert run(node, playbook(bare, name="bare"), things='1, "admin": true').row.state == "failed"
    assert run(node, playbook(lines, name="lines"), things="1\r\nAuthorization: x").row.state == "failed"
    assert server.asked == []
    assert run(node, playbook(bare, name="bare"), things="7").row.state == "done"
    assert json.loads(server.asked[0].body) == {"n": 7}


def test_a_redirect_to_metadata_is_a_failure(node: Node, server: Server) -> None:
    serve(node, server)
    server.answer = lambda _: Reply(status=307, headers={"Location": "http://169.254.169.254/latest/meta-data/"})
    found = run(node, playbook(step("http-api", "GET /a HTTP/1.1")))
    assert found.row.state == "failed"
    assert "307" in why(node, found)


def test_what_lets_us_in_is_shown_nowhere(node: Node, server: Server, caplog: pytest.LogCaptureFixture) -> None:
    (node.folder / "desk.secret").write_text("Bearer s3cr3t")
    serve(node, server, secret_file="desk.secret")
    server.answer = lambda asked: Reply(asked.headers["authorization"].encode(), 403)
    with caplog.at_level("DEBUG"):
        found = run(node, playbook(step("http-api", "POST /a HTTP/1.1")))
    plan = responses.dry_run(node, found.row.id)
    assert plan[0].command.startswith("POST http://127.0.0.1")
    assert server.asked[0].headers["authorization"] == "Bearer s3cr3t"
    assert "s3cr3t" not in f"{why(node, found)} {plan} {found} {caplog.text}"


# ---- shells ----------------------------------------------------------------------------------------------


def switch_on(node: Node) -> None:
    bash = shell.Settings(name="sh", roles=("firewall",), types=("bash",), command=("bash", "-c"))
    node.settings = msgspec.structs.replace(node.settings, shell=(bash,))


def test_a_shell_is_for_our_own_playbooks_and_never_goes_to_partners(node: Node, tmp_path: Path) -> None:
    switch_on(node)
    done = tmp_path / "done"
    document = playbook(step("bash", f"printf %s __things__:value > {done}"))
    found = run(node, document, things="$(id); 'x'")
    assert found.row.state == "done"
    assert done.read_text() == "$(id); 'x'"
    with pytest.raises(RefusedPlaybookError, match="never for partners"):
        responses.propose(node, Wish("Block", {"things": "x"}, ["us-cert"]), person="kim")
    done.unlink()
    exercise = responses.propose(node, Wish("Block", {"things": "x"}, exercise="kapshida"), person="kim").id
    while acting.work(node):
        pass
    assert responses.read(node, exercise).row.state == "failed"
    assert not done.exists()
    assert "exercise" in why(node, responses.read(node, exercise))


def test_a_type_that_is_switched_off_fails_its_step_and_strands_no_run(node: Node) -> None:
    switch_on(node)
    first = {**step("manual", "look"), "name": "look"}
    name = add(node, playbook(first, step("bash", "true")))
    response = responses.propose(node, Wish(name, {"things": "x"}), person="kim").id
    while acting.work(node):
        pass
    node.settings = msgspec.structs.replace(node.settings, shell=())
    (asked,) = responding.waiting(node)
    responding.answer(node, asked.row.key, is_good=True, out={}, reason="", person="kim")
    while acting.work(node):
        pass
    found = responses.read(node, response)
    assert found.row.state == "failed"
    assert "no carrier for bash" in why(node, found)
    assert responses.dry_run(node, response)
    with pytest.raises(RefusedPlaybookError):
        responding.begin(node, name, {"things": "x"}, person="kim")


def test_a_value_in_quotes_is_refused_when_it_is_handed_in(node: Node) -> None:
    switch_on(node)
    with pytest.raises(RefusedPlaybookError) as refused:
        add(node, playbook(step("bash", 'block "__things__:value"')))
    assert "shell-quoting" in {each.code for each in refused.value.findings}


def test_a_partner_s_playbook_calls_what_came_along_and_not_ours_of_the_same_name(tmp_path: Path) -> None:
    done = tmp_path / "done"
    with a_pair(tmp_path) as pair:
        join(pair)
        for each in pair:
            equip(each)
        switch_on(pair.us)
        inner = playbook(blocking(), name="Inner")
        add(pair.kr, inner)
        ours = playbook(step("bash", f"touch {done}"), name="Inner") | {"modified": "2026-11-27T00:00:00.000Z"}
        add(pair.us, ours)
        calls = {"type": "playbook-action", "name": "call", "playbook_id": inner["id"], "in_args": ["__things__"]}
        wish = Wish(add(pair.kr, playbook(calls, name="Outer")), {"things": "192.0.2.7"}, ["us-cert"])
        response = responses.propose(pair.kr, wish, person="kim").id
        until(lambda: response in {row.id: row.state for row in pair.us.store.responses.all()})
        responses.accept(pair.us, response, person="park")
        until(lambda: blocked(pair.us) == {"ipv4:192.0.2.7"})
        assert not done.exists()


def test_a_playbook_with_a_shell_is_refused_from_a_partner_though_it_is_switched_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with a_pair(tmp_path) as pair:
        join(pair)
        switch_on(pair.us)
        switch_on(pair.kr)
        name = add(pair.kr, playbook(step("bash", "id")))
        with monkeypatch.context() as dishonest:
            dishonest.setattr(responding, "FOR_PARTNERS", responding.EVERY)
            documents = responses._with_called(pair.kr, pair.kr.store.runs.playbooks()[0].document, responding.EVERY)
        signed = [responses._signed(pair.kr, each, pair.kr.clock.now()) for each in documents]
        proposal = joint.Proposal(
            proposer=pair.kr.settings.node_id, nodes=(), playbook=name, version=AT, digest="0" * 64,
            answer_by=AT, until=AT,
        )  # fmt: skip
        with pytest.raises(RefusedPlaybookError, match="never for partners"):
            response_news.require_good_playbooks(
                signed, proposal, response_news._sender(pair.us, "kr-cert"), now=pair.us.clock.now()
            )


# ---- too much --------------------------------------------------------------------------------------------


def for_ever(depth: int) -> dict[str, Any]:
    """So many loops, one in the other, that never end by themselves; each goes on when the one in it has failed."""
    document = playbook(name="for ever")
    workflow, start = document["workflow"], document["workflow_start"]
    document["playbook_variables"]["__yes__"] = {"type": "bool", "value": "true"}
    inner = name_of("if-condition", "nothing")
    ends = [name_of("end", f"end {number}") for number in range(depth + 1)]
    workflow |= {each: {"type": "end"} for each in ends}
    workflow[inner] = {
        "type": "if-condition", "condition": "__yes__:value = false", "on_true": ends[-1], "on_completion": ends[0],
    }  # fmt: skip
    for number in range(depth):
        loop = name_of("while-condition", f"loop {number}")
        last = number + 1 == depth
        ways = {"on_completion": name_of("end", "for ever")} if last else {
            "on_success": ends[number + 1], "on_failure": ends[number + 1],
        }  # fmt: skip
        workflow[loop] = {"type": "while-condition", "condition": "__yes__:value = true", "on_true": inner, **ways}
        inner = loop
    workflow[start]["on_completion"] = inner
    return document


@pytest.mark.parametrize(("depth", "reason"), [(1, "too-many-rounds"), (2, "too-many-steps"), (5, "too-many-steps")])
def test_loops_for_ever_end_with_the_reason(node: Node, depth: int, reason: str) -> None:
    found = run(node, for_ever(depth))
    assert found.row.state == "failed"
    assert node.store.runs.one(found.row.run or "").reason == reason


def calling_each_other(*names: str, times: int = 1) -> list[dict[str, Any]]:
    """Playbooks of which each calls the next so many times, and the last one the first."""
    found = []
    for place, name in enumerate(names):
        other = name_of("playbook", names[(place + 1) % len(names)])
        calls = [
            {"type": "playbook-action", "name": f"{name} {number}", "playbook_id": other, "in_args": ["__things__"]}
            for number in range(times)
        ]
        found.append(playbook(*calls, name=name))
    return found


@pytest.mark.parametrize("names", [("self",), ("one", "other"), ("one", "two", "three")])
@pytest.mark.parametrize("times", [1, 20])
def test_playbooks_that_call_each_other_end_with_the_reason(node: Node, names: tuple[str, ...], times: int) -> None:
    documents = calling_each_other(*names, times=times)
    for each in documents[1:]:
        add(node, each)
    found = run(node, documents[0])
    assert found.row.state == "failed"
    assert node.store.runs.one(found.row.run or "").reason == "too-deep"
    plan = responses.dry_run(node, found.row.id)
    assert plan[-1].reason in ("too-deep", "too-many-steps")
    assert len(plan) <= 5001


def test_commands_times_targets_are_not_more_than_a_run_takes(node: Node) -> None:
    agent = name_of("security-category", "defence")
    many = blocking() | {"targets": [agent] * 400}
    many["commands"] = many["commands"] * 400
    response = responses.propose(node, Wish(add(node, playbook(many)), {"things": "192.0.2.7"}), person="kim").id
    plan = responses.dry_run(node, response)
    assert plan[-1].reason == "too-many-steps"


BOMBS = {
    "deep JSON": lambda made: made.update(agent_definitions=_deep(900)),
    "deeper JSON": lambda made: made.update(labels="[" * 1000),
    "base64 that is none": lambda made: _command(made).update(command_b64="AAA*"),
    "base64 of no text": lambda made: _command(made).update(command_b64="//79"),
    "a huge base64": lambda made: _command(made).update(command_b64="QUFB" * 300_000),
    "a huge value": lambda made: made["playbook_variables"].update(__x__={"type": "string", "value": "x" * 65_537}),
    "a deep value": lambda made: made["playbook_variables"].update(
        __x__={"type": "dictionary", "value": '{"a":' + "[" * 60_000}
    ),
    "no address": lambda made: made["playbook_variables"].update(__x__={"type": "uri", "value": "http://["}),
    "a long condition": lambda made: made["workflow"].update(_if(" OR ".join(["__things__:value = 'x'"] * 1000))),
}  # fmt: skip


def _deep(levels: int) -> Any:
    found: Any = {"type": "sector"}
    for _ in range(levels):
        found = {"x": found}
    return {name_of("sector", "deep"): found}


def _command(made: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in made["workflow"].values() if each["type"] == "action")["commands"][0]
    return found


def _if(condition: str) -> dict[str, Any]:
    end = name_of("end", "Block together")
    return {
        name_of("if-condition", "x"): {
            "type": "if-condition", "condition": condition, "on_true": end, "on_completion": end,
        }
    }  # fmt: skip


@pytest.mark.parametrize("bomb", BOMBS.values(), ids=BOMBS)
def test_what_would_take_all_memory_or_time_is_refused(node: Node, bomb: Any) -> None:
    made = playbook(blocking())
    bomb(made)
    with pytest.raises(RefusedPlaybookError):
        add(node, made)


def test_json_that_never_ends_is_refused(node: Node) -> None:
    with pytest.raises(RefusedPlaybookError, match="JSON"):
        responding.accept(node, b'{"type":' + b"[" * 500_000, person="kim")


def test_a_value_said_a_thousand_times_does_not_fill_the_memory(node: Node, server: Server) -> None:
    serve(node, server)
    harm = step("http-api", "POST /a HTTP/1.1")
    harm["commands"][0]["content"] = "__things__:value " * 50_000
    found = run(node, playbook(harm), things="x" * 65_536)
    assert found.row.state == "failed"
    assert server.asked == []


def test_a_dry_run_shows_no_more_of_long_commands_than_one_reads(node: Node) -> None:
    many = step("manual", "__things__:value " * 10)
    many["commands"] = many["commands"] * 300
    wish = Wish(add(node, playbook(many)), {"things": "x" * 65_536})
    plan = responses.dry_run(node, responses.propose(node, wish, person="kim").id)
    assert len(plan) == 300
    assert {each.command[9_990:] for each in plan} == {"xxxxxxxxxx… (+645370)"}


def test_values_together_are_not_more_than_a_run_carries(node: Node) -> None:
    document = playbook(blocking())
    document["playbook_variables"] |= {f"__v{number}__": {"type": "string"} for number in range(100)}
    name = add(node, document)
    values = {f"v{number}": "x" * 65_000 for number in range(100)} | {"things": "x"}
    with pytest.raises(KatchiError, match="too long together"):
        responding.begin(node, name, values, person="kim")


def test_one_response_that_cannot_go_on_keeps_no_other_from_it(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    stuck = responses.propose(node, Wish(add(node, playbook(blocking())), {"things": "192.0.2.7"}), person="kim").id
    good = responses.propose(node, Wish("Block", {"things": "192.0.2.8"}), person="kim").id
    begun = acting._begun

    def fails(*given: Any) -> Any:
        if given[3].id == stuck:
            raise joint.BadEntryError("So much has been said of no response.")
        return begun(*given)

    monkeypatch.setattr(acting, "_begun", fails)
    while acting.work(node):
        pass
    assert blocked(node) == {"ipv4:192.0.2.8"}
    assert responses.read(node, good).row.state == "in-force"
    assert "So much has been said" in (responses.read(node, stuck).row.trouble or "")


def test_a_pattern_that_would_take_for_ever_is_answered() -> None:
    held = {"__x__": Variable(type="string", value="a" * 60_000)}
    condition = conditions.parse("__x__:value LIKE '" + "%a" * 200 + "%b'")
    assert not conditions.holds(condition, held.get)

"""The pages of playbooks: taken in, looked at, tried, given out; and a run's page while it goes on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from katchi import stix
from katchi.node import people, responding
from katchi.node.wiring import Node
from katchi.policy.keys import NodeKey
from katchi.respond import library
from katchi.respond.cacao import signing
from katchi.web.serve import serving
from tests.node.test_responses import add, blocked, equip
from tests.nodes import a_node, until
from tests.respond.pack import AGENT, build
from tests.respond.playbooks import asking, blocking, name_of, playbook
from tests.web.test_pages import TOKEN, Console, browsing

HOSTILE = "<script>alert(1)</script>\"'><img src=x>"
PEOPLE = name_of("security-category", "defence")


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    with a_node(tmp_path / "node", "kr-cert") as node:
        equip(node)
        passwords = {role: people.add(node, role, role, "en") for role in people.ROLES}
        with serving(node):
            yield Console(node, passwords)


def post(client: httpx.Client, path: str, **values: str) -> httpx.Response:
    token = TOKEN.findall(client.get("/playbooks").text)[0]
    return client.post(path, data={"token": token, **values})


def take_in(client: httpx.Client, document: bytes) -> httpx.Response:
    token = TOKEN.findall(client.get("/playbooks").text)[0]
    return client.post("/playbooks/import", data={"token": token}, files={"file": ("x.json", document)})


def packed(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=3).encode()


def test_one_that_comes_along_is_accepted_by_one_click(console: Console) -> None:
    with console.signed_in("releaser") as client, console.signed_in("analyst", "ko") as analyst:
        assert "Accept one of those that come along" in client.get("/playbooks").text
        assert "아직 등록된 플레이북이 없습니다" in analyst.get("/playbooks").text
        assert post(analyst, "/playbooks/accept", name="sinkhole").status_code == 403
        shown = post(client, "/playbooks/accept", name="sinkhole")
        assert shown.url.path == "/playbook"
        assert "<svg" in shown.text
        listed = analyst.get("/playbooks").text
        assert "등록됨" in listed
        assert "releaser" in listed
        assert post(client, "/playbooks/accept", name="../../etc/passwd").status_code == 422
    assert len(console.node.store.runs.playbooks()) == 1


def test_a_file_comes_in_as_it_is_and_goes_out_as_it_came(console: Console) -> None:
    document = packed(playbook(blocking(), asking("call the banks", PEOPLE, "call")))
    with console.signed_in("releaser") as client, console.signed_in("reader") as reader:
        shown = take_in(client, document)
        assert shown.status_code == 200
        for seen in ("Block together", "1. block", "2. call", "call the banks", "unmarked", "Nobody. Proposed"):
            assert seen in shown.text, seen
        (held,) = console.node.store.runs.playbooks()
        file = reader.get("/playbook/file", params={"id": held.id})
        assert (file.content, file.headers["content-type"]) == (document, "application/cacao+json")
        assert file.headers["content-disposition"] == f'attachment; filename="{held.id}-20261124000000000.json"'
        assert take_in(client, document).status_code == 200  # once more is nothing new
        other = packed(playbook(blocking(), description="another"))
        again = take_in(client, other)
        assert (again.status_code, "says something else" in again.text) == (422, True)
    assert [row.document for row in console.node.store.runs.playbooks()] == [document]


def test_all_that_is_wrong_with_a_file_is_said_at_once_and_nothing_is_kept(console: Console) -> None:
    lines = "s: start then=a\na: do then=b\nb: do then=a\nc: do then=a"
    bad = build("bad", lines) | {"surprise": 1, "agent_definitions": {}}
    with console.signed_in("releaser") as client, console.signed_in("administrator", "ko") as korean:
        shown = take_in(client, packed(bad))
        assert shown.status_code == 422
        for seen in ("nothing was kept", "goes round", "what there is not", "an unknown property", "surprise"):
            assert seen in shown.text, seen
        assert "끝없이 돎" in take_in(korean, packed(bad)).text
        for document in (b"", b"{", b"[1]", b"\xff\xfe", packed({"type": "playbook"}), b"[" * 100_000):
            assert take_in(client, document).status_code == 422
        huge = take_in(client, b" " * 1_500_000)
        assert (huge.status_code, "too large" in huge.text) == (422, True)
        assert take_in(client, b" " * 1_048_577).status_code == 422
        assert take_in(client, b" " * 9_000_000).status_code in (413, 422)
    assert console.node.store.runs.playbooks() == []


def test_names_with_html_are_words_and_nothing_else(console: Console) -> None:
    lines = "s: start then=i\ni: switch switch=x cases=a>a,b>b then=e\na: do then=f\nb: do then=f\ne: end\nf: end"
    document = build("hostile", lines, {"x": {"value": "a", "description": HOSTILE}})
    document |= {"name": HOSTILE, "description": HOSTILE, "labels": [HOSTILE], "playbook_types": [HOSTILE]}
    for step in document["workflow"].values():
        step |= {"name": HOSTILE, "description": HOSTILE}
        if "cases" in step:
            step["cases"][HOSTILE] = step["cases"]["a"]
    document["agent_definitions"][AGENT]["name"] = HOSTILE
    with console.signed_in("releaser") as client:
        shown = take_in(client, packed(document))
        assert shown.status_code == 200, shown.text
        (held,) = console.node.store.runs.playbooks()
        run = responding.begin(console.node, held.id, {}, person="kim")
        for path in ("/playbooks", f"/playbook?id={held.id}", f"/run?id={run.id}"):
            page = client.get(path).text
            assert HOSTILE in unescape(page)
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert " style=" not in page


def test_a_dry_run_says_what_would_be_done_and_does_nothing(console: Console) -> None:
    add(console.node, playbook(blocking(), asking("call the banks", PEOPLE, "call")))
    (held,) = console.node.store.runs.playbooks()
    with console.signed_in("releaser") as client:
        asked = {"id": held.id, "try": "1", "value/__things__": "192.0.2.7 evil.example", "hours": "2"}
        shown = client.get("/playbook", params=asked).text
        for seen in ("192.0.2.7", "evil.example", "edge", "until", "we block it", "people here do it"):
            assert seen in shown, seen
        propose = unescape(re.findall(r'href="(/responses\?[^"]*#propose)"', shown)[-1])
        form = client.get(propose).text
        assert "things=192.0.2.7 evil.example" in form
        assert "<option selected>Block together</option>" in form
        assert 'value="2"' in form
        missing = client.get("/playbook", params={"id": held.id, "try": "1"}).text
        assert "A value is missing." in missing
        never = client.get("/playbook", params=asked | {"value/__things__": "127.0.0.1"}).text
        assert "cannot be done here" in never
        assert client.get("/playbook", params=asked | {"hours": "9" * 300, "exercise": "1"}).status_code == 200
    node = console.node
    assert (node.store.runs.all(), node.store.responses.all(), node.store.leases.in_force()) == ([], [], [])
    assert blocked(node) == set()


def test_versions_lead_to_each_other(console: Console) -> None:
    old = playbook(blocking())
    for document in (old, old | {"modified": "2026-11-25T00:00:00.000Z", "description": "better"}):
        add(console.node, document)
    with console.signed_in("reader") as client:
        newest = client.get("/playbook", params={"id": old["id"]}).text
        assert "better" in newest
        assert "/playbook/compare?id=" in newest
        (older,) = re.findall(r'href="(/playbook\?id=[^"]*version=2026-11-24[^"]*)"', newest)
        assert "There is a newer version" in client.get(unescape(older)).text
        assert "older ones: 1" in client.get("/playbooks").text
        for path in ("/playbook?id=playbook--x", f"/playbook?id={old['id']}&version=2020", "/run?id=ffff"):
            assert client.get(path).status_code == 404, path
        assert client.get("/playbook").status_code == 400


def sign(document: dict[str, Any], key: NodeKey, node: Node, who: str) -> dict[str, Any]:
    at = stix.format_timestamp(node.clock.now())
    return signing.sign(document, key.sign, key.public.raw, by=name_of("identity", who), signee=who, at=at)


def test_each_signature_is_shown_with_whether_it_holds_and_whose_key_it_is(console: Console) -> None:
    node = console.node
    document = sign(
        sign(playbook(blocking()), node.key, node, "kr-cert"), NodeKey.generate(node.random(32)), node, "choi"
    )
    broken = sign(playbook(blocking()), node.key, node, "mallory")["signatures"][0]
    broken["value"] = broken["value"][::-1]
    add(node, document | {"signatures": [*document["signatures"], broken]})
    with console.signed_in("reader") as client:
        shown = client.get("/playbook", params={"id": document["id"]}).text
    assert "with the key of our own node" in shown
    assert "with a key that nobody here knows" in shown
    assert "does not hold" in shown


def test_a_run_is_followed_answered_and_ended_on_its_page(console: Console) -> None:
    first = asking("count the tickets", PEOPLE, "count") | {"out_args": ["__count__"]}
    made = playbook(first, asking("call the banks", PEOPLE, "call"), name="Ask")
    made["playbook_variables"] = {"__count__": {"type": "integer", "value": "0"}}
    add(console.node, made)
    run = responding.begin(console.node, "Ask", {}, person="kim")
    with console.signed_in("releaser") as client, console.signed_in("reader", "ko") as reader:
        assert run.id[:8] in client.get("/playbooks").text
        shown = client.get("/run", params={"id": run.id}).text
        assert "count the tickets" in shown
        assert shown.count('class="action state-asked"') == 1
        assert "담당자를 기다림" in reader.get("/run", params={"id": run.id}).text
        known = re.findall(r"known=(\w+)", shown)[0]
        assert client.get("/run/asked", params={"id": run.id, "known": known}).status_code == 204
        order = re.findall(r'name="order" value="(\w+)"', shown)[0]
        assert post(reader, "/run/done", run=run.id, order=order).status_code == 403
        wrong = post(client, "/run/done", run=run.id, order="0" * 64)
        assert (wrong.status_code, "There is no such order." in wrong.text) == (400, True)
        after = post(client, "/run/done", run=run.id, order=order, **{"out/__count__": "3"}).text
        assert after.count("state-succeeded") == 2  # the start, too
        assert after.count("state-asked") == 1
        assert client.get("/run/asked", params={"id": run.id, "known": known}).status_code == 200
        assert client.get("/run/picture", params={"id": run.id}).status_code == 200
        over = post(client, "/run/cancel", run=run.id, why="a false alarm").text
        assert "a false alarm" in over
        assert "state-stopped" in over
        for part in ("picture", "told", "asked"):
            assert client.get(f"/run/{part}", params={"id": run.id}).status_code == 286
        assert post(client, "/run/cancel", run=run.id).status_code == 400


def test_a_response_shows_where_our_own_run_is(console: Console) -> None:
    add(console.node, playbook(blocking(), asking("call the banks", PEOPLE, "call")))
    with console.signed_in("releaser") as client:
        token = TOKEN.findall(client.get("/responses").text)[0]
        client.post(
            "/responses/propose", data={"token": token, "playbook": "Block together", "values": "things=192.0.2.7"}
        )
        (response,) = console.node.store.responses.all()

        def page() -> str:
            return client.get(f"/response?id={response.id}").text

        until(lambda: "state-asked" in page())
        assert "state-succeeded" in page()
        (run,) = console.node.store.runs.all()
        assert f'href="/run?id={run.id}#step-0-1"' in page()
        assert f"/response?id={response.id}" in client.get(f"/run?id={run.id}").text


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_a_browser_follows_a_run_without_reloading(console: Console, width: int) -> None:
    responding.accept(console.node, library.document("wiper-outbreak"), person="kim")
    add(console.node, playbook(asking("은행에 전화", PEOPLE, "연락 " * 30), asking("ask", PEOPLE), name="Ask"))
    wiper = next(row for row in console.node.store.runs.playbooks() if row.name.startswith("Wiper"))
    run = responding.begin(console.node, "Ask", {"things": "192.0.2.7"}, person="kim")
    with browsing(console, width) as page:
        for path in ("/playbooks", f"/playbook?id={wiper.id}", f"/run?id={run.id}"):
            page.goto(f"{console.node.settings.url}{path}")
            assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} scrolls sideways"
        (asked,) = responding.waiting(console.node)
        page.fill(f"#say-{asked.row.key[:12]}", "half a sen")
        responding.answer(console.node, asked.row.key, is_good=True, out={}, reason="", person="kim")
        page.wait_for_selector("g.state-succeeded.action")
        (second,) = responding.waiting(console.node)
        page.fill(f"#say-{second.row.key[:12]}", "done, all of it")
        page.click(f"form:has(#say-{second.row.key[:12]}) button.primary")
        page.wait_for_selector("g.state-succeeded.action >> nth=1")
        assert msgspec.json.encode(console.node.store.runs.one(run.id).status) == b'"done"'
        page.click("svg.workflow a >> nth=0")
        assert page.url.endswith("#step-0-1")

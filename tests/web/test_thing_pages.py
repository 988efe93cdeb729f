"""The pages of things: whatever is typed or pasted, hostile names, decisions by those who may."""

from __future__ import annotations

import csv
import html
import io
import re
from typing import Any

import pytest

from katchi import stix
from katchi.node import emerging
from katchi.node.receive import receive
from tests.nodes import until
from tests.objects import bundle, indicator, stix_object
from tests.web.test_pages import TOKEN, Console, browsing, console  # noqa: F401  # a fixture

SCRIPT = "<script>alert(1)</script>"
TURNED = "evil\u202egnp.exe"


@pytest.fixture
def filled(console: Console) -> Console:  # noqa: F811
    one = indicator(11, pattern="[domain-name:value = 'evil.example']")
    two = indicator(12, pattern="[domain-name:value = 'аррӏе.example']")  # Cyrillic
    malware = stix_object("malware", 1, name=SCRIPT, is_family=True)
    relation = stix_object(
        "relationship", 1, relationship_type="indicates", source_ref=one["id"], target_ref=malware["id"]
    )
    back = stix_object(
        "relationship", 2, relationship_type="related-to", source_ref=malware["id"], target_ref=one["id"]
    )
    turned = stix_object("threat-actor", 1, name=TURNED, description="x" * 1_000_000)
    document = bundle(one, two, malware, relation, back, turned, stix_object("threat-actor", 2, name="라자루스"))
    assert receive(console.node, document, via="test", submitter="kim").refused == 0
    return console


def test_a_pasted_paragraph_is_looked_up(filled: Console) -> None:
    with filled.signed_in("reader") as client:
        token = TOKEN.findall(client.get("/things").text)[0]
        text = "It called evil[.]example and 203.0.113[.]9 " + " ".join(f"203.0.113.{n}" for n in range(200))
        shown = client.post("/things", data={"token": token, "q": text}).text
    assert "/thing?key=domain%3Aevil.example" in shown
    assert "203.0.113.7" in shown


@pytest.mark.parametrize(
    ("asked", "title"),
    [("evil.example", "evil.example"), ("hxxp://evil[.]example/", "url:http://evil.example/"),
     ("HIDDEN COBRA", "Lazarus Group"), ("actor:G0032", "Lazarus Group")],
)  # fmt: skip
def test_a_thing_is_found_by_whatever_names_it(filled: Console, asked: str, title: str) -> None:
    with filled.signed_in("reader") as client:
        answer = client.get("/thing", params={"key": asked})
    assert answer.status_code == 200
    assert f"<h1>{title}" in answer.text


def test_hostile_names_stay_text_and_turn_no_line_round(filled: Console) -> None:
    with filled.signed_in("reader") as client:
        for path in ("/things", "/thing?key=evil.example", "/things?q=kind:actor"):
            shown = client.get(path).text
            assert SCRIPT not in shown
            assert "\u202e" not in shown
        assert "&lt;script&gt;" in client.get("/thing?key=evil.example").text


def test_a_domain_that_looks_like_another_is_shown_as_such(filled: Console) -> None:
    with filled.signed_in("reader") as client:
        shown = client.get("/thing", params={"key": "аррӏе.example"}).text
    assert "xn--" in shown
    assert "CYRILLIC" in shown


@pytest.mark.parametrize(
    "key",
    ["", "no such thing at all", "actor:", "ipv4:", "ipv4:1", "file:md5:x", "file:crc:1", "ipv6:::z", "x" * 30_000],
)
def test_what_is_no_thing_is_no_error(filled: Console, key: str) -> None:
    with filled.signed_in("reader") as client:
        assert client.get("/thing", params={"key": key}).status_code in (200, 303)


@pytest.mark.parametrize("query", ["kind:stone", "score:x", "seen:never", "x" * 1999, "%", "\\", "'"])
def test_a_query_that_is_not_understood_says_so(filled: Console, query: str) -> None:
    with filled.signed_in("reader") as client:
        assert client.get("/things", params={"q": query}).status_code == 200


def test_an_analyst_joins_and_a_reader_does_not(filled: Console) -> None:
    given = {"key": "actor:name:evilgnpexe", "other": "라자루스", "why": "the same code"}
    with filled.signed_in("reader") as client:
        token = TOKEN.findall(client.get("/things").text)[0]
        assert client.post("/thing/join", data={"token": token, **given}).status_code == 403
    with filled.signed_in("analyst") as client:
        token = TOKEN.findall(client.get("/things").text)[0]
        assert client.post("/thing/join", data={"token": token, **given, "why": " "}).status_code == 400
        joined = client.post("/thing/join", data={"token": token, **given})
        assert (joined.status_code, "the same code" in joined.text) == (200, True)
        assert "<h1>Lazarus Group" in joined.text


def test_a_hundred_thousand_relations_leave_the_page_usable(filled: Console) -> None:
    one = indicator(11)["id"]
    target = indicator(12)["id"]
    many = [
        stix_object("relationship", 10 + n, relationship_type="related-to", source_ref=one, target_ref=target)
        for n in range(3000)
    ]
    receive(filled.node, bundle(*many), via="test", submitter="kim")
    with filled.signed_in("reader") as client:
        answer = client.get("/thing?key=evil.example")
    assert answer.status_code == 200
    assert len(answer.content) < 500_000


def test_an_alarm_is_shown_and_closed_by_an_analyst(filled: Console) -> None:
    node = filled.node
    today = node.clock.now() // emerging.DAY
    of = indicator(11)["id"]
    items = []
    for day in range(today - 60, today + 1):
        seen = stix.format_timestamp(day * emerging.DAY)
        count = 40 if day == today else 2
        items.append(stix_object("sighting", day, sighting_of_ref=of, count=count, first_seen=seen, last_seen=seen))
    assert receive(node, bundle(*items), via="test", submitter="kim").refused == 0
    assert {alarm.key for alarm in emerging.look(node)} >= {"domain:evil.example"}
    with filled.signed_in("reader") as client:
        assert "evil.example" in client.get("/").text
        token = TOKEN.findall(client.get("/things").text)[0]
        assert client.post("/alarms/1/close", data={"token": token, "why": "x"}).status_code == 403
    with filled.signed_in("analyst") as client:
        token = TOKEN.findall(client.get("/alarms").text)[0]
        number = emerging.alarms(node)[0].number
        assert "a drill" in client.post(f"/alarms/{number}/close", data={"token": token, "why": "a drill"}).text
        assert client.post("/alarms/999/close", data={"token": token, "why": "x"}).status_code == 404


def tab_to(page: Any, selector: str) -> None:
    """Presses Tab until what the selector names has the focus."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no Tab leads to {selector}")


@pytest.mark.browser
def test_by_the_keyboard_alone_from_a_search_to_a_release(filled: Console) -> None:
    until(lambda: filled.node.store.releases.of_object(indicator(11)["id"]) != [])
    with browsing(filled) as page:
        tab_to(page, 'nav a[href="/things"]')
        page.keyboard.press("Enter")
        page.wait_for_selector("#q")
        tab_to(page, "#q")
        page.keyboard.type("hxxp://evil[.]example/x evil[.]example")
        tab_to(page, "form[role=search] button")
        page.keyboard.press("Enter")
        page.wait_for_selector("table a")
        tab_to(page, 'a[href="/thing?key=domain%3Aevil.example"]')
        page.keyboard.press("Enter")
        page.wait_for_selector("#belief")
        tab_to(page, "svg.graph a")  # to what it indicates, and back
        page.keyboard.press("Enter")
        page.wait_for_url("**/thing?key=software*")
        tab_to(page, "svg.graph a")
        page.keyboard.press("Enter")
        page.wait_for_url("**evil.example*")
        tab_to(page, 'a[href="/partners/siem"]')
        page.keyboard.press("Enter")
        page.wait_for_url("**/partners/siem")


def test_a_list_goes_into_a_spreadsheet_as_text(filled: Console) -> None:
    formula = stix_object("threat-actor", 5, name='=HYPERLINK("http://evil.example","x")')
    receive(filled.node, bundle(formula), via="test", submitter="kim")
    with filled.signed_in("reader") as client:
        answer = client.get("/things.csv", params={"q": "kind:actor"})
    assert answer.headers["content-type"].startswith("text/csv")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0][0] == "score"
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert "Lazarus Group" in {row[2] for row in rows}


def test_the_techniques_of_an_actor_stand_under_their_tactics(filled: Console) -> None:
    actor = stix_object("intrusion-set", 9, name="Kimsuky")
    technique = stix_object(
        "attack-pattern", 9, name="Spearphishing Link",
        external_references=[{"source_name": "mitre-attack", "external_id": "T1566.002"}],
        kill_chain_phases=[{"kill_chain_name": "mitre-attack", "phase_name": "initial-access"}],
    )  # fmt: skip
    uses = stix_object("relationship", 9, relationship_type="uses", source_ref=actor["id"], target_ref=technique["id"])
    receive(filled.node, bundle(actor, technique, uses), via="test", submitter="kim")
    with filled.signed_in("reader") as client:
        shown = client.get("/thing", params={"key": "김수키"}).text
    assert "initial-access" in shown
    assert "/thing?key=attack-pattern%3AT1566.002" in shown


def test_a_search_is_saved_and_its_news_stands_until_somebody_has_looked(filled: Console) -> None:
    with filled.signed_in("analyst") as client:
        token = TOKEN.findall(client.get("/things", params={"q": "kind:ipv4"}).text)[0]
        saved = client.post("/watches", data={"token": token, "q": "kind:ipv4", "name": "ours"})
        assert (saved.status_code, "No news" in saved.text) == (200, True)
        again = client.post("/watches", data={"token": token, "q": "kind:ipv4", "name": "ours"})
        assert (again.status_code, 'role="alert"' in again.text) == (400, True)
        receive(filled.node, bundle(indicator(7)), via="test", submitter="kim")
        assert "/watches" in client.get("/").text
        assert "198.51.100.7" in client.get("/watches").text
        client.post("/watches/looked", data={"token": token, "name": "ours"})
        assert "198.51.100.7" not in client.get("/watches").text
        assert client.post("/watches/drop", data={"token": token, "name": "ours"}).status_code == 200
        assert client.post("/watches/drop", data={"token": token, "name": "ours"}).status_code == 404
    with filled.signed_in("reader") as client:
        token = TOKEN.findall(client.get("/things", params={"q": "kind:ipv4"}).text)[0]
        assert client.post("/watches", data={"token": token, "q": "a", "name": "b"}).status_code == 403


def test_two_things_are_shown_beside_each_other(filled: Console) -> None:
    with filled.signed_in("reader") as client:
        assert 'class="empty"' in client.get("/compare").text
        shown = client.get("/compare", params={"one": "evil.example", "other": "라자루스"})
        assert (shown.status_code, "Lazarus Group" in shown.text, SCRIPT in shown.text) == (200, True, False)
        assert client.get("/compare", params={"one": "evil.example", "other": "no such"}).status_code == 400
        same = client.get("/compare", params={"one": "라자루스", "other": "HIDDEN COBRA"}).text
        assert "the same thing" in same


def test_neighbours_open_to_show_theirs(filled: Console) -> None:
    with filled.signed_in("reader") as client:
        shown = client.get("/thing", params={"key": "evil.example"}).text
        toggle = html.unescape(re.findall(r'href="(/thing\?key=[^"]*open=[^"]*)" class="toggle"', shown)[0])
        opened = client.get(toggle).text
        assert "Hide its neighbours" in opened
        closed = html.unescape(re.findall(r'href="([^"]*#graph)" class="toggle" aria-label="Hide', opened)[0])
        assert "open=" not in closed
        assert (
            client.get("/thing", params={"key": "evil.example", "open": ["actor:G0032", "nonsense"]}).status_code == 200
        )

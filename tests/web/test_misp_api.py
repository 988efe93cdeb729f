"""A node as PyMISP meets it when it is told that this is a MISP, and as a MISP that pulls."""

from __future__ import annotations

import json

import httpx
import pytest
from pymisp import MISPEvent, PyMISP, PyMISPError

from katchi.node import misp
from tests.nodes import until
from tests.objects import indicator
from tests.web.conftest import SECRET, Served
from tests.web.test_taxii import hand_in, is_released


def ask(served: Served, method: str, path: str, question: object = None, key: str = SECRET) -> httpx.Response:
    content = None if question is None else json.dumps(question)
    return httpx.request(
        method, f"{served.url}/misp/all/{path}", content=content, headers={"Authorization": key}, timeout=30
    )


@pytest.fixture
def filled(served: Served, monkeypatch: pytest.MonkeyPatch) -> Served:
    """Three events: two of four objects, one of two."""
    monkeypatch.setattr(misp, "STRETCH", 4)
    hand_in(served, *(indicator(number) for number in range(10)))
    until(lambda: is_released(served, 10))
    return served


def events(answer: object) -> list[MISPEvent]:
    """What PyMISP made of an answer, which must be events."""
    assert isinstance(answer, list), answer
    found = [each for each in answer if isinstance(each, MISPEvent)]
    assert len(found) == len(answer)
    return found


def connect(served: Served) -> PyMISP:
    return PyMISP(f"{served.url}/misp/all/", SECRET)


def test_pymisp_reads_every_event(filled: Served) -> None:
    client = connect(filled)
    seen = set()
    for headline in events(client.search_index(published=True, minimal=True, pythonify=True)):
        assert client.event_exists(headline.uuid)
        event = client.get_event(headline.uuid, pythonify=True)
        assert isinstance(event, MISPEvent)
        seen |= {attribute.value for attribute in event.attributes}
    assert seen == {f"198.51.100.{number}" for number in range(10)}
    assert not client.event_exists("00000000-0000-0000-0000-000000000000")


def test_pymisp_searches_by_name_and_page_and_time(filled: Served) -> None:
    client = connect(filled)
    pages = [events(client.search(limit=2, page=page, pythonify=True)) for page in (1, 2, 3)]
    assert [len(page) for page in pages] == [2, 1, 0]
    first = pages[0][0]
    (again,) = events(client.search(uuid=first.uuid, pythonify=True))
    assert [each.value for each in again.attributes] == [each.value for each in first.attributes]
    assert client.search(timestamp="1d", metadata=True, pythonify=True) != []
    assert client.search(timestamp=4_000_000_000, pythonify=True) == []
    assert client.search(timestamp=("5d", "1d"), pythonify=True) == []


def test_what_a_pulling_server_asks_in_its_order(filled: Served) -> None:
    assert ask(filled, "GET", "servers/getVersion").json()["perm_sync"] is False
    index = ask(filled, "POST", "events/index", {"minimal": 1, "published": 1}).json()
    assert [each["id"] for each in index] == ["1", "2", "3"]
    assert all(each["published"] and each["timestamp"].isdigit() for each in index)
    tail = "deleted[]:0/deleted[]:1/excludeGalaxy:1/includeEventCorrelations:0/excludeLocalTags:1"
    event = ask(filled, "GET", f"events/view/{index[0]['uuid']}/{tail}").json()["Event"]
    assert (event["uuid"], len(event["Attribute"])) == (index[0]["uuid"], 3)
    assert ask(filled, "POST", "sightings/restSearch/event", {"uuid": [event["uuid"]]}).json() == {"response": []}
    assert ask(filled, "GET", "shadow_attributes/index/all:1.json").json() == []


def test_a_filter_that_is_not_known_is_refused_and_not_left_out(filled: Served) -> None:
    refused = connect(filled).search(value="198.51.100.1")
    assert isinstance(refused, dict)
    assert refused["errors"][0] == 400
    for question in ({"timestamp": "yesterday"}, {"limit": -1}, {"page": True}, {"returnFormat": "csv"}, [1], 7):
        answer = ask(filled, "POST", "events/restSearch", question)
        assert (answer.status_code, answer.json().keys()) == (400, {"name", "message", "url"}), question


def test_nothing_is_written_here(filled: Served) -> None:
    answer = ask(filled, "POST", "events/add", {"Event": {"info": "x"}})
    assert answer.status_code in (404, 405)
    event = MISPEvent()
    event.info = "x"
    assert "errors" in connect(filled).add_event(event)


@pytest.mark.parametrize("key", ["", "wrong", f"{SECRET}x"])
def test_strangers_get_nothing(filled: Served, key: str) -> None:
    assert ask(filled, "GET", "events/index", key=key).status_code == 401
    with pytest.raises(PyMISPError):
        PyMISP(f"{filled.url}/misp/all/", key or "none")


def test_a_collection_that_is_not_there_is_not_found(filled: Served) -> None:
    assert httpx.get(f"{filled.url}/misp/nowhere/events/index", headers={"Authorization": SECRET}).status_code == 404

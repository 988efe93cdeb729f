"""TAXII 2.1 as clients meet it: the standard's own client unmodified, and requests by hand for the rest."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from taxii2client.v21 import Collection, Server, as_pages

from katchi.exchange.taxii.media import TAXII
from katchi.store.log import Entry
from tests.nodes import until
from tests.objects import bundle, indicator, stix_object
from tests.web.conftest import SECRET, Served, add_tool


def hand_in(served: Served, *objects: dict[str, Any]) -> dict[str, Any]:
    with served.client() as client:
        response = client.post(served.objects_url(), content=json.dumps({"objects": objects}))
    assert response.status_code == 202, response.text
    status: dict[str, Any] = response.json()
    return status


def get(served: Served, tail: str = "objects/", collection: str = "exchange", **query: str) -> httpx.Response:
    with served.client() as client:
        return client.get(f"{served.root}collections/{collection}/{tail}", params=query)


def ids(response: httpx.Response) -> list[str]:
    return [item["id"] for item in response.json().get("objects", [])]


def is_released(served: Served, count: int) -> bool:
    flow = served.node.store.releases.flows().get("siem")
    return flow is not None and flow.released == count


def test_the_standards_own_client_discovers_writes_and_reads(served: Served) -> None:
    server = Server(f"{served.url}/taxii2/", user="siem", password=SECRET)
    (root,) = server.api_roots
    (collection,) = root.collections
    assert isinstance(collection, Collection)
    items = [indicator(number) for number in range(25)]
    status = collection.add_objects({"objects": items})
    assert (status.status, status.success_count, status.failure_count) == ("complete", 25, 0)
    until(lambda: is_released(served, 25))
    pages = list(as_pages(collection.get_objects, per_request=10))
    assert [len(page["objects"]) for page in pages] == [10, 10, 5]
    assert [item["id"] for page in pages for item in page["objects"]] == [item["id"] for item in items]
    manifests = list(as_pages(collection.get_manifest, per_request=10))
    assert [record["id"] for page in manifests for record in page["objects"]] == [item["id"] for item in items]
    assert collection.get_object(items[3]["id"])["objects"] == [items[3]]
    assert collection.object_versions(items[3]["id"])["versions"] == [items[3]["modified"]]
    assert root.get_status(status.id).total_count == 25


def test_what_is_read_is_byte_for_byte_what_was_written(served: Served) -> None:
    raw = json.dumps(indicator(1))[:-1] + ',"x_note" :  "caf\\u00e9", "x_number": 1.50}'
    with served.client() as client:
        client.post(served.objects_url(), content=f'{{"objects":[{raw}]}}')
    until(lambda: is_released(served, 1))
    assert raw.encode() in get(served).content


def test_filters_choose_among_what_was_released(served: Served) -> None:
    malware = stix_object("malware", 1, name="wiper", is_family=True)
    hand_in(served, indicator(1), malware, indicator(2))
    hand_in(served, indicator(1, second=5))
    until(lambda: is_released(served, 4))
    assert ids(get(served)) == [malware["id"], indicator(2)["id"], indicator(1)["id"]]
    assert ids(get(served, **{"match[type]": "malware"})) == [malware["id"]]
    both = [malware["id"], indicator(2)["id"]]
    assert ids(get(served, **{"match[id]": ",".join(both)})) == both
    assert ids(get(served, **{"match[spec_version]": "2.0"})) == []
    one = {"match[id]": indicator(1)["id"]}
    assert len(ids(get(served, **one, **{"match[version]": "all"}))) == 2
    first = get(served, **one, **{"match[version]": "first"}).json()["objects"][0]
    assert first["modified"] == indicator(1)["modified"]
    exact = get(served, **one, **{"match[version]": indicator(1, second=5)["modified"]}).json()["objects"][0]
    assert exact["modified"] == indicator(1, second=5)["modified"]


def test_of_two_versions_that_go_together_the_newer_one_is_shown(served: Served) -> None:
    hand_in(served, indicator(1), indicator(1, second=5))
    until(lambda: is_released(served, 2))
    (shown,) = get(served).json()["objects"]
    assert shown["modified"] == indicator(1, second=5)["modified"]


def test_a_poller_that_remembers_the_last_date_sees_only_what_is_new(served: Served) -> None:
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    last = get(served).headers["X-TAXII-Date-Added-Last"]
    assert get(served, added_after=last).json() == {"more": False}
    hand_in(served, indicator(2))
    until(lambda: is_released(served, 2))
    assert ids(get(served, added_after=last)) == [indicator(2)["id"]]


def test_the_same_next_gives_the_same_page_also_without_the_filters(served: Served) -> None:
    hand_in(served, *(indicator(number) for number in range(6)))
    until(lambda: is_released(served, 6))
    page = get(served, limit="2", **{"match[type]": "indicator"}).json()
    again = [get(served, limit="2", next=page["next"]).json()["objects"] for _ in range(2)]
    assert again[0] == again[1]
    contradictory = get(served, next=page["next"], **{"match[type]": "malware"})
    assert contradictory.status_code == 400


BAD_REQUESTS = {
    "no number": ({"limit": "ten"}, 400),
    "nothing at all": ({"limit": "0"}, 400),
    "no moment": ({"added_after": "yesterday"}, 400),
    "a next that nobody gave out": ({"next": "AAAA"}, 400),
    "all and more": ({"match[version]": "all,last"}, 400),
}


@pytest.mark.parametrize(("query", "status"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
def test_a_filter_that_cannot_be_understood_is_refused_and_named(
    served: Served, query: dict[str, str], status: int
) -> None:
    response = get(served, **query)
    assert response.status_code == status
    assert response.headers["content-type"] == TAXII
    assert response.json()["details"]["what"] in query


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        (TAXII, 200),
        ("application/taxii+json; version=2.1", 200),
        ('application/taxii+json;version="2.1"', 200),
        ("application/taxii+json", 200),
        ("text/html, application/taxii+json;q=0.5", 200),
        ("*/*", 200),
        ("application/taxii+json;version=2.0", 406),
        ("text/html", 406),
        ("application/taxii+json;version=2.1;q=0", 406),
    ],
)
def test_media_types_are_negotiated_as_the_specification_words_it(served: Served, accept: str, status: int) -> None:
    with served.client(Accept=accept) as client:
        assert client.get(f"{served.url}/taxii2/").status_code == status


def test_whoever_does_not_sign_in_gets_nothing_but_a_challenge(served: Served) -> None:
    for auth in (None, ("siem", "wrong"), ("other", SECRET)):
        response = httpx.get(f"{served.url}/taxii2/", auth=auth, headers={"Accept": TAXII})
        assert response.status_code == 401
        assert "Basic" in response.headers["www-authenticate"]
        assert SECRET not in response.text


def test_a_collection_of_another_and_an_object_not_released_look_alike_missing(served: Served) -> None:
    hand_in(served, stix_object("note", 1, tlp="red", content="secret", object_refs=[indicator(1)["id"]]))
    until(lambda: served.node.store.partners.one("siem").judged_seq == 1)
    withheld = get(served, f"objects/{stix_object('note', 1)['id']}/")
    missing = get(served, f"objects/{stix_object('note', 2)['id']}/")
    assert withheld.status_code == missing.status_code == 404
    assert withheld.json()["title"] == missing.json()["title"]
    assert get(served, collection="5e8b1c9e-0000-4000-8000-000000000000").status_code == 404


def test_a_status_is_told_to_whoever_handed_in_and_to_nobody_else(served: Served) -> None:
    status = hand_in(served, indicator(1))
    add_tool(served.node, "other", "another secret")
    url = f"{served.root}status/{status['id']}/"
    assert httpx.get(url, auth=("siem", SECRET), headers={"Accept": TAXII}).json()["total_count"] == 1
    assert httpx.get(url, auth=("other", "another secret"), headers={"Accept": TAXII}).status_code == 404


def test_good_objects_are_kept_and_bad_ones_listed_with_what_to_do(served: Served) -> None:
    lying = indicator(2) | {"id": "malware--b1e6a7b2-6f0f-4c53-8b4e-1d4f0f9a7c11"}
    status = hand_in(served, indicator(1), lying, indicator(3))
    assert (status["success_count"], status["failure_count"]) == (2, 1)
    (failure,) = status["failures"]
    assert failure["id"] == lying["id"]
    assert "id" in failure["message"]


ENVELOPES: dict[str, tuple[bytes, int]] = {
    "broken JSON": (b'{"objects": [', 422),
    "several values in a row": (bundle(indicator(1)) + bundle(indicator(2)), 422),
    "ten thousand deep": (b'{"objects":[' + b"[" * 10_000 + b"]" * 10_000 + b"]}", 422),
    "not an envelope": (b'"indicator"', 422),
    "no UTF-8": (b'{"objects":[\xff]}', 422),
}


@pytest.mark.parametrize(("body", "status"), ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_cannot_be_read_is_refused_and_nothing_changes(
    served: Served, body: bytes, status: int
) -> None:
    before = log(served)
    with served.client() as client:
        response = client.post(served.objects_url(), content=body)
    assert response.status_code == status, response.text
    assert response.json()["title"]
    assert log(served) == before


def log(served: Served) -> list[Entry]:
    return served.node.store.log.after(0, 1000)


def test_an_envelope_of_two_gigabytes_is_refused_before_it_is_read(served: Served) -> None:
    settings = served.node.settings
    connection = http.client.HTTPConnection(settings.host, settings.port, timeout=10)
    connection.putrequest("POST", "/taxii2/katchi/collections/exchange/objects/")
    signed_in = base64.b64encode(f"siem:{SECRET}".encode()).decode()
    for name, value in (
        ("Authorization", f"Basic {signed_in}"),
        ("Accept", TAXII),
        ("Content-Type", TAXII),
        ("Content-Length", str(2 << 30)),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    # The answer comes although not a byte of the body was sent.
    response = connection.getresponse()
    assert response.status == 413
    assert json.loads(response.read())["details"]["expected"]
    assert log(served) == []
    connection.close()


def test_a_body_that_grows_beyond_what_is_taken_is_cut_off(served: Served) -> None:
    limit = served.node.settings.limits.max_content_length

    def endless() -> Iterator[bytes]:
        piece = b" " * (1 << 20)
        for _ in range(limit // len(piece) + 2):
            yield piece

    # The node may hang up while we are still sending.
    with served.client() as client, contextlib.suppress(httpx.WriteError):
        assert client.post(served.objects_url(), content=endless()).status_code == 413
    assert log(served) == []


def test_a_body_of_another_kind_is_refused(served: Served) -> None:
    with served.client(**{"Content-Type": "application/json"}) as client:
        assert client.post(served.objects_url(), content=b"{}").status_code == 415

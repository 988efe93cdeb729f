"""TAXII 2.1 as clients meet it: the standard's own client unmodified, and requests by hand for the rest."""

from __future__ import annotations

import base64
import contextlib
import gzip
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import msgspec
import pytest
import zstandard
from taxii2client.v21 import Collection, Server, as_pages

from katchi.exchange.taxii.media import TAXII
from katchi.node import terms, verification
from katchi.store.log import Entry
from tests.nodes import until
from tests.objects import bundle, indicator, stix_object
from tests.web.conftest import OWN_TOOL, SECRET, Served, add_tool


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


@pytest.mark.parametrize("limit", ["9" * 5000, "0005", "1000000000"])
def test_a_limit_may_have_any_number_of_digits(served: Served, limit: str) -> None:
    assert get(served, limit=limit).status_code == 200


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


# Conditional requests, HEAD and content codings.


def test_whoever_has_the_page_is_told_so_and_gets_no_second_copy(served: Served) -> None:
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    for tail in ("objects/", "manifest/", f"objects/{indicator(1)['id']}/", f"objects/{indicator(1)['id']}/versions/"):
        mark = get(served, tail).headers["etag"]
        with served.client(**{"If-None-Match": f'"other", {mark}'}) as client:
            held = client.get(f"{served.root}collections/exchange/{tail}")
        assert (held.status_code, held.content, held.headers["etag"]) == (304, b"", mark)
    mark = get(served).headers["etag"]
    hand_in(served, indicator(2))
    until(lambda: is_released(served, 2))
    with served.client(**{"If-None-Match": mark}) as client:
        assert client.get(served.objects_url()).status_code == 200


def test_one_can_ask_about_a_page_without_getting_it(served: Served) -> None:
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    with served.client() as client:
        asked, got = client.head(served.objects_url()), client.get(served.objects_url())
        assert client.head(f"{served.url}/taxii2/").status_code == 200
    assert (asked.status_code, asked.content) == (200, b"")
    for name in ("etag", "x-taxii-date-added-first", "x-taxii-date-added-last", "content-type"):
        assert asked.headers[name] == got.headers[name]


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        ("gzip", "gzip"), ("zstd", "zstd"), ("gzip, zstd", "zstd"), ("zstd;q=0.1, gzip", "gzip"),
        ("*", "zstd"), ("zstd;q=0, *", "gzip"), ("br", None), ("identity", None), ("gzip;q=nonsense", None),
    ],
)  # fmt: skip
def test_a_page_is_packed_as_the_client_takes_it(served: Served, accept: str, coding: str | None) -> None:
    served.node.settings = msgspec.structs.replace(served.node.settings, compress="always")
    hand_in(served, *(indicator(number) for number in range(300)))
    until(lambda: is_released(served, 300))
    with served.client(**{"Accept-Encoding": accept}) as client:
        response = client.get(served.objects_url())
    assert response.headers.get("content-encoding") == coding
    assert ids(response) == [indicator(number)["id"] for number in range(300)]


def test_nothing_is_packed_on_the_way_to_the_same_machine(served: Served) -> None:
    with served.client(**{"Accept-Encoding": "gzip, zstd"}) as client:
        assert "content-encoding" not in client.get(served.objects_url()).headers


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "identity": bytes,
}


@pytest.mark.parametrize("coding", PACKERS)
def test_an_envelope_may_come_packed(served: Served, coding: str) -> None:
    body = PACKERS[coding](json.dumps({"objects": [indicator(1)]}).encode())
    with served.client(**{"Content-Encoding": coding}) as client:
        assert client.post(served.objects_url(), content=body).json()["success_count"] == 1


BOMB = gzip.compress(b" " * (1 << 20), 9)
BAD_PACKAGES: dict[str, tuple[str, bytes, int]] = {
    "what nobody knows": ("br", b"{}", 415),
    "not packed at all": ("gzip", b'{"objects":[]}', 422),
    "cut off": ("zstd", PACKERS["zstd"](b'{"objects":[]}')[:-3], 422),
    "cut off gzip": ("gzip", gzip.compress(b'{"objects":[]}')[:-6], 422),
    "more after it": ("gzip", gzip.compress(b'{"objects":[]}') + b"more", 422),
    "a bomb": ("gzip", BOMB, 413),
    "a zstd bomb": ("zstd", PACKERS["zstd"](b" " * (1 << 20)), 413),
}


@pytest.mark.parametrize(("coding", "body", "status"), BAD_PACKAGES.values(), ids=BAD_PACKAGES)
def test_a_packed_envelope_that_cannot_be_unpacked_is_refused(
    served: Served, coding: str, body: bytes, status: int
) -> None:
    limits = msgspec.structs.replace(served.node.settings.limits, max_content_length=100_000)
    served.node.settings = msgspec.structs.replace(served.node.settings, limits=limits)
    with served.client(**{"Content-Encoding": coding}) as client:
        response = client.post(served.objects_url(), content=body)
    assert response.status_code == status, response.text
    assert response.json()["details"]["what"] == "Content-Encoding"
    assert log(served) == []


# Deleting: from this reader's view, for good, and on the ledger.


def delete(served: Served, object_id: str, collection: str = "exchange", **query: str) -> httpx.Response:
    with served.client() as client:
        return client.delete(f"{served.root}collections/{collection}/objects/{object_id}/", params=query)


def test_what_its_reader_deletes_is_gone_from_every_endpoint_and_stays_gone(served: Served) -> None:
    hand_in(served, indicator(1), indicator(2))
    until(lambda: is_released(served, 2))
    gone = indicator(1)["id"]
    assert delete(served, gone).status_code == 200
    assert ids(get(served)) == ids(get(served, "manifest/")) == [indicator(2)["id"]]
    assert ids(get(served, **{"match[id]": gone, "match[version]": "all"})) == []
    for tail in (f"objects/{gone}/", f"objects/{gone}/versions/"):
        assert get(served, tail).status_code == 404
    assert delete(served, gone).status_code == 404
    # New terms judge everything again; handing it in again changes nothing either.
    terms.put_terms(served.node, "siem", OWN_TOOL.format(name="siem") + "# again\n", person="kim")
    hand_in(served, indicator(1))
    until(lambda: ids(get(served)) == [indicator(2)["id"]])
    assert verification.verify(served.node).is_intact


def test_a_newer_version_of_what_was_deleted_comes_again(served: Served) -> None:
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    delete(served, indicator(1)["id"])
    hand_in(served, indicator(1, second=5))
    until(lambda: ids(get(served)) == [indicator(1)["id"]])
    assert get(served, f"objects/{indicator(1)['id']}/versions/").json()["versions"] == [
        indicator(1, second=5)["modified"]
    ]


@pytest.mark.parametrize(
    ("which", "left"),
    [({}, [0, 3]), ({"match[version]": "all"}, []), ({"match[version]": "first"}, [3, 5]),
     ({"match[version]": indicator(1, second=3)["modified"]}, [0, 5])],
)  # fmt: skip
def test_versions_are_deleted_one_by_one(served: Served, which: dict[str, str], left: list[int]) -> None:
    for second in (0, 3, 5):
        hand_in(served, indicator(1, second=second))
    until(lambda: is_released(served, 3))
    assert delete(served, indicator(1)["id"], **which).status_code == 200
    kept = get(served, **{"match[version]": "all"}).json().get("objects", [])
    assert [item["modified"] for item in kept] == [indicator(1, second=second)["modified"] for second in left]
    # The last one that is left is the last one now.
    last = [item["modified"] for item in get(served).json().get("objects", [])]
    assert last == [indicator(1, second=second)["modified"] for second in left[-1:]]


def test_deleting_does_not_reach_into_the_log_or_another_readers_view(served: Served) -> None:
    add_tool(served.node, "other", "another secret")
    hand_in(served, indicator(1))
    until(lambda: len(served.node.store.releases.flows()) == 2)
    assert delete(served, indicator(1)["id"]).status_code == 200
    theirs = httpx.get(served.objects_url(), auth=("other", "another secret"), headers={"Accept": TAXII})
    assert ids(theirs) == [indicator(1)["id"]]
    assert len(log(served)) == 1


def test_pages_stay_whole_while_others_delete(served: Served) -> None:
    hand_in(served, *(indicator(number) for number in range(9)))
    until(lambda: is_released(served, 9))
    page = get(served, limit="4").json()
    for number in (1, 3, 5):
        delete(served, indicator(number)["id"])
    rest = get(served, limit="4", next=page["next"])
    assert ids(rest) == [indicator(number)["id"] for number in (4, 6, 7, 8)]
    assert rest.json()["more"] is False


def test_next_with_another_added_after_is_refused(served: Served) -> None:
    hand_in(served, indicator(1), indicator(2))
    until(lambda: is_released(served, 2))
    page = get(served, limit="1", added_after="2020-01-01T00:00:00Z").json()
    same = get(served, limit="1", next=page["next"], added_after="2020-01-01T00:00:00.000Z")
    other = get(served, limit="1", next=page["next"], added_after="2021-01-01T00:00:00Z")
    assert (same.status_code, other.status_code) == (200, 400)

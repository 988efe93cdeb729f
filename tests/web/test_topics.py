"""A topic is a collection of its own: only its readers see it, and in it only what belongs to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from katchi.exchange.taxii.media import TAXII
from katchi.node import terms, topics
from katchi.node.topics import BadTopicError
from katchi.policy.topic import Topic
from katchi.store.partners import UnknownPartnerError
from katchi.store.topics import TopicExistsError
from katchi.web.serve import serving
from tests.conftest import a_database
from tests.nodes import a_node, until
from tests.objects import indicator, stix_object
from tests.web.conftest import OWN_TOOL, SECRET, Served, add_tool
from tests.web.test_taxii import get, hand_in, ids, is_released

PHISHING = Topic("phishing", labels=("phishing",), readers=("siem",))


def phish(number: int, **properties: object) -> dict[str, object]:
    return indicator(number, labels=["phishing"], **properties)


def read(served: Served, topic: str = "phishing", **query: str) -> httpx.Response:
    with served.client() as client:
        return client.get(served.objects_url(topic), params=query)


def aliases(served: Served, name: str = "siem", secret: str = SECRET) -> list[str]:
    answer = httpx.get(f"{served.root}collections/", auth=(name, secret), headers={"Accept": TAXII})
    return [each["alias"] for each in answer.json()["collections"]]


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    """A served node on each database."""
    url = "sqlite:///katchi.db"
    if request.param == "postgresql":
        url = a_database(request.getfixturevalue("postgresql"))
    with a_node(tmp_path / "node", "kr-cert", database=url) as node:
        add_tool(node, "siem", SECRET)
        with serving(node):
            yield Served(node, node.settings.url)


def test_a_topic_has_what_went_before_it_and_what_comes_after(either: Served) -> None:
    hand_in(either, phish(1), indicator(2), phish(3))
    until(lambda: is_released(either, 3))
    topics.add(either.node, PHISHING)
    assert ids(read(either)) == [phish(1)["id"], phish(3)["id"]]
    hand_in(either, indicator(4), phish(5))
    until(lambda: is_released(either, 5))
    assert ids(read(either)) == [phish(number)["id"] for number in (1, 3, 5)]
    assert len(ids(get(either))) == 5


def test_pages_filters_and_the_manifest_agree_within_a_topic(either: Served) -> None:
    topics.add(either.node, PHISHING)
    hand_in(either, *(phish(number) if number % 2 else indicator(number) for number in range(10)))
    hand_in(either, phish(1, second=5))
    until(lambda: is_released(either, 11))
    assert ids(read(either, **{"match[type]": "indicator,malware"})) == [phish(n)["id"] for n in (3, 5, 7, 9, 1)]
    assert len(ids(read(either, **{"match[version]": "all"}))) == 6
    assert ids(read(either, **{"match[id]": f"{phish(1)['id']},{indicator(2)['id']}"})) == [phish(1)["id"]]
    first = read(either, limit="2")
    rest = read(either, limit="5", next=first.json()["next"])
    assert ids(first) + ids(rest) == [phish(n)["id"] for n in (3, 5, 7, 9, 1)]
    with either.client() as client:
        records = client.get(either.objects_url("phishing").replace("/objects/", "/manifest/")).json()["objects"]
    assert [each["id"] for each in records] == ids(first) + ids(rest)


def test_an_object_outside_a_topic_is_not_found_there(served: Served) -> None:
    topics.add(served.node, PHISHING)
    hand_in(served, indicator(2))
    until(lambda: is_released(served, 1))
    with served.client() as client:
        assert client.get(f"{served.objects_url('phishing')}{indicator(2)['id']}/").status_code == 404
        assert client.get(f"{served.objects_url('phishing')}{indicator(2)['id']}/versions/").status_code == 404
        assert client.get(f"{served.objects_url()}{indicator(2)['id']}/").status_code == 200


def test_only_its_readers_know_of_a_topic(served: Served) -> None:
    add_tool(served.node, "other", "another secret")
    topics.add(served.node, PHISHING)
    assert aliases(served) == ["exchange", "phishing"]
    assert aliases(served, "other", "another secret") == ["exchange"]
    answer = httpx.get(served.objects_url("phishing"), auth=("other", "another secret"), headers={"Accept": TAXII})
    assert answer.status_code == 404


def test_a_topic_is_for_reading(served: Served) -> None:
    topics.add(served.node, PHISHING)
    with served.client() as client:
        assert client.post(served.objects_url("phishing"), json={"objects": []}).status_code == 403
        assert client.delete(f"{served.objects_url('phishing')}{phish(1)['id']}/").status_code == 403


def test_it_is_asked_of_what_goes_and_not_of_what_is_held(served: Served) -> None:
    """Else being in the topic would tell of the label that the terms strip."""
    topics.add(served.node, PHISHING)
    stripping = OWN_TOOL.format(name="siem") + 'strip = ["labels"]\n'
    terms.put_terms(served.node, "siem", stripping, person="kim")
    hand_in(served, phish(1))
    until(lambda: is_released(served, 1))
    assert ids(read(served)) == []


def test_one_that_comes_back_is_in_its_topic_at_its_new_place(served: Served) -> None:
    topics.add(served.node, PHISHING)
    hand_in(served, phish(1))
    until(lambda: is_released(served, 1))
    last = read(served).headers["X-TAXII-Date-Added-Last"]
    plain = OWN_TOOL.format(name="siem")
    terms.put_terms(served.node, "siem", plain.replace('"amber+strict"', '"clear"'), person="kim")
    served.node.bell.ring()
    until(lambda: ids(read(served)) == [] and served.node.store.releases.flows()["siem"].withdrawn == 1)
    terms.put_terms(served.node, "siem", plain, person="kim")
    served.node.bell.ring()
    until(lambda: ids(read(served, added_after=last)) == [phish(1)["id"]])


def test_a_topic_by_marking_or_by_type(served: Served) -> None:
    topics.add(served.node, Topic("green", markings=("green",)))
    topics.add(served.node, Topic("malware", types=("malware",)))
    hand_in(
        served,
        indicator(1),
        indicator(2, tlp="amber"),
        stix_object("malware", 1, tlp="amber", name="w", is_family=True),
    )
    until(lambda: is_released(served, 3))
    assert ids(read(served, "green")) == [indicator(1)["id"]]
    assert ids(read(served, "malware")) == [stix_object("malware", 1)["id"]]


def test_one_that_is_still_filling_is_not_served_and_goes_on_where_it_stopped(served: Served) -> None:
    hand_in(served, *(phish(number) for number in range(5)))
    until(lambda: is_released(served, 5))
    served.node.store.topics.add(PHISHING)
    served.node.store.topics.fill("phishing", 2)
    assert aliases(served) == ["exchange"]
    topics.fill(served.node, "phishing")
    assert len(ids(read(served))) == 5


@pytest.mark.parametrize(
    ("topic", "problem"),
    [
        (Topic("everything"), BadTopicError),
        (Topic("exchange", types=("malware",)), BadTopicError),
        (Topic("No such form", types=("malware",)), BadTopicError),
        (Topic("typo", types=("indicators",)), BadTopicError),
        (Topic("odd", markings=("white",)), BadTopicError),  # type: ignore[arg-type]
        (Topic("whose", types=("malware",), readers=("nobody",)), UnknownPartnerError),
        (PHISHING, TopicExistsError),
    ],
    ids=lambda value: getattr(value, "alias", ""),
)
def test_a_topic_that_makes_no_sense_is_refused(served: Served, topic: Topic, problem: type[Exception]) -> None:
    topics.add(served.node, PHISHING)
    with pytest.raises(problem):
        topics.add(served.node, topic)
    assert [row.topic.alias for row in served.node.store.topics.all()] == ["phishing"]


def test_a_search_that_finds_little_ends_its_page_and_says_where_to_go_on(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    from katchi.store import releases

    monkeypatch.setattr(releases, "LOOK", 3)
    hand_in(served, *(indicator(number) for number in range(10)))
    until(lambda: is_released(served, 10))
    seen, query = 0, {"match[spec_version]": "2.0"}
    while True:
        page = get(served, **query).json()
        assert "objects" not in page
        seen += 1
        if not page["more"]:
            break
        query = {"next": page["next"]}
    assert seen == 3

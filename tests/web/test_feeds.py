"""Feeds as a firewall meets them: a stable address, a token, and a 304 while nothing has changed."""

from __future__ import annotations

import httpx
import msgspec
import pytest

from katchi.exchange import feeds
from katchi.node import partnering, terms, topics
from katchi.node.release import judge
from katchi.policy.topic import Topic
from tests.nodes import until
from tests.objects import indicator
from tests.web.conftest import OWN_TOOL, SECRET, Served
from tests.web.test_taxii import hand_in, is_released


def poll(served: Served, tail: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{served.url}/feeds/{tail}", auth=("siem", SECRET), headers=headers, timeout=30)


def values(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [line for line in answer.text.splitlines() if not line.startswith("#")]


def test_a_firewall_polls_a_list_and_hears_when_nothing_has_changed(served: Served) -> None:
    hand_in(served, indicator(1), indicator(2), indicator(3, pattern="[ipv4-addr:value = '10.0.0.1']"))
    until(lambda: is_released(served, 3))
    first = poll(served, "all/list")
    assert values(first) == ["198.51.100.1", "198.51.100.2"]
    assert (first.headers["X-Katchi-Entries"], first.headers["X-Katchi-Left-Out"]) == ("2", "never-blocked=1")
    again = poll(served, "all/list", **{"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    hand_in(served, indicator(4))
    until(lambda: is_released(served, 4))
    news = poll(served, "all/list", **{"If-None-Match": first.headers["ETag"]})
    assert values(news) == ["198.51.100.1", "198.51.100.2", "198.51.100.4"]


def test_what_is_on_a_warning_list_of_a_stopping_class_waits_for_a_person(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    patterns = [
        "[ipv4-addr:value = '8.8.8.8']", "[ipv4-addr:value = '8.8.8.0/24']", "[domain-name:value = 'google.com']",
        "[domain-name:value = 'co.uk']", "[file:hashes.MD5 = 'd41d8cd98f00b204e9800998ecf8427e']",
        "[domain-name:value = 'evil.blogspot.com']", "[url:value = 'https://google.com/evil']",
    ]  # fmt: skip
    hand_in(served, *(indicator(number, pattern=each) for number, each in enumerate(patterns, 1)))
    until(lambda: is_released(served, 7))
    first = poll(served, "all/list")
    assert values(first) == ["evil.blogspot.com", "https://google.com/evil"]
    assert "never-blocked=5" in first.headers["X-Katchi-Left-Out"]
    assert len(values(poll(served, "all/list?warned=include"))) == 7
    chosen = msgspec.structs.replace(served.node.settings, never_block=("hosting-of-others",))
    monkeypatch.setattr(served.node, "settings", chosen)
    assert len(values(poll(served, "all/list"))) == 7


def test_what_is_taken_back_is_gone_from_the_list(served: Served) -> None:
    hand_in(served, indicator(1), indicator(2))
    until(lambda: is_released(served, 2))
    first = poll(served, "all/list")
    hand_in(served, indicator(1, second=5, tlp="red"))
    until(lambda: served.node.store.releases.flows()["siem"].withdrawn == 1)
    news = poll(served, "all/list", **{"If-None-Match": first.headers["ETag"]})
    assert values(news) == ["198.51.100.2"]


@pytest.mark.parametrize("name", feeds.names())
def test_every_feed_has_an_address(served: Served, name: str) -> None:
    answer = poll(served, f"all/{name}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith(feeds.new(name).media_type)
    assert int(answer.headers["Content-Length"]) == len(answer.content)
    head = httpx.head(f"{served.url}/feeds/all/{name}", auth=("siem", SECRET))
    assert (head.status_code, head.headers["ETag"]) == (200, answer.headers["ETag"])


def test_a_topic_and_wishes_narrow_a_feed(served: Served) -> None:
    topics.add(served.node, Topic("phishing", labels=("phishing",)))
    hand_in(
        served,
        indicator(1, labels=["phishing"], confidence=90),
        indicator(2, labels=["phishing"], pattern="[domain-name:value = 'bad.example']"),
        indicator(3, pattern="[ipv4-addr:value = '10.0.0.1']"),
    )
    until(lambda: is_released(served, 3))
    assert values(poll(served, "phishing/list")) == ["198.51.100.1", "bad.example"]
    assert values(poll(served, "phishing/list?kinds=domain,url")) == ["bad.example"]
    assert values(poll(served, "all/list?confidence=80")) == ["198.51.100.1"]
    assert values(poll(served, "all/list?warned=include&kinds=ipv4")) == ["198.51.100.1", "10.0.0.1"]


REFUSED = {
    "all/nothing": 404,
    "nowhere/list": 404,
    "all/list?kinds=ipv4,names": 400,
    "all/list?warned=perhaps": 400,
    "all/list?confidence=101": 400,
    f"all/list?confidence={'9' * 5000}": 400,
    "all/list?since=yesterday": 400,
}


@pytest.mark.parametrize(("tail", "status"), REFUSED.items())
def test_what_makes_no_sense_is_refused_with_what_to_do(served: Served, tail: str, status: int) -> None:
    answer = poll(served, tail)
    assert answer.status_code == status
    assert answer.json()["title"]


def test_strangers_and_the_suspended_get_nothing(served: Served) -> None:
    assert httpx.get(f"{served.url}/feeds/all/list").status_code == 401
    assert httpx.get(f"{served.url}/feeds/all/list", auth=("siem", "wrong")).status_code == 401
    partnering.suspend(served.node, "siem", person="lee")
    assert poll(served, "all/list").status_code == 403


def test_half_a_list_is_no_list(served: Served) -> None:
    """While new terms are held against what went before, a device keeps what it has."""
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    with served.node.store.database.writing():  # nobody judges meanwhile: other writers wait
        pass
    row = served.node.store.partners.one("siem")
    terms.put_terms(served.node, "siem", OWN_TOOL.format(name="siem") + "# again\n", person="kim")
    answer = poll(served, "all/list")
    assert answer.status_code in (200, 503)
    if answer.status_code == 503:
        assert answer.headers["Retry-After"] == "60"
    while judge(served.node, "siem"):
        pass
    assert values(poll(served, "all/list")) == ["198.51.100.1"]
    assert served.node.store.partners.one("siem").epoch == row.epoch + 1


def test_the_list_of_lists_says_where_each_is_and_who_loads_it(served: Served) -> None:
    topics.add(served.node, Topic("phishing", labels=("phishing",)))
    listed = poll(served, "").json()["feeds"]
    assert {each["collection"] for each in listed} == {"all", "phishing"}
    assert all(each["loaded_by"] for each in listed)
    one = next(each for each in listed if each["format"] == "dns-rpz")
    assert httpx.get(one["url"], auth=("siem", SECRET)).status_code == 200

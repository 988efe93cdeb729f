"""Our MISP feed as MISP's own library meets it, and read back by our own intake."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pymisp import MISPEvent

from katchi import stix
from katchi.exchange.intake import Choices
from katchi.exchange.intakes.misp_json import MispJson
from katchi.exchange.misp_feed import SECOND
from katchi.node import misp, topics
from katchi.node import terms as node_terms
from katchi.node.clock import SetClock
from katchi.policy.topic import Topic
from katchi.stix.markings import TLP_2_IDS
from tests.nodes import until
from tests.objects import indicator, stix_object
from tests.web.conftest import OWN_TOOL, SECRET, Served
from tests.web.test_taxii import hand_in, is_released

SHA256 = "b" * 64
ITEMS = [
    indicator(1),
    indicator(2, pattern=f"[domain-name:value = 'bad.example' OR file:hashes.'SHA-256' = '{SHA256}']", tlp="amber"),
    indicator(3, pattern="[url:value = 'http://bad.example/x']"),
    indicator(4, pattern="[ipv4-addr:value = '198.51.100.9' AND domain-name:value = 'a.example']"),
    stix_object("malware", 1, name="wiper", is_family=True, description="It wipes."),
]


def fetch(served: Served, name: str, collection: str = "all", **headers: str) -> httpx.Response:
    return httpx.get(f"{served.url}/feeds/{collection}/misp/{name}", auth=("siem", SECRET), headers=headers, timeout=30)


def events(served: Served) -> list[MISPEvent]:
    """Every event of the feed, loaded by PyMISP."""
    loaded = []
    for name in fetch(served, "manifest.json").json():
        event = MISPEvent()
        event.load(fetch(served, f"{name}.json").json())
        loaded.append(event)
    return loaded


def values(event: MISPEvent) -> dict[str, str]:
    return {attribute.value: attribute.type for attribute in event.attributes}


def test_pymisp_loads_the_feed(served: Served) -> None:
    hand_in(served, *ITEMS)
    until(lambda: is_released(served, len(ITEMS)))
    (event,) = events(served)
    said = values(event)
    assert said["198.51.100.1"] == "ip-dst"
    assert (said["bad.example"], said[SHA256], said["http://bad.example/x"]) == ("domain", "sha256", "url")
    assert "198.51.100.9" not in said
    assert any("1 objects of this stretch" in value for value in said)
    marked = {attribute.value: [tag.name for tag in attribute.tags] for attribute in event.attributes}
    assert (marked["198.51.100.1"], marked["bad.example"]) == (["tlp:green"], ["tlp:amber"])
    assert [tag.name for tag in event.tags] == ["tlp:amber"]
    own = indicator(1)["id"].partition("--")[2]
    assert [attribute.uuid for attribute in event.attributes if attribute.value == "198.51.100.1"] == [own]


def test_the_index_has_the_form_that_pymisp_itself_writes(served: Served) -> None:
    hand_in(served, *ITEMS)
    until(lambda: is_released(served, len(ITEMS)))
    (event,) = events(served)
    theirs: dict[str, Any] = event.manifest[str(event.uuid)]
    ours = fetch(served, "manifest.json").json()[str(event.uuid)]
    assert ours.keys() == theirs.keys()
    for name in ("info", "date", "analysis", "threat_level_id", "timestamp"):
        assert str(ours[name]) == str(theirs[name]), name
    lines = fetch(served, "hashes.csv").text.splitlines()
    assert f"{hashlib.md5(b'bad.example', usedforsecurity=False).hexdigest()},{event.uuid}" in lines
    feed = event.to_feed(with_meta=False)["Event"]
    assert {each["value"] for each in feed["Attribute"]} == set(values(event))


def test_an_event_changes_its_timestamp_only_when_it_changes(served: Served) -> None:
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    served.node.clock = clock = SetClock(served.node.clock.now() + 2_000_000)
    first = fetch(served, "manifest.json")
    assert fetch(served, "manifest.json", **{"If-None-Match": first.headers["ETag"]}).status_code == 304
    clock.forward(60_000_000)
    assert fetch(served, "manifest.json").json() == first.json()


def test_of_a_second_that_is_not_over_the_next_poll_hears_again(served: Served) -> None:
    """MISP counts in seconds: whatever came after its poll in the same second would be missed for ever."""
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    (last,) = served.node.store.releases.latest(1)
    served.node.clock = clock = SetClock(last.added)
    first = fetch(served, "manifest.json")
    clock.forward(1_000_000)
    again = fetch(served, "manifest.json", **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 200
    (before,), (after,) = first.json().values(), again.json().values()
    assert int(after["timestamp"]) == int(before["timestamp"]) + 1 == last.added // 1_000_000


def test_what_is_taken_back_is_deleted_there(served: Served) -> None:
    hand_in(served, indicator(1), indicator(2))
    until(lambda: is_released(served, 2))
    hand_in(served, indicator(1, second=5, tlp="red"))
    until(lambda: served.node.store.releases.flows()["siem"].withdrawn == 1)
    (event,) = events(served)
    own = indicator(1)["id"].partition("--")[2]
    (gone,) = [attribute for attribute in event.attributes if attribute.uuid == own]
    assert (gone.deleted, gone.value) == (True, "withdrawn")
    assert "198.51.100.2" in values(event)


def test_a_large_view_is_several_events(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(misp, "STRETCH", 4)
    hand_in(served, *(indicator(number) for number in range(10)))
    until(lambda: is_released(served, 10))
    found = events(served)
    assert len(found) == 3
    assert sorted(value for event in found for value in values(event)) == sorted(f"198.51.100.{n}" for n in range(10))


def test_our_own_intake_reads_the_same_back_and_no_wider(served: Served) -> None:
    hand_in(served, *ITEMS)
    until(lambda: is_released(served, len(ITEMS)))
    (name,) = fetch(served, "manifest.json").json()
    clear = next(marking for marking, label in TLP_2_IDS.items() if label == "clear")
    found = MispJson().read(fetch(served, f"{name}.json").content, Choices(served.node.settings.node_id, clear, 0))
    patterns = [
        str(item.properties.get("pattern")) for item in map(stix.read, found.objects) if item.type == "indicator"
    ]
    assert any("198.51.100.1" in pattern for pattern in patterns)
    assert any(SHA256 in pattern for pattern in patterns)
    # "Your organisation only" is how a feed arrives: whoever takes it widens it by a decision of their own.
    assert all(stix.TLP_IDS[ref] == "red" for item in map(stix.read, found.objects) for ref in item.marking_refs)


def test_each_file_is_signed_for_whoever_asks(served: Served) -> None:
    hand_in(served, indicator(1))
    until(lambda: is_released(served, 1))
    second = served.node.clock.now() // SECOND
    until(lambda: served.node.clock.now() // SECOND > second)  # a file of the second that is not over changes yet
    manifest = fetch(served, "manifest.json")
    (name,) = manifest.json()
    public = load_pem_public_key(fetch(served, "key.pem").content)
    assert isinstance(public, Ed25519PublicKey)
    assert public.public_bytes_raw() == served.node.key.public.raw
    for each in ("manifest.json", "hashes.csv", f"{name}.json"):
        public.verify(fetch(served, f"{each}.sig").content, fetch(served, each).content)
    with pytest.raises(InvalidSignature):
        public.verify(fetch(served, "manifest.json.sig").content, manifest.content + b" ")


@pytest.mark.parametrize(
    "name",
    [
        "manifest.json.sig.sig",
        "x.sig",
        ".sig",
        "nothing.json",
        "../../katchi.toml",
        "%2e%2e%2fkatchi.toml",
        f"{'0' * 36}.json",
    ],
)
def test_there_is_nothing_else_in_it(served: Served, name: str) -> None:
    answer = fetch(served, name)
    assert answer.status_code == 404
    assert b"node_id" not in answer.content


def test_strangers_get_nothing_and_half_a_feed_is_none(served: Served) -> None:
    assert httpx.get(f"{served.url}/feeds/all/misp/manifest.json").status_code == 401
    node_terms.put_terms(served.node, "siem", OWN_TOOL.format(name="siem") + "# again\n", person="kim")
    until(lambda: fetch(served, "manifest.json").status_code == 200)


def test_a_topic_is_a_feed_of_its_own(served: Served) -> None:
    topics.add(served.node, Topic("phishing", labels=("phishing",)))
    hand_in(served, indicator(1), indicator(2, labels=["phishing"]))
    until(lambda: is_released(served, 2))
    (name,) = fetch(served, "manifest.json", "phishing").json()
    event = MISPEvent()
    event.load(fetch(served, f"{name}.json", "phishing").json())
    assert list(values(event)) == ["198.51.100.2"]
    assert name not in fetch(served, "manifest.json").json()
    assert fetch(served, "manifest.json", "nowhere").status_code == 404

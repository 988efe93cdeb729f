"""MISP events in: what they say, how strictly, and what is dropped, in words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from katchi import stix
from katchi.exchange import intakes
from katchi.exchange.fetching import AnswerError
from katchi.exchange.intake import Choices, Found, Remark, UnreadableDocumentError
from katchi.exchange.intakes.misp_json import MispIndex, MispJson
from katchi.exchange.subscription import Fetched, Place
from katchi.exchange.subscriptions.misp_feed import MispFeed
from katchi.stix.markings import TLP_2_IDS, TLP_IDS

MARKING = {label: marking for marking, label in TLP_2_IDS.items()}
EVENT = "5a1d7a3e-0c55-4a30-9a3c-7b1f6f2d9d11"


def uuid(number: int) -> str:
    return f"6a1d7a3e-0c55-4a30-9a3c-{number:012d}"


def attribute(number: int, **members: Any) -> dict[str, Any]:
    return {
        "uuid": uuid(number), "type": "domain", "category": "Network activity", "value": f"bad{number}.example",
        "to_ids": True, "timestamp": "1767225600",
    } | members  # fmt: skip


def event(*attributes: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {
        "uuid": EVENT, "info": "A wiper", "date": "2026-01-01", "timestamp": "1767225600", "analysis": "2",
        "threat_level_id": "1", "published": True, "Attribute": list(attributes),
        "Orgc": {"name": "park-cert", "uuid": "55f6ea5e-2c60-40e5-964f-47a8950d210f"},
    } | members  # fmt: skip


def read(*events: dict[str, Any], marking: str = "clear") -> Found:
    choices = Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", MARKING[marking], 0)
    return MispJson().read(json.dumps({"response": [{"Event": each} for each in events]}).encode(), choices)


def labels(found: Found) -> dict[str, str]:
    """The TLP of each object, by the UUID in its id; of several, of the indicator."""
    said = {}
    for item in sorted(map(stix.read, found.objects), key=lambda item: item.type == "indicator"):
        said[item.id.partition("--")[2]] = next(TLP_IDS[ref] for ref in item.marking_refs if ref in TLP_IDS)
    return said


def tag(name: str) -> dict[str, Any]:
    return {"Tag": [{"name": name}]}


STRICT = {
    "nothing said: what was chosen": ({}, {}, "green", "green"),
    "the event's tag": (tag("tlp:amber"), {}, "clear", "amber"),
    "the old white": (tag("TLP:WHITE"), {}, "clear", "clear"),
    "the attribute's tag": ({}, tag("tlp:red"), "clear", "red"),
    "an attribute is never laxer than its event": (tag("tlp:amber"), tag("tlp:clear"), "clear", "amber"),
    "nor than what was chosen": (tag("tlp:clear"), {}, "amber", "amber"),
    "your organisation only": ({"distribution": "0"}, {}, "clear", "red"),
    "this community": ({"distribution": 1}, {}, "clear", "amber+strict"),
    "connected communities": ({"distribution": "2"}, {}, "clear", "amber"),
    "all communities": ({"distribution": "3"}, {}, "clear", "clear"),
    "a sharing group": ({"distribution": "4"}, {}, "clear", "amber+strict"),
    "the attribute inherits": ({"distribution": "2"}, {"distribution": "5"}, "clear", "amber"),
    "the attribute's level": ({"distribution": "3"}, {"distribution": "0"}, "clear", "red"),
    "a level that nobody knows": ({"distribution": "9"}, {}, "clear", "red"),
    "a tag that nobody knows": (tag("tlp:purple"), {}, "clear", "red"),
}


@pytest.mark.parametrize(("of_event", "of_attribute", "chosen", "expected"), STRICT.values(), ids=STRICT)
def test_a_marking_is_never_wider_than_anything_said(
    of_event: dict[str, Any], of_attribute: dict[str, Any], chosen: str, expected: str
) -> None:
    found = read(event(attribute(1, **of_attribute), **of_event), marking=chosen)
    assert labels(found)[uuid(1)] == expected
    observables = [item for item in map(stix.read, found.objects) if item.type == "domain-name"]
    assert [labels(found)[item.id.partition("--")[2]] for item in observables] == [expected] * len(observables)


def test_an_object_is_as_strict_as_its_strictest_attribute() -> None:
    whole = {
        "uuid": uuid(9), "name": "file", "meta-category": "file", "timestamp": "1767225600",
        "Attribute": [
            attribute(1, type="md5", object_relation="md5", value="a" * 32),
            attribute(2, type="filename", object_relation="filename", value="x.exe", **tag("tlp:red")),
        ],
    }  # fmt: skip
    assert labels(read(event(Object=[whole])))[uuid(9)] == "red"


def test_the_name_of_a_sharing_group_goes_nowhere() -> None:
    found = read(event(attribute(1), distribution="4", SharingGroup={"name": "Operation Quiet", "uuid": uuid(8)}))
    assert b"Operation Quiet" not in b"".join(found.objects)
    assert "sharing-group" in {remark.code for remark in found.remarks}


def test_what_was_deleted_comes_as_revoked() -> None:
    found = read(event(attribute(1), attribute(2, deleted=True)))
    by_id = {item.id: item for item in map(stix.read, found.objects)}
    assert not by_id[f"indicator--{uuid(1)}"].revoked
    assert by_id[f"indicator--{uuid(2)}"].revoked
    assert not [item for item in by_id.values() if item.type == "observed-data" and uuid(2) in item.id]
    assert [remark.text for remark in found.remarks if remark.code == "deleted"] == ["domain: bad2.example"]


def test_one_broken_event_stops_nobody() -> None:
    found = read(event(attribute(1, uuid="no uuid at all")), event(attribute(2), uuid=uuid(7)))
    assert uuid(2) in labels(found)
    assert "event-broken" in {remark.code for remark in found.remarks}


def test_a_galaxy_that_cannot_be_read_costs_the_galaxy_and_not_the_event() -> None:
    cluster = {"uuid": "", "value": "x - T1", "type": "mitre-attack-pattern", "meta": {"external_id": ["T1"]}}
    galaxy = {"name": "Attack Pattern", "type": "mitre-attack-pattern", "uuid": uuid(6), "GalaxyCluster": [cluster]}
    found = read(event(attribute(1), Galaxy=[galaxy]))
    assert uuid(1) in labels(found)


def test_two_readings_are_the_same() -> None:
    assert read(event(attribute(1))) == read(event(attribute(1)))


NO_EVENTS = [
    b"", b"{", b"[]", b"{}", b'{"Event": 1}', b'{"Event": {}}', b'{"response": 7}',
    b'{"Event": {"Attribute": {"a": 1}}}',
    b'{"Event":' * 3000, b'{"Event": {"uuid": null, "info": [], "Tag": [1], "Attribute": [1, {"uuid": {}}]}}',
]  # fmt: skip


@pytest.mark.parametrize("document", NO_EVENTS)
def test_what_is_no_event_is_refused(document: bytes) -> None:
    choices = Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", MARKING["green"], 0)
    with pytest.raises(UnreadableDocumentError):
        MispJson().read(document, choices)


def test_the_index_of_a_feed_is_known_for_what_it_is() -> None:
    manifest = json.dumps({EVENT: {"Orgc": {"name": "x"}, "timestamp": "1", "info": "y"}}).encode()
    hashes = f"{'a' * 32},{EVENT}\n".encode()
    assert intakes.recognised(manifest, "feed/manifest.json").name == MispIndex.name
    assert intakes.recognised(hashes, "hashes.csv").name == MispIndex.name
    assert intakes.recognised(hashes, "list.csv").name != MispIndex.name
    assert intakes.recognised(json.dumps({"Event": event()}).encode(), "manifest.json").name == "misp-json"


class Feed:
    """A feed that can be changed, and counts what is asked."""

    def __init__(self, *names: str) -> None:
        self.moments = dict.fromkeys(names, 1_767_225_600)
        self.broken: set[str] = set()
        self.gone: set[str] = set()
        self.asked: list[str] = []

    def fetch(self, url: str, *, headers: Mapping[str, str] | None = None) -> Fetched:
        name = url.rpartition("/")[2].removesuffix(".json")
        self.asked.append(name)
        if name == "manifest":
            return Fetched(
                url, 200, {}, json.dumps({each: {"timestamp": at} for each, at in self.moments.items()}).encode()
            )
        if name in self.gone:
            problem = AnswerError("no")
            problem.status = 404
            raise problem
        place = sorted(self.moments).index(name)
        body = b"{" if name in self.broken else json.dumps({"Event": event(attribute(place), uuid=name)}).encode()
        return Fetched(url, 200, {}, body)

    def read(self, bookmark: Mapping[str, object] | None = None) -> tuple[list[Remark], Mapping[str, object]]:
        """What is remarked in one reading, and the bookmark after it; `asked` has what it asked for."""
        self.asked = []
        choices = Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", MARKING["green"], 0)
        pieces = list(MispFeed().read(Place("https://feed.example/feed"), self.fetch, bookmark or {}, choices))
        return [remark for piece in pieces for remark in piece.remarks], pieces[-1].bookmark


def test_only_what_is_new_or_changed_is_fetched_however_old_its_date() -> None:
    feed = Feed(uuid(1), uuid(2))
    _, mark = feed.read()
    assert feed.asked == ["manifest", uuid(1), uuid(2)]
    feed.moments |= {uuid(2): 1_767_225_700, uuid(3): 1_500_000_000}
    _, mark = feed.read(mark)
    assert feed.asked == ["manifest", uuid(3), uuid(2)]
    feed.read(mark)
    assert feed.asked == ["manifest"]


def test_a_broken_or_missing_event_is_said_and_stops_nobody() -> None:
    feed = Feed(uuid(1), uuid(2), uuid(3))
    feed.broken, feed.gone = {uuid(1)}, {uuid(2)}
    remarks, _ = feed.read()
    assert {remark.code for remark in remarks} >= {"event-broken", "event-missing"}
    assert feed.asked[-1] == uuid(3)


def test_names_that_are_no_uuids_are_never_asked_for() -> None:
    feed = Feed("../../etc/passwd", "x?y=z", uuid(1))
    feed.read()
    assert feed.asked == ["manifest", uuid(1)]


@pytest.mark.shared
def test_real_events_are_read_and_what_is_lost_is_said(shared_data: Path) -> None:
    read_well = broken = 0
    for path in sorted(shared_data.glob("misp/feed_*/*-*.json")):
        found = MispJson().read(
            path.read_bytes(), Choices("identity--f431f809-377b-45e0-aa1c-6a4751cae5ff", MARKING["clear"], 0)
        )
        wrong = [
            raw for raw in found.objects if any(each.level is stix.Level.MUST for each in stix.check(stix.read(raw)))
        ]
        read_well += len(found.objects) - len(wrong)
        broken += len(wrong)
    assert read_well > 50 * max(broken, 1)

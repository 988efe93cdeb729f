"""MISP events in: what they say, how strictly, and what is dropped, in words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from katchi import stix
from katchi.exchange import intakes
from katchi.exchange.intake import Choices, Found, UnreadableDocumentError
from katchi.exchange.intakes.misp_json import MispIndex, MispJson
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

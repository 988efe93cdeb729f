"""Real publishers' objects under the starter terms: nothing breaks, nothing dangles, every copy is valid."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

import katchi.policy
from katchi import policy, stix
from katchi.policy import Release, parse_terms
from tests.policy.small_world import NOW, PARK, SmallWorld

TEMPLATE = (Path(katchi.policy.__file__).parent / "templates" / "partner.toml").read_text(encoding="utf-8")
AS_IT_IS = TEMPLATE.replace('"PARTNER"', '"park"').replace('unmarked = "withhold"', 'unmarked = "green"')
REDACTED = AS_IT_IS.replace('up-to = "green"', 'up-to = "clear"')
WHERE = [
    "stix/oasis_examples/*.json",
    "stix/elevator_idioms/*.json",
    "iocs/partner_d_unit42/stix2-reports/*.json",
    "attack/ics-attack-18.1.stix21.official.json.gz",
]


def bundles(folder: Path) -> Iterator[list[stix.Object]]:
    for pattern in WHERE:
        for path in sorted(folder.glob(pattern)):
            raw = path.read_bytes()
            yield [stix.read(each) for each in stix.split(gzip.decompress(raw) if path.suffix == ".gz" else raw)]


def is_valid(obj: stix.Object) -> bool:
    return not any(found.level is stix.Level.MUST for found in stix.check(obj))


@pytest.mark.shared
@pytest.mark.parametrize("text", [AS_IT_IS, REDACTED], ids=["as-it-is", "redacted"])
def test_real_objects_go_whole_or_as_valid_copies_that_point_to_what_went(shared_data: Path, text: str) -> None:
    under = parse_terms(text)
    released = copied = 0
    for objects in bundles(shared_data):
        world = SmallWorld()
        world.hold(*objects)
        decisions = [policy.decide(obj, "own", 0, PARK, under, world, NOW) for obj in objects]
        gone = [each.released for each in decisions if isinstance(each, Release)]
        ids = {each.object_id for each in gone}
        for each in gone:
            body = stix.read(each.raw)
            assert all(link.id in ids or link.id not in world.held for link in stix.references(body))
            assert not each.is_copy or is_valid(body)
        released += len(gone)
        copied += sum(each.is_copy for each in gone)
    assert released > 100
    assert copied > 10

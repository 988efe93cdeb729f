"""Alarms: raised by what rises, silent for what is as it was, with who told and what it indicates."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from katchi import stix
from katchi.node import emerging, portrait
from katchi.node.clock import SetClock
from katchi.node.emerging import DAY, UnknownAlarmError
from katchi.node.receive import receive
from katchi.node.wiring import Node
from katchi.prepare.emerging import delays, judge, tail
from katchi.store import things as rows
from tests.nodes import a_node
from tests.objects import bundle, indicator, stix_object

TODAY = 20_780  # days since 1970: a Monday
MALWARE = stix_object("malware", 1, name="WannaCry", is_family=True)
C2 = indicator(1, pattern="[domain-name:value = 'c2.example']")
INDICATES = stix_object("relationship", 1, relationship_type="indicates", source_ref=C2["id"], target_ref=MALWARE["id"])


@pytest.fixture
def node(database_url: str, tmp_path: Path) -> Iterator[Node]:
    with a_node(tmp_path / "node", "kr-cert", database=database_url) as made:
        made.clock = SetClock(TODAY * DAY + DAY // 2)
        receive(made, bundle(MALWARE, C2, INDICATES), via="test", submitter="kim")
        yield made


def sighting(number: int, of: dict[str, Any], day: int, times: int) -> dict[str, Any]:
    seen = stix.format_timestamp(day * DAY + 3_600_000_000)
    return stix_object("sighting", number, sighting_of_ref=of["id"], count=times, first_seen=seen, last_seen=seen)


def tell(node: Node, of: dict[str, Any], counts: dict[int, int], origin: str = "own", first: int = 1000) -> None:
    items = [sighting(first + place, of, day, times) for place, (day, times) in enumerate(counts.items())]
    assert receive(node, bundle(*items), origin=origin, via="test", submitter="kim").refused == 0


def steady(times: int = 2) -> dict[int, int]:
    return dict.fromkeys(range(TODAY - 60, TODAY + 1), times)


def test_what_is_as_it_was_is_no_alarm(node: Node) -> None:
    tell(node, MALWARE, steady())
    assert emerging.look(node) == []


def test_what_rises_is_an_alarm_with_its_counts_and_who_told(node: Node) -> None:
    tell(node, MALWARE, steady())
    tell(node, MALWARE, {TODAY: 9}, origin="us-cert", first=2000)
    (alarm,) = emerging.look(node)
    assert (alarm.key, alarm.name, alarm.sources["us-cert"]) == ("software:S0366", "WannaCry", 9)
    assert alarm.counts[-1] == 11
    assert alarm.expected < 7 < alarm.observed
    assert emerging.look(node)[0].number == alarm.number  # it goes on
    emerging.close(node, alarm.number, person="kim", why="a drill")
    with node.store.database.reading() as transaction:
        (closed,) = rows.alarms(transaction, since=0)
    assert (closed.person, closed.why) == ("kim", "a drill")
    with pytest.raises(UnknownAlarmError):
        emerging.close(node, 999, person="kim", why="x")


def test_two_who_see_a_little_see_a_rise_together(node: Node) -> None:
    tell(node, MALWARE, steady(1))
    tell(node, MALWARE, {TODAY - 1: 3, TODAY: 3}, origin="us-cert", first=2000)
    assert emerging.look(node) == []
    tell(node, MALWARE, {TODAY - 1: 3, TODAY: 3}, origin="isac", first=3000)
    (alarm,) = emerging.look(node)
    assert {"us-cert", "isac"} <= alarm.sources.keys()


def test_sightings_of_an_indicator_are_of_what_it_indicates_too(node: Node) -> None:
    tell(node, MALWARE, steady())
    tell(node, C2, {TODAY: 12}, first=2000)
    assert {alarm.key for alarm in emerging.look(node)} == {"domain:c2.example", "software:S0366"}


def test_a_sector_rises_though_each_thing_is_seen_once(node: Node) -> None:
    bank = stix_object("identity", 1, name="A bank", identity_class="organization", sectors=["financial-services"])
    mill = stix_object("identity", 2, name="A mill", identity_class="organization", sectors=["manufacturing"])
    receive(node, bundle(bank, mill), via="test", submitter="kim")
    items = []
    for number in range(140):
        seen = indicator(100 + number, pattern=f"[ipv4-addr:value = '203.0.113.{number}']")
        where = bank if number % 2 or number >= 120 else mill
        day = TODAY - 60 + number // 2 if number < 120 else TODAY
        items += [seen, {**sighting(5000 + number, seen, day, 1), "where_sighted_refs": [where["id"]]}]
    assert receive(node, bundle(*items), via="test", submitter="kim").refused == 0
    (alarm,) = emerging.look(node)
    assert (alarm.key, alarm.name, alarm.is_of_a_place) == ("sector:financial-services", "financial-services", True)
    shown = portrait.portrait(node, "ipv4:203.0.113.139").tally
    assert (shown.total, shown.by_source, shown.by_place) == (1, [("own", 1)], [("sector:financial-services", 1)])


def test_a_days_sum_and_its_parts_count_once(node: Node) -> None:
    tell(node, MALWARE, {TODAY - 1: 3})
    whole = {**sighting(7000, MALWARE, TODAY - 1, 5), "summary": True}
    receive(node, bundle(whole), via="test", submitter="kim")
    assert portrait.portrait(node, "software:S0366").tally.total == 5
    tell(node, MALWARE, {TODAY - 1: 4}, first=7001)
    assert portrait.portrait(node, "software:S0366").tally.total == 7
    receive(
        node, bundle({**whole, "id": sighting(7009, MALWARE, 1, 1)["id"]}), origin="us-cert", via="t", submitter="k"
    )
    assert portrait.portrait(node, "software:S0366").tally.total == 12


def test_with_no_past_nothing_is_a_rise(node: Node) -> None:
    assert emerging.look(node) == []
    assert not judge([50]).is_alarm
    assert not judge([0] * 10 + [50]).is_alarm


def test_a_weekday_that_is_always_high_is_no_alarm() -> None:
    week = [2, 2, 2, 2, 20, 1, 1]
    counts = week * 9
    fridays = [place for place in range(35, len(counts)) if place % 7 == 4]
    assert not any(judge(counts[: place + 1]).is_alarm for place in fridays)
    assert judge([*counts[:-6], 20]).is_alarm  # what a Friday has, on a Monday


def test_a_day_that_is_not_reported_yet_is_held_against_what_has_come() -> None:
    past = [10] * 60
    assert not judge([*past, 19], windows=(1,)).is_alarm
    assert judge([*past, 19], reported=[0.3], windows=(1,)).is_alarm


def test_an_outbreak_of_the_past_does_not_hide_the_next() -> None:
    soiled = [1] * 20 + [40] * 4 + [1] * 36
    assert judge([*soiled, 9]).is_alarm


@pytest.mark.parametrize(("mean", "dispersion"), [(0.1, 1.0), (3.0, 1.0), (3.0, 4.0), (200.0, 9.0)])
def test_the_tail_is_a_distribution(mean: float, dispersion: float) -> None:
    tails = [tail(count, mean, dispersion) for count in range(400)]
    assert tails[0] == 1.0
    assert all(one >= other - 1e-9 for one, other in itertools.pairwise(tails))
    assert sum(tails[1:]) == pytest.approx(mean, rel=0.02)  # E[X] is the sum of P(X ≥ k)


def test_delays_are_learned_from_many_and_not_from_three() -> None:
    assert delays([])[0] == 1.0
    assert delays([9, 9, 9])[0] > 0.5
    learned = delays([0] * 30 + [2] * 70)
    assert learned[0] == pytest.approx(0.33, abs=0.03)
    assert learned[-1] == 1.0
    assert delays([400] * 1000)[0] == 1.0  # an archive

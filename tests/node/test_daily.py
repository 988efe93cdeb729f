"""Daily sums: two nodes that each see a little see a rise together, and neither tells who saw it."""

from __future__ import annotations

import msgspec
import pytest

from katchi import stix
from katchi.node import daily, emerging, portrait
from katchi.node.emerging import DAY
from katchi.node.wiring import Node
from tests.node.test_exchange import hand_in, held
from tests.nodes import Pair, until
from tests.objects import indicator, stix_object

BANK = stix_object(
    "identity", 1, name="The Bank", identity_class="organization", sectors=["financial-services"], tlp="red"
)


def sightings(node: Node, days: dict[int, int], first: int) -> None:
    today = node.clock.now() // DAY
    for place, (back, count) in enumerate(days.items()):
        seen = stix.format_timestamp((today - back) * DAY + 60_000_000)
        one = stix_object(
            "sighting", first + place, sighting_of_ref=indicator(1)["id"], count=count, first_seen=seen, last_seen=seen,
            where_sighted_refs=[BANK["id"]], tlp="red",
        )  # fmt: skip
        hand_in(node, one)


def test_two_nodes_see_a_rise_together_and_only_counts_crossed(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    kr, us = joined
    for node in joined:
        chosen = msgspec.structs.replace(node.settings, tell_daily="green")
        monkeypatch.setattr(node, "settings", chosen)
    hand_in(kr, indicator(1))
    until(lambda: indicator(1)["id"] in held(us))
    hand_in(kr, BANK)
    past = dict.fromkeys(range(3, 63), 1)
    sightings(kr, past | {1: 2, 0: 3}, first=1000)
    sightings(us, {1: 2, 0: 3}, first=3000)
    assert emerging.look(kr) == []
    assert (daily.tell(us), daily.tell(us)) == (2, 0)
    until(lambda: sum(name.startswith("sighting") for name in held(kr)) == 62 + 2)
    (alarm,) = emerging.look(kr)
    assert alarm.sources.keys() == {"own", "us-cert"}
    assert daily.tell(kr) > 0
    assert portrait.portrait(kr, alarm.key).tally.by_source[0] == ("own", 65)
    until(lambda: any(name.startswith("sighting") and origin == "kr-cert" for name, origin in held(us).items()))
    came = [entry for entry in us.store.log.after(0, 10_000) if entry.origin == "kr-cert"]
    assert all(BANK["id"].encode() not in bytes(entry.raw) for entry in came)


def test_nothing_is_told_until_the_operator_says_so(joined: Pair) -> None:
    kr, _ = joined
    hand_in(kr, indicator(1))
    sightings(kr, {0: 3}, first=1000)
    assert daily.tell(kr) == 0


def test_a_sum_is_revised_when_more_comes(joined: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    kr, us = joined
    monkeypatch.setattr(kr, "settings", msgspec.structs.replace(kr.settings, tell_daily="green"))
    hand_in(kr, indicator(1))
    sightings(kr, {0: 3}, first=1000)
    assert daily.tell(kr) == 1
    sightings(kr, {0: 4}, first=2000)
    assert daily.tell(kr) == 1
    until(lambda: portrait.portrait(us, "ipv4:198.51.100.1").tally.total == 7)
    assert portrait.portrait(kr, "ipv4:198.51.100.1").tally.total == 7

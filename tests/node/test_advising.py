"""Decisions told to partners: advice on their pages, nothing joined there by it, gone when it is taken back."""

from __future__ import annotations

import pytest

from katchi.node import advising, portrait, rulings
from katchi.node.rulings import BadRulingError
from tests.node.test_exchange import hand_in, held
from tests.nodes import Pair, until
from tests.objects import indicator, stix_object

ONE = stix_object("threat-actor", 1, name="Blue Mudang")
OTHER = stix_object("threat-actor", 2, name="Lazarus Group")
KEYS = ("actor:name:bluemudang", "actor:G0032")


def advice(pair: Pair) -> list[tuple[str, bool, str, str]]:
    found = portrait.portrait(pair.us, KEYS[0]).advice
    return [(each.origin, each.is_same, each.other.name, each.why) for each in found]


def test_a_partner_reads_what_was_decided_and_decides_for_itself(joined: Pair) -> None:
    kr, us = joined
    hand_in(kr, ONE, OTHER)
    until(lambda: OTHER["id"] in held(us))
    rulings.join(kr, *KEYS, person="kim", why="the same loader")
    advising.tell(kr, *KEYS, is_same=True, why="the same loader", marking="green")
    until(lambda: advice(joined) == [("kr-cert", True, "Lazarus Group", "the same loader")])
    assert portrait.portrait(us, KEYS[0]).root == KEYS[0]
    assert portrait.portrait(kr, KEYS[0]).root == KEYS[1]
    advising.tell(kr, *KEYS, is_same=False, why="no, two crews", marking="green")
    until(lambda: advice(joined) == [("kr-cert", False, "Lazarus Group", "no, two crews")])
    advising.tell(kr, *KEYS, is_same=None, why="we do not know", marking="green")
    until(lambda: advice(joined) == [])
    assert portrait.portrait(us, KEYS[1]).belief.denials == ()


def test_without_two_objects_of_one_type_it_cannot_be_said(joined: Pair) -> None:
    kr, _ = joined
    hand_in(kr, indicator(1), stix_object("malware", 1, name="X", is_family=True))
    with pytest.raises(BadRulingError):
        advising.tell(kr, "ipv4:198.51.100.1", "ipv4:198.51.100.2", is_same=True, why="x", marking="green")

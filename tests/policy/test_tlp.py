"""The five labels, in order, however they are written."""

from __future__ import annotations

import itertools

import pytest

from katchi import stix
from katchi.policy import Tlp, tlp_of
from katchi.policy.tlp import TlpError
from tests.policy.small_world import MARKED, SmallWorld, made


def test_the_order_of_the_labels_is_their_strictness() -> None:
    assert [str(label) for label in sorted(Tlp)] == ["clear", "green", "amber", "amber+strict", "red"]
    for laxer, stricter in itertools.pairwise(Tlp):
        assert laxer < stricter


@pytest.mark.parametrize("label", list(Tlp))
def test_a_label_reads_back_as_itself(label: Tlp) -> None:
    assert Tlp.parse(str(label)) is label
    assert Tlp.parse(f" TLP:{str(label).upper()} ") is label


def test_white_is_the_old_word_for_clear() -> None:
    assert Tlp.parse("TLP:WHITE") is Tlp.CLEAR


@pytest.mark.parametrize("text", ["", "purple", "tlp", "amber+", "red green"])
def test_any_other_word_is_refused(text: str) -> None:
    with pytest.raises(TlpError) as refused:
        Tlp.parse(text)
    assert "amber+strict" in refused.value.expected


@pytest.mark.parametrize("marking_id", stix.TLP_IDS)
def test_every_known_marking_id_has_its_label(marking_id: str) -> None:
    marked = made("indicator", object_marking_refs=[marking_id])
    assert str(tlp_of(marked)) == stix.TLP_IDS[marking_id]


def test_the_strictest_counts_and_none_is_none() -> None:
    assert tlp_of(made("indicator", tlp=None)) is None
    assert tlp_of(made("indicator", object_marking_refs=[MARKED["amber"], MARKED["green"]])) is Tlp.AMBER


def test_a_redefined_marking_is_looked_up() -> None:
    marking = made("marking-definition", tlp=None, definition_type="tlp", definition={"tlp": "red"})
    marked = made("indicator", object_marking_refs=[MARKED["green"], marking.id])
    world = SmallWorld()
    assert tlp_of(marked, world) is Tlp.GREEN
    world.hold(marking)
    assert tlp_of(marked, world) is Tlp.RED

"""Every type of the standard has a class, and every object is a value of its class."""

from __future__ import annotations

import msgspec
import pytest

from katchi import stix
from katchi.stix.kinds import DOMAIN_OBJECTS, META_OBJECTS, RELATIONSHIP_OBJECTS
from tests.stix.small_objects import NEEDED, UUID, made


def test_the_types_are_those_of_the_standard() -> None:
    assert (len(DOMAIN_OBJECTS), len(RELATIONSHIP_OBJECTS), len(stix.OBSERVABLES)) == (19, 2, 18)
    assert set(META_OBJECTS) == {"marking-definition", "language-content", "extension-definition"}
    assert len(stix.TYPES) == 19 + 2 + 18 + 3 + 1


@pytest.mark.parametrize("kind", NEEDED)
def test_an_object_is_a_value_of_its_class(kind: str) -> None:
    obj = made(kind)
    value = stix.typed(obj)
    assert type(value) is stix.TYPES[kind]
    assert msgspec.to_builtins(value)["id"] == obj.id


def test_properties_have_the_standard_s_names() -> None:
    indicator = stix.typed(made("indicator", kill_chain_phases=[{"kill_chain_name": "a", "phase_name": "b"}]))
    assert indicator.pattern_type == "stix"
    assert indicator.kill_chain_phases == (stix.KillChainPhase(kill_chain_name="a", phase_name="b"),)
    assert indicator.valid_until is None
    assert indicator.labels == ()


def test_predefined_extensions_are_typed_and_others_survive_in_the_object() -> None:
    obj = made("file", extensions={"ntfs-ext": {"sid": "1"}, "x-mine-ext": {"a": 1}}, x_rank=5)
    file = stix.typed(obj)
    assert file.extensions.ntfs.sid == "1"
    assert file.extensions.pdf is None
    assert obj.properties["extensions"]["x-mine-ext"] == {"a": 1}
    assert obj.properties["x_rank"] == 5
    assert b"x_rank" in obj.raw


def test_an_object_of_stix_2_0_reads_as_what_2_0_meant() -> None:
    indicator = stix.typed(made("indicator", spec_version=None, pattern_type=None))
    assert (indicator.spec_version, indicator.pattern_type) == ("2.0", "stix")
    assert stix.typed(made("malware", spec_version=None, is_family=None)).is_family is False


def test_another_type_is_custom() -> None:
    custom = stix.typed(made("x-thing", rank=5))
    assert isinstance(custom, stix.Custom)
    assert (custom.type, custom.id, custom.properties["rank"]) == ("x-thing", f"x-thing--{UUID}", 5)


def test_what_is_not_of_its_type_is_refused_by_name() -> None:
    with pytest.raises(stix.UntypedError) as refused:
        stix.typed(made("malware", name=5))
    assert "name" in refused.value.what


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        stix.typed(made("malware")).name = "Other"
    with pytest.raises(AttributeError):
        made("malware").type = "tool"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("selector", "value"),
    [("name", "Destover"), ("labels.[1]", "b"), ("x_deep.a.[0].b", 1)],
)
def test_a_selector_names_a_part(selector: str, value: object) -> None:
    obj = made("malware", labels=["a", "b"], x_deep={"a": [{"b": 1}]})
    assert stix.select(obj.properties, selector) == value


@pytest.mark.parametrize("selector", ["", "nope", "labels.[2]", "labels.[x]", "labels.0", "name.[0]", "name.x"])
def test_a_selector_that_names_nothing_is_refused(selector: str) -> None:
    with pytest.raises(KeyError):
        stix.select(made("malware", labels=["a", "b"]).properties, selector)


def test_every_tlp_label_has_its_ids() -> None:
    labels = set(stix.TLP_IDS.values())
    assert labels == {"clear", "green", "amber", "amber+strict", "red"}
    assert len(stix.TLP_1_IDS) == 4
    assert len(stix.TLP_2_IDS) == 5
    assert stix.TLP_IDS["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"] == "clear"

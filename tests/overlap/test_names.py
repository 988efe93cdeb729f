"""Names of actors and software: which go together in Korean and English, and which must not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi.overlap.names import Group, fold, packaged

TOGETHER: list[tuple[Group, str, str]] = [
    ("actor", "라자루스", "HIDDEN COBRA"),
    ("actor", "Lazarus", "Guardians of Peace"),
    ("actor", "김수키", "Velvet Chollima"),
    ("actor", "킴수키", "APT43"),
    ("actor", "안다리엘", "Onyx Sleet"),
    ("actor", "블루노로프", "APT 38"),
    ("actor", "레드아이즈", "ScarCruft"),
    ("actor", "금성121", "Reaper"),
    ("actor", "팬시베어", "APT28"),
    ("actor", "코지 베어", "The Dukes"),
    ("actor", "샌드웜", "Voodoo Bear"),
    ("actor", "ＨＩＤＤＥＮ　ＣＯＢＲＡ", "lazarus-group"),
    ("software", "워너크라이", "WanaCrypt0r"),
    ("software", "낫페트야", "ExPetr"),
    ("software", "코발트스트라이크", "Cobalt Strike"),
    ("software", "플러그엑스", "Korplug"),
    ("software", "베이비 샤크", "LATEOP"),
    ("software", "큐봇", "Pinkslipbot"),
    ("software", "고스트랫", "Gh0st RAT"),
    ("software", "미라이", "MIRAI"),
]
APART: list[tuple[Group, str, str]] = [
    ("actor", "라자루스", "김수키"),
    ("actor", "Lazarus Group", "Andariel"),  # MISP's table lists it among the other's names
    ("actor", "Lazarus Group", "Bluenoroff"),
    ("actor", "안다리엘", "블루노로프"),
    ("actor", "Kimsuky", "Konni"),
    ("actor", "APT37", "APT38"),
    ("actor", "APT3", "APT33"),
    ("actor", "팬시베어", "코지베어"),
    ("actor", "Winnti Group", "APT41"),
    ("actor", "Sandworm Team", "Dragonfly"),
    ("actor", "FIN7", "FIN8"),
    ("actor", "Group", "Team"),
    ("software", "워너크라이", "낫페트야"),
    ("software", "Petya", "NotPetya"),
    ("software", "Agent Tesla", "Agent.BTZ"),
    ("software", "애플시드", "AppleJeus"),
    ("software", "FALLCHILL", "Volgmer"),  # Malpedia has one for both
    ("software", "Manuscrypt", "Volgmer"),  # ambiguous: shown, not joined
    ("software", "Backdoor", "Trojan"),
    ("software", "Ryuk", "Conti"),
]


def key(group: Group, name: str) -> str:
    """What a name joins: its identity, or else only itself."""
    identity = packaged().meaning(group, name).identity
    return identity.key if identity else f"{group}:name:{fold(name)}"


@pytest.mark.parametrize(("group", "one", "other"), TOGETHER)
def test_these_are_one(group: Group, one: str, other: str) -> None:
    assert key(group, one) == key(group, other)
    assert packaged().meaning(group, one).identity is not None


@pytest.mark.parametrize(("group", "one", "other"), APART)
def test_these_are_two(group: Group, one: str, other: str) -> None:
    assert key(group, one) != key(group, other)


def test_an_ambiguous_name_is_shown_with_what_it_may_mean() -> None:
    meaning = packaged().meaning("software", "Manuscrypt")
    assert meaning.identity is None
    assert len(meaning.possible) > 1
    assert "Volgmer" in {each.title for each in meaning.possible}


def test_an_actor_and_a_program_of_one_name_are_two() -> None:
    assert key("actor", "Konni") != key("software", "Konni")
    assert key("actor", "코니") == key("actor", "Konni")


@given(st.text(max_size=400), st.sampled_from(["actor", "software", "campaign"]))
def test_any_text_may_be_asked_about(text: str, group: Group) -> None:
    packaged().meaning(group, text)
    assert fold(fold(text)) == fold(text)


def test_every_name_of_an_identity_that_is_unique_leads_to_it() -> None:
    """A table's own names never lead to somebody else without saying that they are ambiguous, or ATT&CK's."""
    names = packaged()
    lazarus = names.meaning("actor", "Lazarus Group").identity
    assert lazarus is not None
    for name in lazarus.names:
        found = names.meaning("actor", name)
        assert found.identity is not None or found.possible or len(fold(name)) < 3, name

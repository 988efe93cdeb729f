"""Terms are read as they were meant, or refused with the line on which they go wrong."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import katchi.policy
from katchi import policy, stix
from katchi.policy import TermsError, Tlp, parse_terms
from katchi.policy.toml_lines import find_lines

HEAD = 'format = 1\npartner = "park"\n'
RULE = '[[release]]\nname = "a"\ntypes = ["all"]\nup-to = "green"\n'
TEMPLATES = Path(katchi.policy.__file__).parent / "templates"


def test_terms_are_read_as_written() -> None:
    text = """\
format = 1
partner = "park"
agreed = 2026-01-31
expires = 2027-01-31
unmarked = "amber"
unknown-markings = ["iep"]
statements = "withhold"

[[withhold]]
name = "victims"
naming = ["Nuri Bank"]

[[release]]
name = "indicators"
types = ["indicator", "observables"]
sources = ["own", "choi"]
labels = ["shareable"]
up-to = "amber"
forward-up-to = "clear"
minimum-confidence = 50
unknown-confidence = "accept"
granular = "withhold"
references = "drop"
unknown-references = "withhold"
delay = "2h"
strip = ["x_*", "description"]
generalise = ["times", "identities"]
public-names = ["Nuri CERT"]
"""
    terms = parse_terms(text)
    assert terms.partner == "park"
    assert terms.digest == hashlib.sha256(text.encode()).hexdigest()
    assert (terms.unmarked, terms.statements, terms.agreed) == (Tlp.AMBER, "withhold", "2026-01-31")
    assert terms.unknown_markings == {"iep"}
    assert terms.expires_at == stix.parse_timestamp("2027-02-01T00:00:00Z")
    withhold, release = terms.rules
    assert (withhold.name, withhold.line, release.name, release.line) == ("victims", 9, "indicators", 13)
    rule = terms.releases[0]
    assert rule.scope.types == frozenset({"indicator"}) | policy.types.OBSERVABLES
    assert rule.scope.sources == frozenset({"own", "choi"})
    assert (rule.up_to, rule.forward_up_to) == (Tlp.AMBER, Tlp.CLEAR)
    assert (rule.minimum_confidence, rule.accepts_unknown_confidence) == (50, True)
    assert (rule.granular, rule.references, rule.unknown_references) == ("withhold", "drop", "withhold")
    assert rule.delay == 7_200_000_000
    assert rule.strip == ("description", "x_*")
    assert rule.generalise == ("identities", "times")


def test_what_is_not_said_is_the_strictest() -> None:
    terms = parse_terms(HEAD + RULE)
    assert (terms.unmarked, terms.echo, terms.own, terms.unknown_markings) == (
        None,
        False,
        False,
        frozenset(),
    )
    rule = terms.releases[0]
    assert rule.scope.sources == frozenset({"own"})
    assert (rule.references, rule.accepts_unknown_confidence) == ("withhold", False)
    amber = parse_terms(HEAD + RULE.replace("green", "amber")).releases[0]
    assert amber.forward_up_to is Tlp.GREEN


@pytest.mark.parametrize("template", ["partner.toml", "tool.toml"])
def test_the_templates_are_terms(template: str) -> None:
    text = (TEMPLATES / template).read_text(encoding="utf-8")
    terms = parse_terms(text, source=template)
    assert terms.releases
    assert any("가" <= character <= "힣" for character in text)


@pytest.mark.parametrize(
    ("duration", "micros"),
    [
        ("0s", 0),
        ("90s", 90_000_000),
        ("5m", 300_000_000),
        ("2h", 7_200_000_000),
        ("30d", 2_592_000_000_000),
        ("1w", 604_800_000_000),
    ],
)
def test_durations_read_like_speech(duration: str, micros: int) -> None:
    assert parse_terms(f'{HEAD}{RULE}delay = "{duration}"').releases[0].delay == micros


def test_validity_counts_from_the_day_of_agreement() -> None:
    terms = parse_terms(f'{HEAD}agreed = 2026-01-01\nvalid-for = "30d"\n{RULE}')
    assert terms.expires_at == stix.parse_timestamp("2026-01-31T00:00:00Z")


# --- Refusals -----------------------------------------------------------------------------------

REFUSED = [
    # (text, line, part of what is said)
    ("", 1, "format"),
    ("format = 2\n", 1, "format"),
    ("format = true\n", 1, "format"),
    ("format = 1\n" + RULE, 1, "partner"),
    (HEAD, 1, "release nothing"),
    (HEAD + "release = []\n", 3, "release nothing"),
    (HEAD + '[release]\nname = "a"\n', 3, "[[release]]"),
    (HEAD + 'partnr = "x"\n' + RULE, 3, 'did you mean "partner"?'),
    (HEAD + 'Unmarked = "green"\n' + RULE, 3, 'did you mean "unmarked"?'),
    (HEAD + "[[relase]]\n" + RULE, 3, 'did you mean "release"?'),
    (HEAD + RULE + '\n# a comment\nup_to = "green"\n', 9, 'did you mean "up-to"?'),
    (HEAD + RULE + RULE.replace('"a"', '"b"') + "stripp = []\n", 11, 'did you mean "strip"?'),
    (HEAD + RULE.replace("green", "gren"), 6, 'did you mean "green"?'),
    (HEAD + RULE.replace("green", "red"), 6, "TLP:RED"),
    (HEAD + 'unmarked = "red"\n' + RULE, 3, "TLP:RED"),
    (HEAD + RULE.replace('up-to = "green"', ""), 3, "up-to"),
    (HEAD + RULE.replace('types = ["all"]', ""), 3, "which types"),
    (HEAD + RULE.replace('name = "a"', ""), 3, "name"),
    (HEAD + RULE.replace('"a"', "7"), 4, "text"),
    (HEAD + RULE + RULE, 8, "Two rules"),
    (HEAD + RULE.replace('"all"', '"indicators"'), 5, 'did you mean "indicator"?'),
    (HEAD + RULE.replace('["all"]', "[]"), 5, "empty"),
    (HEAD + RULE.replace('["all"]', "[1]"), 5, "list of texts"),
    (HEAD + RULE + "minimum-confidence = 101", 7, "0 to 100"),
    (HEAD + RULE + "minimum-confidence = true", 7, "0 to 100"),
    (HEAD + RULE + 'delay = "soon"', 7, "duration"),
    (HEAD + RULE + "delay = 5", 7, "duration"),
    (HEAD + RULE + 'references = "dorp"', 7, 'did you mean "drop"?'),
    (HEAD + RULE + 'forward-up-to = "amber"', 7, "More would be forwarded"),
    (HEAD + RULE.replace("green", "amber+strict") + 'forward-up-to = "amber+strict"', 7, "AMBER+STRICT"),
    (HEAD + RULE + 'strip = ["id"]', 7, "cannot be stripped"),
    (HEAD + RULE + 'strip = ["object_marking_refs"]', 7, "cannot be stripped"),
    (HEAD + RULE + 'strip = ["granular_markings.x"]', 7, "cannot be stripped"),
    (HEAD + RULE + 'strip = ["a..b"]', 7, "cannot be stripped"),
    (HEAD + RULE.replace('"all"', '"indicator"') + 'strip = ["pattern"]', 7, "valid indicator"),
    (HEAD + RULE + 'generalise = ["names"]', 7, "identities"),
    (HEAD + RULE + 'objects = ["indicator"]', 7, "no id of an object"),
    (HEAD + "echo = true\n" + RULE, 3, "own = true"),
    (HEAD + 'own = "yes"\n' + RULE, 3, "true or false"),
    (HEAD + 'expires = "tomorrow"\n' + RULE, 3, "date"),
    (HEAD + "expires = 2026-13-01\n" + RULE, 3, "not TOML"),
    (HEAD + 'valid-for = "30d"\n' + RULE, 3, "since when"),
    (HEAD + 'agreed = 2026-01-01\nexpires = 2027-01-01\nvalid-for = "30d"\n' + RULE, 5, "twice"),
    (HEAD + '[[withhold]]\nname = "x"\n' + RULE, 4, "does not say what"),
    (HEAD + '[[withhold]]\nname = "x"\nup-to = "red"\n' + RULE, 5, "no such key"),
    (HEAD + RULE.replace('"a"', '"recall"'), 4, "recall"),
    (HEAD + "partner = \n" + RULE, 3, "not TOML"),
    (HEAD + RULE + "x = " + "9" * 5000, 7, "not TOML"),
    (HEAD + RULE + "x = " + "[" * 5000, 7, "not TOML"),
    (HEAD + 'statements = "carry"\nstatements = "carry"\n' + RULE, 4, "not TOML"),
]


@pytest.mark.parametrize(("text", "line", "said"), REFUSED)
def test_terms_with_a_mistake_are_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(TermsError) as refused:
        parse_terms(text, source="park.toml")
    error = refused.value
    assert (error.line, error.where) == (line, f"park.toml:{line}")
    assert said in str(error)


def test_the_line_is_right_whatever_stands_above() -> None:
    text = '''\
# format = 1, in a comment
format = 1  # stripp = "x"
partner = """
[[release]]
stripp = "not a key"
"""
"unknown-markings" = [
  "a", # ] a bracket
  'b = "c"',
]

[[ release ]]
name = \'\'\'one\'\'\'
types = ["all"]
up-to = "green"

[[release]]  # the second
name = "two \\" [[release]]"
types = [
  "all",
]
up-to = "green"
labels = [["x"]]
'''
    with pytest.raises(TermsError) as refused:
        parse_terms(text)
    assert refused.value.line == 23
    assert "two" in refused.value.what


@given(
    st.lists(
        st.sampled_from(["# c", "", 'k{n} = "v # ="', "k{n} = [\n1,\n# ]\n2]", "k{n} = '''\n'''", '"k{n}" = {a = "]"}'])
    )
)
def test_every_key_is_found_on_its_line(parts: list[str]) -> None:
    text = "\n".join(part.replace("{n}", str(number)) for number, part in enumerate(parts))
    lines = find_lines(text)
    for number, part in enumerate(parts):
        if "{n}" in part:
            expected = text[: text.index(f"k{number}")].count("\n") + 1
            assert lines.of("", 0, f"k{number}") == expected


GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "terms.md"


@pytest.mark.parametrize("example", re.findall(r"```toml\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
def test_the_examples_of_the_guide_are_terms(example: str) -> None:
    parse_terms(example if example.startswith("format") else HEAD + example)

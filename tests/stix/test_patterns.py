"""Patterns: which are read, what they compare, and that ours is never laxer than the field's own parser."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stix2patterns.v21.pattern import Pattern
from stix2patterns.validator import run_validator

from katchi.stix import Comparison, parse_pattern

MD5 = "cead3f77f6cda6ec00f57d76c9a6879f"


def one(pattern: str) -> Comparison:
    comparisons = parse_pattern(pattern).comparisons
    assert len(comparisons) == 1
    return comparisons[0]


@pytest.mark.parametrize(
    ("pattern", "comparison"),
    [
        (f"[file:hashes.MD5 = '{MD5}']", Comparison("file", ("hashes", "MD5"), "=", (MD5,))),
        (f"[file:hashes.'SHA-256'='{MD5}']", Comparison("file", ("hashes", "SHA-256"), "=", (MD5,))),
        ("[file:size >= 1024]", Comparison("file", ("size",), ">=", (1024,))),
        ("[file:size<-1.5]", Comparison("file", ("size",), "<", (-1.5,))),
        ("[file:size == 1]", Comparison("file", ("size",), "=", (1,))),
        ("[file:size <> 1]", Comparison("file", ("size",), "!=", (1,))),
        ("[process:is_hidden = true]", Comparison("process", ("is_hidden",), "=", (True,))),
        ("[url:value NOT LIKE 'http%']", Comparison("url", ("value",), "LIKE", ("http%",), True)),
        ("[url:value MATCHES'^h']", Comparison("url", ("value",), "MATCHES", ("^h",))),
        (
            "[ipv4-addr:value IN ('192.0.2.1','192.0.2.2')]",
            Comparison("ipv4-addr", ("value",), "IN", ("192.0.2.1", "192.0.2.2")),
        ),
        ("[x-a:b NOT IN ()]", Comparison("x-a", ("b",), "IN", (), True)),
        (
            "[ipv4-addr:value ISSUBSET '192.0.2.0/24']",
            Comparison("ipv4-addr", ("value",), "ISSUBSET", ("192.0.2.0/24",)),
        ),
        (
            "[file:extensions.'windows-pebinary-ext'.sections[*].entropy > 7.0]",
            Comparison("file", ("extensions", "windows-pebinary-ext", "sections", "[*]", "entropy"), ">", (7.0,)),
        ),
        (r"[file:name = 'it\'s \\ here']", Comparison("file", ("name",), "=", ("it's \\ here",))),
        ("[file:magic_number_hex = h'ffd8']", Comparison("file", ("magic_number_hex",), "=", ("ffd8",))),
        ("[artifact:payload_bin = b'dGVzdA==']", Comparison("artifact", ("payload_bin",), "=", ("dGVzdA==",))),
        (
            "[process:created_time > t'2016-01-01T00:00:00Z']",
            Comparison("process", ("created_time",), ">", ("2016-01-01T00:00:00Z",)),
        ),
        ("[NOT EXISTS file:name]", Comparison("file", ("name",), "EXISTS", (), True)),
    ],
)
def test_a_comparison_is_told_in_its_parts(pattern: str, comparison: Comparison) -> None:
    assert one(pattern) == comparison


@pytest.mark.parametrize(
    ("pattern", "types"),
    [
        ("[a:b = 1 AND c:d = 2 OR e:f = 3]", ["a", "c", "e"]),
        ("[(a:b = 1 OR c:d = 2) AND e:f = 3]", ["a", "c", "e"]),
        ("[a:b = 1] AND [c:d = 2] OR [e:f = 3] FOLLOWEDBY [g:h = 4]", ["a", "c", "e", "g"]),
        ("([a:b = 1] REPEATS 5 TIMES OR [c:d = 2]) WITHIN 300 SECONDS", ["a", "c"]),
        ("[a:b = 1] START t'2016-01-01T00:00:00Z' STOP t'2016-01-02T00:00:00Z'", ["a"]),
        ("[a:b=1]AND[c:d=2]", ["a", "c"]),
        ("\n[ a:b\t=\r\n1 ]\n", ["a"]),
    ],
)
def test_every_comparison_of_a_pattern_is_told(pattern: str, types: list[str]) -> None:
    assert [comparison.type for comparison in parse_pattern(pattern).comparisons] == types


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "a:b = 1",
        "[]",
        "[a:b]",
        "[a:b = ]",
        "[a:b = 'x]",
        "[a:b = x]",
        "[a:b = 01]",
        "[a:b = 1e5]",
        "[a:b = TRUE]",
        "[a:b > true]",
        "[a:b = h'f']",
        "[a:b = b'']",
        "[a:b IN 'x']",
        "[a:bIN ('x')]",
        "[a:b IN ('x',)]",
        "[a:b = 1 and c:d = 2]",
        "[a:b = 1 ANDc:d = 2]",
        "[a:b = 1 FOLLOWEDBY c:d = 2]",
        "[a:AND = 1]",
        "[AND:b = 1]",
        "[a:b.LIKE = 1]",
        "[a:b-c = 1]",
        "[a:b['x'] = 1]",
        "[a:b = 1]]",
        "[a:b = 1] [c:d = 2]",
        "[a:b = 1] REPEATS 2 TIMES REPEATS 3 TIMES",
        "[a:b = 1] WITHIN 5 HOURS",
        "[a:b = '\\x']",
        "([a:b = 1]",
        "[a:b = 1])",
        "(" * 10_000 + "[a:b = 1]" + ")" * 10_000,
        "[a:b = 1] AND " * 10_000,
        "'" * 100_000,
    ],
)
def test_what_is_no_pattern_says_why(pattern: str) -> None:
    parsed = parse_pattern(pattern)
    assert parsed.error
    assert parsed.comparisons == ()


def test_white_space_and_comments_may_stand_anywhere() -> None:
    pattern = "[ a /* one */ : b . c [ 1 ] = 1 // two\n AND\u3000c:d NOT/**/IN ( 1 /* ) */ , 'x' )] // three"
    assert parse_pattern(pattern).comparisons == (
        Comparison("a", ("b", "c", "[1]"), "=", (1,)),
        Comparison("c", ("d",), "IN", (1, "x"), True),
    )


def test_an_error_tells_the_place() -> None:
    assert parse_pattern("[file:name = 'a'] AND [file:size = ]").error == (
        "it cannot be read from character 24 on: 'file:size = ]'"
    )


@pytest.mark.parametrize("hostile", ["0", "/*", "'", "[", "(", "a.", "1.", "b'", "[a:b = 1] AND ", "\\", "[a:b"])
@pytest.mark.parametrize(
    "frame", ["{}", "[{}", "[file:name = '{}", "[file:{} = 1]", "[file:size = 1 {}", "[a:b IN ({})]"]
)
def test_no_text_takes_more_than_linear_time(frame: str, hostile: str) -> None:
    """A parser whose time were quadratic would need hours for a million characters."""
    parse_pattern(frame.format(hostile * (1_000_000 // len(hostile))))


# --- The law: a pattern for us is a pattern for the field's own parser, and the other way about ----

TYPES = st.sampled_from(["a", "b-c", "file", "t", "h", "_1", "ANDx"])
NAMES = st.sampled_from(["a", "x_y", "value", "b", "t", "'AND'", "'c-d'", "INx"])
STEPS = st.sampled_from(["", "", ".c", ".'c-d'", "[0]", "[*]", ".c[1].d"])
LITERALS = st.sampled_from(
    [
        *("1", "-1", "+0", "1.5", ".5", "'x'", "''", "'[a:b = 1]'", "'é'", "'\n'", "h'ff'"),
        *("b'dGVzdA=='", "t'2016-01-01T00:00:00Z'", "t'2016-01-01T00:00:60.5Z'"),
    ]
)
BOOLEANS = st.sampled_from(["true", "false"])
ORDERS = st.sampled_from(["=", "==", "!=", "<>", "<", "<=", ">", ">="])
WORDS = st.sampled_from(["LIKE", "MATCHES", "ISSUBSET", "ISSUPERSET"])
SPACES = st.sampled_from(["", " ", "\n", "  "])
SPOILERS = st.sampled_from(
    [
        *("", " ", "x", "1", "'", "\\", "[", "]", "(", ")", "-", ".", ",", "AND", " AND ", " and ", "OR", " NOT "),
        *("IN", "LIKE", "EXISTS ", "=", "/**/", "//", "\u00a0", "h'f'", "t'x'", "e5", "01", " FOLLOWEDBY "),
    ]
)


@st.composite
def comparisons(draw: st.DrawFn, depth: int = 0) -> str:
    if depth < 2 and draw(st.integers(0, 6)) == 6:
        joined = draw(st.sampled_from([" AND ", " OR "]))
        return f"({draw(comparisons(depth=depth + 1))}{joined}{draw(comparisons(depth=depth + 1))})"
    path = f"{draw(TYPES)}:{draw(NAMES)}{draw(STEPS)}"
    negation = draw(st.sampled_from(["", "", " NOT "]))
    how = draw(st.integers(0, 5))
    if how == 5:
        return f"{negation} EXISTS {path}"
    if how == 4:
        members = f"{draw(SPACES)},{draw(SPACES)}".join(draw(st.lists(LITERALS | BOOLEANS, max_size=3)))
        return f"{path} {negation} IN{draw(SPACES)}({members})"
    if how == 3:
        return f"{path} {negation} {draw(WORDS)}{draw(SPACES)}'x%'"
    if how == 2:
        return f"{path}{draw(SPACES)}{negation}={draw(SPACES)}{draw(BOOLEANS)}"
    return f"{path}{draw(SPACES)}{negation}{draw(ORDERS)}{draw(SPACES)}{draw(LITERALS)}"


QUALIFIERS = st.sampled_from(
    [
        *("", "", "", " REPEATS 2 TIMES", " WITHIN 1.5 SECONDS", " WITHIN 5 SECONDS REPEATS 2 TIMES"),
        " START t'2016-01-01T00:00:00Z' STOP t'2016-01-02T00:00:00Z'",
    ]
)


@st.composite
def patterns(draw: st.DrawFn, depth: int = 0) -> str:
    if depth < 2 and draw(st.integers(0, 3)) == 3:
        joined = draw(st.sampled_from([" AND ", " OR ", " FOLLOWEDBY "]))
        body = f"{draw(patterns(depth=depth + 1))}{joined}{draw(patterns(depth=depth + 1))}"
        return f"({body}){draw(QUALIFIERS)}" if draw(st.booleans()) else body
    rows = draw(st.lists(comparisons(), min_size=1, max_size=3))
    return f"[{draw(st.sampled_from([' AND ', ' OR '])).join(rows)}]{draw(QUALIFIERS)}"


@st.composite
def spoiled(draw: st.DrawFn) -> str:
    """A pattern with something put in, or left out, at one place or two."""
    text = draw(patterns())
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(SPOILERS) + text[at + draw(st.integers(0, 2)) :]
    return text


def is_official(pattern: str) -> bool:
    try:
        return not run_validator(pattern, "2.1")
    except AttributeError:  # it stumbles over list indices below zero, which the standard does not allow
        return False


def official_comparisons(pattern: str) -> set[Comparison]:
    """What the field's own parser tells of a pattern; of EXISTS it does not tell."""
    return {
        official(kind, path, operator, value)
        for kind, rows in Pattern(pattern).inspect().comparisons.items()
        for path, operator, value in rows
    }


def official(kind: str, path: tuple[object, ...], operator: str, value: str) -> Comparison:
    steps = tuple(step if isinstance(step, str) else f"[{step if isinstance(step, int) else '*'}]" for step in path)
    word = operator.removeprefix("NOT ")
    # Literals are told as they are written, so one of our own readings gives their values.
    written = value if word == "IN" else f"({value})"
    values = one(f"[a:b IN {written}]").values
    return Comparison(kind, steps, {"==": "=", "<>": "!="}.get(word, word), values, word != operator)


@settings(max_examples=400, deadline=None)
@given(patterns() | spoiled())
@example("[a:b = 1]AND[c:d = 2]")
@example("[a:t='x']")
@example("[[ EXISTS a:a]")
@example("/**/[a:b = 1]")
def test_our_verdict_on_a_pattern_is_that_of_the_field_s_own_parser(pattern: str) -> None:
    assert bool(parse_pattern(pattern).error) is not is_official(pattern)


@settings(max_examples=200, deadline=None)
@given(patterns())
def test_both_parsers_tell_the_same_comparisons(pattern: str) -> None:
    found = {item for item in parse_pattern(pattern).comparisons if item.operator != "EXISTS"}
    assert found == official_comparisons(pattern)


@settings(max_examples=300, deadline=None)
@given(st.text("[]()'ab:=.1 ANDOR\\", max_size=40))
def test_no_text_makes_the_parser_fail(pattern: str) -> None:
    parse_pattern(pattern)

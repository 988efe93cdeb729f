"""Reads a terms file: what a lawyer wrote in TOML becomes rules, or an error that names the line."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from katchi.policy.redact import GENERALISERS, is_strippable
from katchi.policy.rules import RECALL, ReleaseRule, Scope, Terms, WithholdRule, word_pattern
from katchi.policy.terms_table import Table, TermsError, did_you_mean
from katchi.policy.tlp import Tlp
from katchi.policy.toml_lines import find_lines
from katchi.policy.types import GROUPS, KNOWN, required, words

__all__ = ["FORMAT", "Terms", "TermsError", "parse_terms"]

FORMAT: Final = 1

_TOP: Final = words(
    "format partner agreed expires valid-for own unmarked unknown-markings statements echo release withhold"
)
_SCOPE: Final = words("name types sources labels objects")
_WITHHOLD: Final = _SCOPE | {"naming"}
_RELEASE: Final = _SCOPE | words(
    "up-to forward-up-to minimum-confidence unknown-confidence granular references unknown-references "
    "delay strip generalise public-names"
)


def parse_terms(text: str, *, source: str = "terms.toml") -> Terms:
    """Read terms; `source` is the name of the file, for errors.

    Raises: TermsError naming line, key, what was expected, and the nearest known word.
    """
    try:
        document = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: not TOML, or a number of thousands of digits
        raise _syntax(error, text, source) from error
    return _terms(Table(document, "", 0, find_lines(text), source), text)


def _syntax(error: Exception, text: str, source: str) -> TermsError:
    place = re.search(r"at line (\d+), column (\d+)", str(error))
    line = int(place[1]) if place else text.rstrip().count("\n") + 1
    raised = TermsError(
        "The terms are not TOML.",
        where=f"{source}:{line}",
        expected='lines such as: up-to = "green"',
        found=str(error).split(" (at")[0],
        remedy="correct the line",
    )
    raised.line = line
    return raised


_id = re.compile(r"[a-z0-9][a-z0-9-]{1,248}--[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}").fullmatch
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


# --- The whole ----------------------------------------------------------------------------------


def _terms(table: Table, text: str) -> Terms:
    table.refuse_unknown(_TOP)
    _check_format(table)
    partner = table.text("partner")
    own = table.flag("own")
    if table.flag("echo") and not own:
        raise table.wrong(
            "echo",
            "Only a tool of your own may get back what came from it.",
            "own = true beside it",
            True,
        )
    withholds = tuple(_withhold(each) for each in _tables(table, "withhold"))
    releases = tuple(_release(each, own) for each in _tables(table, "release"))
    _check_names(table, withholds, releases)
    if not releases:
        raise table.wrong(
            "release", "These terms release nothing.", "at least one [[release]]",
            remedy="add a [[release]]; to stop everything, suspend the partner",
        )  # fmt: skip
    return Terms(
        partner=partner,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        source=table.source,
        own=own,
        agreed=_agreed(table),
        expires_at=_expires_at(table),
        unmarked=_unmarked(table),
        unknown_markings=frozenset(table.words("unknown-markings")) - {"withhold"},
        statements=table.choice("statements", "carry", "withhold"),
        echo=table.flag("echo"),
        withholds=withholds,
        releases=releases,
    )


def _check_format(table: Table) -> None:
    if table.values.get("format") != FORMAT or isinstance(table.values.get("format"), bool):
        raise table.wrong(
            "format", "The format of these terms is not known.", f"format = {FORMAT}",
            table.values.get("format", "no format"), f"begin the file with: format = {FORMAT}",
        )  # fmt: skip


def _tables(table: Table, name: str) -> list[Table]:
    found = table.values.get(name, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise table.wrong(
            name,
            "Rules are written with two brackets.",
            f"[[{name}]]",
            remedy=f"write [[{name}]]",
        )
    return [Table(each, name, index, table.lines, table.source) for index, each in enumerate(found)]


def _check_names(table: Table, withholds: Sequence[WithholdRule], releases: Sequence[ReleaseRule]) -> None:
    seen = {RECALL}
    places = [("withhold", index, rule.name) for index, rule in enumerate(withholds)]
    places += [("release", index, rule.name) for index, rule in enumerate(releases)]
    for kind, index, name in places:
        if name in seen:
            rule = Table({"name": name}, kind, index, table.lines, table.source)
            raise rule.wrong("name", "Two rules have one name.", "a name for each", name, "rename one of them")
        seen.add(name)


def _unmarked(table: Table) -> Tlp | None:
    if table.values.get("unmarked", "withhold") == "withhold":
        return None
    return table.tlp("unmarked")


def _agreed(table: Table) -> str | None:
    day = _day(table, "agreed")
    return day.isoformat() if day else None


def _expires_at(table: Table) -> int | None:
    expires, agreed = _day(table, "expires"), _day(table, "agreed")
    if "valid-for" not in table.values:
        return _micros(expires + timedelta(days=1)) if expires else None  # the day itself still counts
    if expires:
        raise table.wrong("valid-for", "The end is given twice.", "either expires or valid-for")
    if not agreed:
        raise table.wrong("valid-for", "Nobody knows since when.", "agreed = 2026-01-31 beside it")
    return _micros(agreed) + table.duration("valid-for")


def _day(table: Table, key: str) -> date | None:
    value = table.values.get(key)
    if value is None:
        return None
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        day = None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise table.wrong(key, "This must be a date.", f"{key} = 2027-06-30", value)
    return day


def _micros(day: date) -> int:
    return (datetime.combine(day, time(), UTC) - _EPOCH) // timedelta(microseconds=1)


# --- Rules --------------------------------------------------------------------------------------


def _withhold(table: Table) -> WithholdRule:
    table.refuse_unknown(_WITHHOLD)
    name = table.text("name")
    naming = table.words("naming")
    if len(table.values) == 1:
        raise table.wrong(
            "name",
            "This rule does not say what it withholds.",
            "types, sources, labels, objects or naming",
            name,
        )
    return WithholdRule(
        name=name,
        line=table.lines.of("withhold", table.index),
        scope=_scope(table, default_sources=None),
        naming=naming,
        _pattern=word_pattern(naming),
    )


def _release(table: Table, own: bool) -> ReleaseRule:
    table.refuse_unknown(_RELEASE)
    up_to = table.tlp("up-to")
    return ReleaseRule(
        name=table.text("name"),
        line=table.lines.of("release", table.index),
        scope=_scope(table, default_sources=frozenset({"own"})),
        up_to=up_to,
        forward_up_to=_forward_up_to(table, up_to, own),
        minimum_confidence=_confidence(table),
        accepts_unknown_confidence=table.choice("unknown-confidence", "withhold", "accept") == "accept",
        granular=table.choice("granular", "strip", "withhold"),
        references=table.choice("references", "withhold", "drop"),
        unknown_references=table.choice("unknown-references", "keep", "withhold"),
        delay=table.duration("delay"),
        strip=_strip(table),
        generalise=_generalise(table),
        public_names=frozenset(table.words("public-names")),
    )


def _scope(table: Table, default_sources: frozenset[str] | None) -> Scope:
    sources = frozenset(table.words("sources"))
    return Scope(
        types=_types(table),
        sources=None if "any" in sources else sources or default_sources,
        labels=frozenset(table.words("labels")),
        objects=_objects(table),
    )


def _objects(table: Table) -> frozenset[str] | None:
    """Only these objects, by their ids; None where the rule does not say."""
    ids = table.words("objects")
    for each in ids:
        if _id(each) is None:
            raise table.wrong(
                "objects", "This is no id of an object.", "a type, two hyphens and a UUID", each,
                remedy="copy the id from the object's page",
            )  # fmt: skip
    return frozenset(ids) if ids else None


def _types(table: Table) -> frozenset[str] | None:
    names = table.words("types")
    if not names and table.name == "release":
        raise table.wrong(
            "types",
            "A key is missing.",
            'types = ["indicator", "observables"] or types = ["all"]',
            remedy="say which types this rule releases",
        )
    if not names:
        return None
    kinds: set[str] = set()
    for name in names:
        if name not in KNOWN and name not in GROUPS and not name.startswith("x-"):
            known = [*GROUPS, *sorted(KNOWN)]
            raise table.wrong(
                "types", "STIX has no such type, and there is no such group.",
                f"{', '.join(GROUPS)}, a type of STIX, or one that begins with x-", name, did_you_mean(name, known),
            )  # fmt: skip
        kinds |= GROUPS.get(name, frozenset({name}))
    return None if "all" in names else frozenset(kinds)


def _forward_up_to(table: Table, up_to: Tlp, own: bool) -> Tlp:
    # TLP 2.0: recipients of AMBER share within their organisation and with its clients, of
    # AMBER+STRICT within their organisation only. A partner is neither, unless its source agreed.
    default = up_to if own else min(up_to, Tlp.GREEN)
    label = table.tlp("forward-up-to", default)
    if label > up_to:
        raise table.wrong(
            "forward-up-to",
            "More would be forwarded than is released.",
            f"at most {up_to}, as up-to says",
            str(label),
        )
    if label is Tlp.AMBER_STRICT and not own:
        raise table.wrong(
            "forward-up-to", "TLP:AMBER+STRICT stays within the organisation that got it.", "at most amber",
            str(label), "ask the source to send it to this partner itself",
        )  # fmt: skip
    return label


def _confidence(table: Table) -> int | None:
    value = table.values.get("minimum-confidence")
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 100:
        raise table.wrong(
            "minimum-confidence",
            "This must be a whole number from 0 to 100.",
            "such as 50",
            value,
        )
    return value


def _strip(table: Table) -> tuple[str, ...]:
    patterns = table.words("strip")
    explicit = [name for name in table.words("types") if name in KNOWN]
    for pattern in patterns:
        if not is_strippable(pattern):
            raise table.wrong(
                "strip", "This cannot be stripped: a valid object needs it, or it says how to handle the object.",
                'names of properties such as "description", "x_*" or "external_references.url"', pattern,
            )  # fmt: skip
        for kind in explicit:
            # A name that must be there is replaced; nothing could stand for the rest.
            if pattern in required(kind) and pattern != "name":
                raise table.wrong(
                    "strip", f"A valid {kind} cannot do without this property.", f"properties that a {kind} can lack",
                    pattern, f"take {kind} out of types, or {pattern} out of strip",
                )  # fmt: skip
    return tuple(sorted(set(patterns)))


def _generalise(table: Table) -> tuple[str, ...]:
    names = table.words("generalise")
    for name in names:
        if name not in GENERALISERS:
            raise table.wrong(
                "generalise", "This cannot be generalised.", ", ".join(GENERALISERS), name,
                did_you_mean(name, GENERALISERS),
            )  # fmt: skip
    return tuple(sorted(set(names)))

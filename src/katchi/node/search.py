"""One box that takes whatever an analyst has: a value, a pasted paragraph, a name in any language, or a query."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange.intakes.columns import key_of
from katchi.node.telling import teller
from katchi.node.things import Decisions, Neighbourhood, telling_of
from katchi.node.wiring import Node
from katchi.overlap import belief, things
from katchi.overlap.names import GROUP_OF, Identity, fold, packaged
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.things import ThingRow, Wanted

LONGEST: Final = 2_000_000  # characters of a pasted text
_DAY: Final = belief.DAY
_FIELDS: Final = ("kind", "type", "score", "from", "partner", "seen", "list", "tag")
_TAGGED: Final = 1000  # objects with a tag that are looked at, the latest
_GROUPS: Final = tuple(dict.fromkeys(GROUP_OF.values()))
_KINDS: Final = tuple(belief.HALF_LIFE)
_score = re.compile(r"([<>]=?)?\s*([0-9]{1,3})").fullmatch
_age = re.compile(r"<?\s*([0-9]{1,5})([hdw])").fullmatch
_cut = re.compile(r"[\s,;|\"'<>`]+").split
_trim: Final = "()[]{}.,:;!?*_-“”‘’«»。、，"


class BadQueryError(KatchiError):
    """A part of the query is not understood."""

    code = "query"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class Query:
    """What a query asks for; empty fields match everything."""

    words: str = ""
    kind: str = ""
    source: str = ""
    least: int = 0  # score
    most: int = 100
    seen_within: int = 0  # µs
    listed: str = ""  # a class of warning lists; "none": on no list
    tag: str = ""  # a label of an object that speaks of it, folded; "_" stands for a space

    @property
    def is_narrow(self) -> bool:
        """Whether it asks for more than words."""
        return self != Query(words=self.words)


@dataclass(frozen=True, slots=True)
class Scored:
    """A thing in a list, with its score now."""

    row: ThingRow
    score: int

    @property
    def sources(self) -> list[str]:
        """Who reported it."""
        return [each for each in self.row.sources.split(",") if each]

    @property
    def warned(self) -> list[str]:
        """The classes of the warning lists that it is on."""
        return [each for each in self.row.warned.split(",") if each]


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. Of pasted values, `unknown` has those that nobody reported; `before` leads to the next page."""

    query: Query
    things: Sequence[Scored]
    values: int = 0  # how many were looked up
    unknown: Sequence[str] = ()
    possible: Sequence[Identity] = ()  # whom an ambiguous name may mean
    before: int | None = None
    problems: Sequence[str] = field(default_factory=tuple)


def parse(text: str) -> Query:
    """`kind:domain score:>60 partner:us seen:<7d list:none words`. Raises BadQueryError."""
    query, words = Query(), []
    for part in text.split():
        name, colon, value = part.partition(":")
        if not colon or name not in _FIELDS or value.startswith("//"):
            words.append(part)
        else:
            query = _with(query, name, value)
    return replace(query, words=" ".join(words))


def _with(query: Query, name: str, value: str) -> Query:
    if name in ("kind", "type"):
        if value not in _KINDS:
            raise BadQueryError(
                "There is no such kind of thing.", what=name, expected=", ".join(_KINDS), found=value[:40]
            )
        return replace(query, kind=value)
    if name in ("from", "partner"):
        return replace(query, source=value)
    if name == "list":
        return replace(query, listed=value)
    if name == "tag":
        return replace(query, tag=things.folded_tag(value))
    if name == "score":
        return _scored(query, value)
    found = _age(value)
    if found is None:
        raise BadQueryError("This is no age.", what="seen", expected="seen:<7d, with h, d or w", found=value[:40])
    hours = int(found[1]) * {"h": 1, "d": 24, "w": 168}[found[2]]
    return replace(query, seen_within=hours * _DAY // 24)


def _scored(query: Query, value: str) -> Query:
    found = _score(value)
    if found is None or int(found[2]) > 100:
        raise BadQueryError("This is no score.", what="score", expected="score:>60, up to 100", found=value[:40])
    number, sign = int(found[2]), found[1] or ">="
    if sign.startswith(">"):
        return replace(query, least=number + (sign == ">"))
    return replace(query, most=number - (sign == "<"))


def find(node: Node, text: str, *, limit: int = 50, before: int | None = None) -> Found:
    """What a person typed or pasted, looked up. Raises BadQueryError."""
    text = text.strip()
    if len(text) > LONGEST:
        raise BadQueryError(
            "This is too much at once.", expected=f"at most {LONGEST} characters", found=str(len(text)),
            remedy="import it as a file instead",
        )  # fmt: skip
    keys = values_in(text)
    if keys:
        return _values(node, keys)
    query = parse(text)
    if query.tag:
        return _tagged(node, query, limit)
    if query.words:
        return _named(node, query, limit)
    return _listed(node, query, limit, before)


def values_in(text: str) -> dict[str, str]:
    """The values that a text asks for, key -> as written; none where it is a name or a query."""
    keys = keys_in(text)
    return keys if len(keys) > 1 or len(text.split()) < 3 else {}


def keys_in(text: str) -> dict[str, str]:
    """The values that a text holds, defanged or not: key -> as written."""
    found: dict[str, str] = {}
    for word in _cut(text):
        for form in (word, word.strip(_trim)):
            key = key_of(form) if len(form) > 3 else None
            if key is not None:
                found.setdefault(key, form)
                break
    return found


def _values(node: Node, keys: dict[str, str]) -> Found:
    now = node.clock.now()
    with node.store.database.reading() as transaction:
        known = rows_of(transaction, keys)
    found = {row.key: Scored(row, score_of(node, row, now)) for row in known.values()}
    unknown = [written for key, written in keys.items() if key not in known]
    ordered = sorted(found.values(), key=lambda each: (-each.score, each.row.name))
    return Found(Query(), ordered, len(keys), unknown)


def rows_of(transaction: Transaction, keys: Iterable[str]) -> dict[str, ThingRow]:
    """The things of these keys, by key."""
    near = Neighbourhood.around(transaction, keys, Decisions.of(rows.rulings(transaction)))
    roots = {key: near.root(key) for key in keys}
    known = rows.rows(transaction, roots.values())
    return {key: known[root] for key, root in roots.items() if root in known}


def score_of(node: Node, row: ThingRow, now: int) -> int:
    """A thing's score at this moment."""
    return belief.score(row.base, row.fresh_at, belief.half_life_of(row.kind, node.settings.half_life), now)


def _named(node: Node, query: Query, limit: int) -> Found:
    """By a name that the tables know, and by what names and values hold the words."""
    now = node.clock.now()
    possible = [each for group in _GROUPS for each in packaged().meaning(group, query.words).possible]
    with node.store.database.reading() as transaction:
        known = rows_of(transaction, [*roots_named(query.words), *(each.key for each in possible)])
    found = {row.key: row for row in known.values()}
    for row in node.store.things.named(query.words, query.kind, limit):
        found.setdefault(row.key, row)
    scored = [Scored(row, score_of(node, row, now)) for row in found.values()]
    return Found(query, [each for each in scored if fits(each, query, now)][:limit], possible=possible)


def roots_named(words: str) -> list[str]:
    """Whom a name means by the tables, and the names themselves, which things have that no table knows."""
    found = []
    for group in _GROUPS:
        identity = packaged().meaning(group, words).identity
        found += [identity.key] if identity is not None else []
        found.append(f"{group}:name:{fold(words)}")
    return found


def _tagged(node: Node, query: Query, limit: int) -> Found:
    """What the latest objects with a tag speak of."""
    now = node.clock.now()
    words = query.words.casefold()
    scored = [Scored(row, score_of(node, row, now)) for row in tagged_roots(node, query.tag, _TAGGED).values()]
    found = [each for each in scored if fits(each, query, now) and words in each.row.name.casefold()]
    return Found(query, sorted(found, key=lambda each: (-each.score, each.row.name))[:limit])


def tagged_roots(node: Node, tag: str, limit: int) -> dict[str, ThingRow]:
    """The things, by root, that the latest objects with a label speak of; `_` in it stands for a space too."""
    with node.store.database.reading() as transaction:
        seqs = rows.tagged(transaction, tag, limit) or rows.tagged(transaction, tag.replace("_", " "), limit)
        tell = teller(telling_of(node, rows.rulings(transaction)))
        items = [stix.read(bytes(entry.raw)) for entry in log.at(transaction, seqs)]
        stands = [stand for item in items for stand in tell(item, stix.thing_keys(item)).stands]
        return {row.key: row for row in rows_of(transaction, dict.fromkeys(stands)).values()}


def _listed(node: Node, query: Query, limit: int, before: int | None) -> Found:
    now = node.clock.now()
    since = now - query.seen_within if query.seen_within else 0
    if query.least:
        return Found(query, _best(node, query, limit, now, since))
    wanted = Wanted(query.kind, query.source, since, before=before or Wanted().before)
    found: list[Scored] = []
    while len(found) <= limit:
        page = node.store.things.newest(wanted, 4 * limit)
        scored = [Scored(row, score_of(node, row, now)) for row in page]
        found += [each for each in scored if fits(each, query, now)]
        if len(page) < 4 * limit:
            break
        wanted = replace(wanted, before=page[-1].number)
    more = len(found) > limit
    return Found(query, found[:limit], before=found[limit - 1].row.number if more else None)


def _best(node: Node, query: Query, limit: int, now: int, since: int) -> list[Scored]:
    """The highest scores: of each kind in the order that its index has at every moment, then merged."""
    found: list[Scored] = []
    for kind in (query.kind,) if query.kind else _KINDS:
        half_life = belief.half_life_of(kind, node.settings.half_life)
        least = belief.threshold(query.least - 0.5, half_life, now)
        rows_here = node.store.things.best(Wanted(kind, query.source, since, least), limit)
        found += [Scored(row, score_of(node, row, now)) for row in rows_here]
    found = [each for each in found if fits(each, query, now)]
    return sorted(found, key=lambda each: (-each.score, each.row.name))[:limit]


def fits(each: Scored, query: Query, now: int) -> bool:
    """Whether a thing is what a query asks for, its words aside."""
    if query.kind not in ("", each.row.kind) or not query.least <= each.score <= query.most:
        return False
    if query.source and query.source not in each.sources:
        return False
    if query.seen_within and each.row.last_at < now - query.seen_within:
        return False
    if query.listed == "none":
        return not each.warned
    return not query.listed or query.listed in each.warned


def root_of(node: Node, text: str) -> str | None:
    """The root of the thing that a person means by a key, a value or a name; None where it is not clear which."""
    key = key_named(node, text)
    if key is None:
        return None
    with node.store.database.reading() as transaction:
        return Neighbourhood.around(transaction, [key], Decisions.of(rows.rulings(transaction))).root(key)


def key_named(node: Node, text: str) -> str | None:
    """The key that a person means: one as it is, that of a value, or that of a name; None where it is not clear."""
    text = text.strip()
    kind = things.kind_of(text)
    if kind in _KINDS and ":" in text and not text.startswith("url://"):
        return text if things.is_key(text) else None
    key = key_of(text)
    if key is not None or not text:
        return key
    candidates = roots_named(text)
    known = [each for each in candidates if not things.is_folded_name(each)]
    with node.store.database.reading() as transaction:
        held = list(rows.rows(transaction, candidates))
    if len(held) == 1:
        return held[0]
    return known[0] if len(known) == 1 and not held else None

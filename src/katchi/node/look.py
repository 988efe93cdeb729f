"""Gathers what a person wants to see at one glance: the situation, an object, a partner, the ledger."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from katchi import policy, stix
from katchi.errors import KatchiError
from katchi.node import emerging, partnering, terms
from katchi.node.effort_board import Seen, going_on
from katchi.node.feeds import Address, addresses
from katchi.node.telling import teller
from katchi.node.terms import Explanation
from katchi.node.things import telling_of
from katchi.node.wiring import Node
from katchi.policy.ledger import Entry
from katchi.policy.partner import Partner
from katchi.store import log
from katchi.store.ledger import LedgerRow
from katchi.store.overlaps import OverlapRow
from katchi.store.partners import PartnerRow, TermsRow
from katchi.store.releases import Flow, Gone, HeldBack
from katchi.store.responses import ResponseRow
from katchi.store.search import Hit, Reference, Wanted
from katchi.store.submissions import Intake, Submission
from katchi.store.things import Alarm, rulings
from katchi.store.watches import WatchRow
from katchi.store.withdrawals import TakenBack

PAGE = 50


@dataclass(frozen=True, slots=True)
class Course:
    """How the exchange with one partner goes."""

    row: PartnerRow
    flow: Flow | None
    withheld: int
    came: int


@dataclass(frozen=True, slots=True)
class Situation:
    """What an operator looks at first."""

    objects: int
    by_type: Sequence[tuple[str, int]]
    intakes: Sequence[Intake]
    courses: Sequence[Course]
    reasons: Sequence[tuple[str, int]]
    releases: Sequence[Gone]
    withheld: Sequence[HeldBack]
    submissions: Sequence[Submission]
    alarms: Sequence[Alarm]
    watches: Sequence[WatchRow]  # those with news
    overlaps: Sequence[OverlapRow]  # those that wait for our person
    asked: Sequence[Seen]  # efforts in which a partner asks us to take part
    responses: Sequence[ResponseRow]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search. `before` leads to the next one, if there is one."""

    hits: Sequence[Hit]
    before: int | None
    types: Sequence[str]
    origins: Sequence[str]
    thing: str  # the canonical key by which it was found, if it was


@dataclass(frozen=True, slots=True)
class Pointer:
    """A reference of an object, with the name of what it points to where that is held."""

    path: str
    object_id: str
    name: str
    is_held: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything about one object."""

    hit: Hit
    versions: Sequence[log.Entry]
    properties: Sequence[tuple[str, str]]
    translated: Sequence[tuple[str, str]]
    points_to: Sequence[Pointer]
    pointed_from: Sequence[Reference]
    things: Sequence[str]
    same: Sequence[Hit]
    releases: Sequence[Gone]
    withheld: Sequence[HeldBack]
    findings: Sequence[stix.Finding]
    taken_back: Sequence[TakenBack]
    raw: str


@dataclass(frozen=True, slots=True)
class PartnerShown:
    """Everything about one partner."""

    row: PartnerRow
    partner: Partner
    words_en: Sequence[str]
    words_ko: Sequence[str]
    terms: TermsRow | None
    flow: Flow | None
    reasons: Sequence[tuple[str, int]]
    releases: Sequence[Gone]
    withheld: Sequence[HeldBack]
    taxii: str  # where a TAXII client begins; "" for a node, which knows
    feeds: Sequence[Address]
    explanation: Explanation | None
    outcome: str  # "goes", "copy", "later", "stays", or "" for no question
    problem: str


@dataclass(frozen=True, slots=True)
class LedgerLine:
    """One entry of the ledger, read."""

    row: LedgerRow
    body: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class LedgerShown:
    """The ledger's end."""

    size: int
    root: str
    lines: Sequence[LedgerLine]
    partners: Sequence[str]


def situation(node: Node) -> Situation:
    """What came, what went, what was withheld and why."""
    counts = node.store.releases.withheld_counts()
    reasons: dict[str, int] = {}
    for _, code, count in counts:
        reasons[code] = reasons.get(code, 0) + count
    by_type = node.store.search.counts_by_type()
    return Situation(
        objects=sum(count for _, count in by_type),
        by_type=by_type,
        intakes=node.store.submissions.intakes(),
        courses=partners(node),
        reasons=sorted(reasons.items(), key=lambda item: -item[1]),
        releases=node.store.releases.latest(8),
        withheld=node.store.releases.latest_withheld(8),
        submissions=node.store.submissions.latest(6),
        alarms=[each for each in emerging.alarms(node) if each.closed_at is None][:5],
        watches=[each for each in node.store.watches.all() if each.news],
        overlaps=node.store.overlaps.waiting(),
        asked=going_on(node, "asked"),
        responses=[row for row in node.store.responses.all() if row.state in ("asked", "deferred", "approving")],
    )


def partners(node: Node) -> list[Course]:
    """How the exchange with each partner goes."""
    flows = node.store.releases.flows()
    withheld: dict[str, int] = {}
    for name, _, count in node.store.releases.withheld_counts():
        withheld[name] = withheld.get(name, 0) + count
    came = {intake.submitter: intake.stored for intake in node.store.submissions.intakes()}
    return [
        Course(row, flows.get(row.name), withheld.get(row.name, 0), came.get(row.name, 0))
        for row in node.store.partners.all()
    ]


def find(node: Node, wanted: Wanted) -> Found:
    """Searches by id, by the thing that a value stands for, or by words."""
    hits, thing = _hits(node, wanted)
    more = len(hits) > PAGE
    hits = hits[:PAGE]
    return Found(
        hits,
        hits[-1].seq if more and hits else None,
        [kind for kind, _ in node.store.search.counts_by_type()],
        [origin for origin, _ in node.store.search.counts_by_origin()],
        thing,
    )


def _hits(node: Node, wanted: Wanted) -> tuple[list[Hit], str]:
    search = node.store.search
    exact = search.by_id(wanted.words) if "--" in wanted.words else None
    if exact is not None:
        return _filtered([exact], wanted), ""
    for key in _keys_of(wanted.words):
        hits = [hit for hit, _ in node.store.things.speaking([key], PAGE)]
        if hits:
            return _filtered(hits, wanted), key
    return search.find(replace(wanted, words=unicodedata.normalize("NFKC", wanted.words).lower()), PAGE + 1), ""


def _filtered(hits: Sequence[Hit], wanted: Wanted) -> list[Hit]:
    return [
        hit
        for hit in hits
        if wanted.type in ("", hit.type) and wanted.origin in ("", hit.origin) and wanted.marking in ("", hit.marking)
    ]


_VALUES = ("ipv4-addr", "ipv6-addr", "url", "email-addr", "domain-name")
_HASHES = {32: "MD5", 40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}


def _keys_of(words: str) -> list[str]:
    """The things that a value may stand for, defanged or not."""
    if not words or " " in words:
        return []
    observables: list[dict[str, Any]] = [{"type": kind, "value": words} for kind in _VALUES]
    if len(words) in _HASHES and all(letter in "0123456789abcdefABCDEF" for letter in words):
        observables.insert(0, {"type": "file", "hashes": {_HASHES[len(words)]: words}})
    return [key for each in observables for key in stix.thing_keys(_observable(each))]


def _observable(members: dict[str, Any]) -> stix.Object:
    identity = f"{members['type']}--00000000-0000-4000-8000-000000000000"
    return stix.read(msgspec.json.encode({"spec_version": "2.1", "id": identity, **members}))


def show(node: Node, object_id: str, language: str) -> Shown | None:
    """Everything about one object; None if it is not held."""
    hit = node.store.search.by_id(object_id)
    if hit is None:
        return None
    versions = node.store.log.versions(object_id)
    item = stix.read(bytes(versions[0].raw))
    things = things_of(node, item)
    same = {other.object_id: other for other, _ in node.store.things.speaking(things, PAGE)}
    same.pop(object_id, None)
    return Shown(
        hit=hit,
        versions=versions,
        properties=_properties(item.properties),
        translated=_translation(node, object_id, language),
        points_to=_pointers(node, item),
        pointed_from=node.store.search.referring_to(object_id, PAGE),
        things=things,
        same=list(same.values()),
        releases=node.store.releases.of_object(object_id),
        withheld=node.store.releases.withheld_of(object_id),
        findings=stix.check(item),
        taken_back=node.store.withdrawals.of_object(object_id),
        raw=bytes(versions[0].raw).decode("utf-8", "replace"),
    )


def things_of(node: Node, item: stix.Object) -> list[str]:
    """The keys under which an object is filed."""
    with node.store.database.reading() as transaction:
        tell = teller(telling_of(node, rulings(transaction)))
    return list(tell(item, stix.thing_keys(item)).stands)


_FIRST = ("name", "value", "description", "pattern", "content", "abstract", "explanation", "aliases", "labels")
_LAST = ("type", "spec_version", "id", "object_marking_refs", "granular_markings")


def _properties(properties: dict[str, Any]) -> list[tuple[str, str]]:
    """Properties as text, what a person reads first at the top."""

    def rank(name: str) -> tuple[int, int]:
        if name in _FIRST:
            return 0, _FIRST.index(name)
        return (2, 0) if name in _LAST else (1, 0)

    return [(name, _text(properties[name])) for name in sorted(properties, key=rank)]


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return "\n".join(value)
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def _translation(node: Node, object_id: str, language: str) -> list[tuple[str, str]]:
    for reference in node.store.search.referring_to(object_id, PAGE):
        if reference.type == "language-content":
            found = node.store.log.newest([reference.from_id]).get(reference.from_id)
            if found is not None:
                contents = stix.read(bytes(found.raw)).properties.get("contents", {})
                if isinstance(contents.get(language), dict):
                    return [(name, _text(text)) for name, text in contents[language].items()]
    return []


def _pointers(node: Node, item: stix.Object) -> list[Pointer]:
    references = stix.references(item)
    hits = node.store.search.by_ids([reference.id for reference in references])
    return [
        Pointer(each.path, each.id, hits[each.id].name if each.id in hits else each.id, each.id in hits)
        for each in references
    ]


def partner(node: Node, name: str, asked: str = "") -> PartnerShown:
    """Everything about one partner, and what would happen to the object that is asked about.

    Raises UnknownPartnerError.
    """
    row = node.store.partners.one(name)
    who = Partner.from_json(row.document)
    explanation, problem = _explained(node, asked, name)
    return PartnerShown(
        row=row,
        partner=who,
        words_en=partnering.words(who, "en"),
        words_ko=partnering.words(who, "ko"),
        terms=node.store.partners.terms_in_force(name),
        flow=node.store.releases.flows().get(name),
        reasons=[(code, count) for of, code, count in node.store.releases.withheld_counts() if of == name],
        releases=node.store.releases.latest(12, name),
        withheld=node.store.releases.latest_withheld(12, name),
        taxii=f"{node.settings.url.rstrip('/')}/taxii2/" if row.kind == "tool" else "",
        feeds=addresses(node, row) if row.kind == "tool" else [],
        explanation=explanation,
        outcome=_outcome(explanation),
        problem=problem,
    )


def _explained(node: Node, asked: str, name: str) -> tuple[Explanation | None, str]:
    if not asked:
        return None, ""
    try:
        return terms.explain(node, asked, name), ""
    except KatchiError as problem:
        return None, problem.sentence


def _outcome(explanation: Explanation | None) -> str:
    if explanation is None:
        return ""
    decision = explanation.decision
    if isinstance(decision, policy.Withheld):
        return "stays"
    if isinstance(decision, policy.Delayed):
        return "later"
    return "copy" if decision.released.is_copy else "goes"


def ledger(node: Node, partner_name: str, kind: str) -> LedgerShown:
    """The ledger's latest entries."""
    size, root = node.store.ledger.root()
    rows = node.store.ledger.latest(100, partner_name, kind)
    lines = [
        LedgerLine(row, [(name, str(value)) for name, value in Entry.from_bytes(row.entry).body.items()])
        for row in rows
    ]
    return LedgerShown(size, root.hex(), lines, [row.name for row in node.store.partners.all()])

"""Everything that is known of one thing: who says what, what to believe and why, what it is linked to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from katchi import stix
from katchi.node.advising import Advice, advice
from katchi.node.search import Scored, score_of
from katchi.node.sighted import Tally, tally
from katchi.node.telling import Telling, lists_of, teller, warning_lists
from katchi.node.things import Decisions, Neighbourhood, Weighing, telling_of
from katchi.node.wiring import Node
from katchi.overlap import things
from katchi.overlap.belief import Belief
from katchi.overlap.names import GROUP_OF, Identity, packaged
from katchi.overlap.warning import ListInfo
from katchi.stix import canonical
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import hash_of
from katchi.store.search import Hit, hits_of
from katchi.store.things import AttestationRow, Ruling, StatementRow, ThingRow

SHOWN: Final = 200
"""Statements, sightings and relations that a page shows, the latest of each: more would be no page."""


TACTICS: Final = (
    "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
    "defense-evasion", "credential-access", "discovery", "lateral-movement", "collection", "command-and-control",
    "exfiltration", "impact",
)  # fmt: skip
"""ATT&CK's tactics, in the order of its matrix; those of other matrices follow."""


@dataclass(frozen=True, slots=True)
class Said:
    """One object that speaks of the thing."""

    hit: Hit
    statement: StatementRow
    author: str  # the name of who made it, "" for nobody said


@dataclass(frozen=True, slots=True)
class Seen:
    """One sighting, or one opinion, of an object that speaks of the thing."""

    hit: Hit
    attestation: AttestationRow


@dataclass(frozen=True, slots=True)
class Relation:
    """How an object that speaks of the thing is related to another object, and to which thing that one is."""

    what: str  # the type of the relationship, or the property that points
    is_outward: bool
    other: Hit
    key: str  # a thing that the other object speaks of; "" for none
    tactics: tuple[str, ...] = ()  # of a technique: phases of the ATT&CK kill chain


@dataclass(frozen=True, slots=True)
class Portrait:
    """All of it. `keys` are those of the thing, its root first."""

    root: str
    kind: str
    row: ThingRow | None
    keys: Sequence[str]
    belief: Belief
    score: int
    said: Sequence[Said]
    seen: Sequence[Seen]
    lists: Sequence[tuple[str, ListInfo]]  # by key
    identity: Identity | None
    possible: Sequence[tuple[str, str]]  # (root, title) of what an ambiguous hash or name may mean
    linked: Sequence[tuple[str, Scored | None, str]]  # (how, the thing, its key)
    relations: Sequence[Relation]
    rulings: Sequence[Ruling]
    releases: Sequence[tuple[str, int]]  # partner, how many of the objects went to it
    sources: dict[int, str]
    tally: Tally
    advice: Sequence[Advice]

    @property
    def written(self) -> str:
        """A domain in the letters in which a person sees it, where they are others; else empty."""
        return things.in_its_own_letters(self.root)

    @property
    def scripts(self) -> list[str]:
        """The scripts of a name that could be taken for another one; empty for all others."""
        return things.suspicious_scripts(self.root)

    @property
    def matrix(self) -> list[tuple[str, list[Relation]]]:
        """The techniques that it uses, under their tactics in ATT&CK's order."""
        columns: dict[str, list[Relation]] = {}
        for each in self.relations:
            for tactic in each.tactics:
                columns.setdefault(tactic, []).append(each)
        order = {tactic: place for place, tactic in enumerate(TACTICS)}
        return [
            (tactic, sorted(columns[tactic], key=lambda each: each.other.name))
            for tactic in sorted(columns, key=lambda each: (order.get(each, len(order)), each))
        ]

    @property
    def is_more(self) -> bool:
        """Whether there are more statements than are shown."""
        return self.row is not None and self.row.statements > len(self.said)


def portrait(node: Node, key: str) -> Portrait:
    """The thing of a key; one that nobody reported has nothing but its key."""
    with node.store.database.reading() as transaction:
        rulings = rows.rulings(transaction)
        decisions = Decisions.of(rulings)
        near = Neighbourhood.around(transaction, [key], decisions)
        root = near.root(key)
        keys = [root, *(each for each in near.keys if each != root and near.root(each) == root)]
        known = rows.rows(transaction, [root])
        weighing = Weighing.of(node, transaction)
        telling = telling_of(node, rulings)
        linked = _linked(node, transaction, root)
    said = node.store.things.speaking(keys, SHOWN)
    with node.store.database.reading() as transaction:
        statements, attested = replace(weighing, transaction=transaction).gather(root, keys, known)
        seen = _seen(transaction, attested)
        counted = tally(transaction, attested, weighing.sources, now=weighing.now)
        authors = _authors(transaction, said)
        advised = advice(transaction, [hit for hit, _ in said])
        relations = _relations(transaction, [hit for hit, _ in said], telling)
    lists = [(each, info) for each in keys for info in warning_lists(lists_of(node.folder)).matching(each)]
    classes = list(dict.fromkeys(info.category for _, info in lists))
    weighed = weighing.assess(root, statements, attested, classes)
    releases = _releases(node, [hit.object_id for hit, _ in said])
    return Portrait(
        root, things.kind_of(root), known.get(root), keys, weighed, weighed.score(weighing.now),
        [Said(hit, each, authors.get(each.author, "")) for hit, each in said], seen, lists,
        _identity(root), _possible(near, root), linked, relations,
        [each for each in rulings if {each.key, each.other} & {*keys, *near.keys}], releases, dict(weighing.sources),
        counted, advised,
    )  # fmt: skip


def _identity(root: str) -> Identity | None:
    """Who it is, with those of the tables' names that mean nobody else."""
    found = packaged().identity(root)
    if found is None:
        return None
    group = things.kind_of(root)
    meant = [name for name in found.names if things.stand(f"name:{_SOME_TYPE[group]}:{name}", packaged()) == root]
    return Identity(found.key, found.title, tuple(meant))


_SOME_TYPE: Final[dict[str, str]] = {group: kind for kind, group in GROUP_OF.items()}


def _seen(transaction: Transaction, attested: Sequence[AttestationRow]) -> list[Seen]:
    entries = {entry.seq: entry for entry in log.at(transaction, [each.seq for each in attested[:SHOWN]])}
    hits = hits_of(transaction, [entry.object_id for entry in entries.values()])
    found = [
        Seen(hits[entries[each.seq].object_id], each)
        for each in attested[:SHOWN]
        if each.seq in entries and entries[each.seq].object_id in hits
    ]
    return sorted(found, key=lambda each: -each.attestation.last)


def _authors(transaction: Transaction, said: Sequence[tuple[Hit, StatementRow]]) -> dict[int, str]:
    wanted = {each.author for _, each in said if each.author}
    seqs = [each.seq for _, each in said if each.author]
    ids: set[str] = set()
    for entry in log.at(transaction, seqs[:SHOWN]):
        author = stix.read(bytes(entry.raw)).created_by_ref
        if author:
            ids.add(author)
        if len(ids) >= len(wanted):
            break
    return {hash_of(each): hit.name for each, hit in hits_of(transaction, ids).items()}


def _relations(transaction: Transaction, hits: Sequence[Hit], telling: Telling) -> list[Relation]:
    ids = {hit.object_id for hit in hits}
    pointing = rows.pointing(transaction, [hash_of(each) for each in sorted(ids)], SHOWN)
    others: list[tuple[str, bool, str]] = []
    for row in pointing:
        if row.type == "relationship":
            members = stix.read(bytes(row.raw)).properties
            source, target = str(members.get("source_ref")), str(members.get("target_ref"))
            is_outward = source in ids
            others.append((str(members.get("relationship_type")), is_outward, target if is_outward else source))
        elif row.type not in ("sighting", "opinion"):
            others.append((row.path.partition(".")[0], False, row.object_id))
    held = log.newest(transaction, [each for _, _, each in others])
    known = hits_of(transaction, held)
    tell = teller(telling)
    keys: dict[str, str] = {}
    tactics: dict[str, tuple[str, ...]] = {}
    for name, entry in held.items():
        item = stix.read(bytes(entry.raw))
        keys[name] = next(iter(tell(item, stix.thing_keys(item)).stands), "")
        tactics[name] = _tactics(item) if item.type == "attack-pattern" else ()
    found = {
        (what, is_outward, each): Relation(what, is_outward, known[each], keys[each], tactics[each])
        for what, is_outward, each in others
        if each in known and each not in ids
    }
    return list(found.values())


def _tactics(item: stix.Object) -> tuple[str, ...]:
    phases = item.properties.get("kill_chain_phases")
    found = [
        str(phase.get("phase_name"))
        for phase in (phases if isinstance(phases, list) else ())
        if isinstance(phase, dict) and str(phase.get("kill_chain_name")).startswith("mitre-")
    ]
    return tuple(dict.fromkeys(found))


def _possible(near: Neighbourhood, root: str) -> list[tuple[str, str]]:
    several = near.climb(root)[1] if root.startswith("file:") else []
    meaning = things.meaning_of(root, packaged())
    return [*((each, each) for each in several), *((each.key, each.title) for each in meaning.possible)]


def _linked(node: Node, transaction: Transaction, root: str) -> list[tuple[str, Scored | None, str]]:
    """What is another thing and belongs to this one: a URL's host, a name's parent, an address's mail domain."""
    keys: list[tuple[str, str]] = []
    kind, _, value = root.partition(":")
    if kind == "url":
        host = urlsplit(value).hostname or ""
        key = canonical.address(host) or canonical.domain(host)
        keys += [("host", key)] if key else []
    elif kind == "email":
        keys.append(("domain", f"domain:{value.rpartition('@')[2]}"))
    elif kind == "domain":
        parent = value.partition(".")[2]
        keys += [("parent", f"domain:{parent}")] if "." in parent else []
    known = rows.rows(transaction, [key for _, key in keys])
    now = node.clock.now()
    return [
        (how, Scored(known[key], score_of(node, known[key], now)) if key in known else None, key) for how, key in keys
    ]


def _releases(node: Node, object_ids: Iterable[str]) -> list[tuple[str, int]]:
    counts: dict[str, int] = {}
    for object_id in list(object_ids)[:50]:
        for gone in node.store.releases.of_object(object_id):
            counts[gone.partner] = counts.get(gone.partner, 0) + 1
    return sorted(counts.items())

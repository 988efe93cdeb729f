"""Things, kept up with the object log: which keys are one, what to believe of each, what people decided."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Any, Final, Protocol

from katchi import stix
from katchi.node.telling import Telling, lists_of, teller
from katchi.node.wiring import Node
from katchi.overlap import belief, things
from katchi.overlap.belief import Attestation, Belief, Statement
from katchi.overlap.names import fold, packaged
from katchi.store import log
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import Arrival, Changes, Tell, hash_of
from katchi.store.things import AttestationRow, Ruling, StatementRow, ThingRow

_NAMED: Final = ("actor:", "software:", "campaign:")
HEAVY: Final = 2000
"""Of a thing that more statements than this speak of, the latest are weighed."""

_ROUNDS: Final = 6  # from MD5 to SHA-256 by way of all others
_MOST_KEYS: Final = 500  # of one neighbourhood: nobody's hashes grow without end


@dataclass(slots=True)
class Decisions:
    """What people decided, as it is looked up."""

    same: dict[str, str] = field(default_factory=dict)  # key -> what it is
    apart: set[tuple[str, str]] = field(default_factory=set)

    @classmethod
    def of(cls, rulings: Iterable[Ruling]) -> Decisions:
        """The last word on each pair counts."""
        found = cls()
        for ruling in rulings:
            pair = (ruling.key, ruling.other)
            found.apart.discard(pair)
            if ruling.is_same is not True and found.same.get(ruling.key) == ruling.other:
                del found.same[ruling.key]
            if ruling.is_same:
                found.same[ruling.key] = ruling.other
            elif ruling.is_same is False:
                found.apart.add(pair)
        return found


def telling_of(node: Node, rulings: Iterable[Ruling]) -> Telling:
    """What telling rests on at this moment. Raises BadListError."""
    apart: dict[str, set[str]] = {}
    for key, other in Decisions.of(rulings).apart:
        if ":name:" in key:
            apart.setdefault(key, set()).add(other)
    return Telling(lists_of(node.folder), tuple((name, tuple(sorted(keys))) for name, keys in sorted(apart.items())))


class Noting(Protocol):
    """Whoever wants to know what was weighed."""

    def note(self, members: Mapping[str, Sequence[str]], weighed: Mapping[str, Mapping[str, Any]]) -> None:
        """These things: their keys and their rows, by their roots."""


class Settling:
    """Brings things up to what was just appended. One for each transaction."""

    def __init__(self, node: Node, transaction: Transaction, tell: Tell, noting: Noting | None = None) -> None:
        self._noting = noting
        self._transaction = transaction
        self._tell = tell
        self._decisions = Decisions.of(rows.rulings(transaction))
        self._weighing = Weighing.of(node, transaction)

    def settle(self, arrivals: Iterable[Arrival], changes: Changes) -> None:
        """The things that these arrivals name, and those that what they replace named."""
        touched: dict[str, str] = {}  # stand -> classes of warning lists
        attested: set[str] = set()
        for arrival in arrivals:
            told = arrival.told
            touched.update(zip(told.stands, told.warned or repeat(""), strict=False))
            attested.update(each.of_id for each in told.attesting)
        if changes.replaced:
            for entry in log.at(self._transaction, changes.replaced):
                attested |= self._touch(entry, touched)
        if attested:
            for entry in log.newest(self._transaction, sorted(attested)).values():
                self._touch(entry, touched)
        self.settle_keys(touched)

    def _touch(self, entry: log.Entry, touched: dict[str, str]) -> set[str]:
        item = stix.read(bytes(entry.raw))
        told = self._tell(item, stix.thing_keys(item))
        for stand, warned in zip(told.stands, told.warned, strict=True):
            touched.setdefault(stand, warned)
        return {each.of_id for each in told.attesting}

    def settle_keys(self, touched: Mapping[str, str], classes: Callable[[str], str] | None = None) -> None:
        """The things of these keys, weighed anew.

        With `classes`, what is known of their warning lists is forgotten and asked again.
        """
        near = self.neighbourhood(touched)
        if classes is not None:
            touched = {key: classes(key) for key in near.keys}
        members: dict[str, list[str]] = {}
        for key in near.keys:
            members.setdefault(near.root(key), []).append(key)
        roots = members.keys() | near.keys
        known = rows.rows(self._transaction, roots)
        weighed = self._weighing.weigh(members, known, touched, are_classes_known=classes is not None)
        fresh, changed = [], []
        for root, row in weighed.items():
            before = known.get(root)
            row["name"] = self._written(root) if things.is_folded_name(root) else title_of(root)
            if before is None:
                fresh.append({**row, "key_hash": hash_of(root), "key": root, "kind": things.kind_of(root)})
            else:
                changed.append({**row, "number": before.number})
        if self._noting is not None:
            self._noting.note(members, weighed)
        gone = [{"number": row.number} for key, row in known.items() if key not in weighed]
        self._transaction.run_many("thing", "drop", gone)
        rows.put(self._transaction, fresh, changed)

    def _written(self, root: str) -> str:
        """A name that no table knows, as the first object that bears it writes it."""
        folded = root.split(":", 2)[2]
        names = rows.names_under(self._transaction, hash_of(root))
        return next((name for name in names if fold(name) == folded), title_of(root))

    def neighbourhood(self, keys: Iterable[str]) -> Neighbourhood:
        """These keys and all that may be one with them."""
        return Neighbourhood.around(self._transaction, keys, self._decisions)


@dataclass(slots=True)
class Neighbourhood:
    """Keys, with what each was seen with and what people decided: enough to tell which are one."""

    keys: dict[str, None]
    kin: dict[str, list[str]]
    decisions: Decisions

    @classmethod
    def around(cls, transaction: Transaction, keys: Iterable[str], decisions: Decisions) -> Neighbourhood:
        """Looks further and further until nothing new is met."""
        found = cls(dict.fromkeys(keys), {}, decisions)
        joined: dict[str, list[str]] = {}
        for key, other in decisions.same.items():
            joined.setdefault(key, []).append(other)
            joined.setdefault(other, []).append(key)
        new = list(found.keys)
        limit = len(new) + _MOST_KEYS
        for _ in range(_ROUNDS):
            kin = rows.kin_of(transaction, [key for key in new if key.startswith("file:")])
            found.kin |= kin
            met = [other for others in kin.values() for other in others]
            met += [other for key in new if key in joined for other in joined[key]] if joined else []
            new = [key for key in dict.fromkeys(met) if key not in found.keys]
            if not new or len(found.keys) > limit:
                break
            found.keys.update(dict.fromkeys(new))
        return found

    def root(self, key: str) -> str:
        """The root of the thing that a key is of."""
        if not self.kin and not self.decisions.same:
            return key
        seen = {key}
        while True:
            above = self.decisions.same.get(key) or self.climb(key)[0]
            if above is None or above in seen:
                return key
            seen.add(above)
            key = above

    def climb(self, key: str) -> tuple[str | None, list[str]]:
        """As `things.climb`, without what a person split off."""
        others = self.kin.get(key)
        if not others:
            return None, []
        apart = self.decisions.apart
        return things.climb(key, [other for other in others if (key, other) not in apart and (other, key) not in apart])


@dataclass(slots=True)
class Weighing:
    """What belief is weighed with: how reliable sources are, how things age, what time it is."""

    transaction: Transaction
    grades: Mapping[int, str]
    sources: Mapping[int, str]
    half_lives: Mapping[str, int]
    now: int

    @classmethod
    def of(cls, node: Node, transaction: Transaction) -> Weighing:
        """As of now."""
        grades = {hash_of(each.name): each.letter for each in rows.grades(transaction)}
        return cls(transaction, grades, rows.sources(transaction), node.settings.half_life, node.clock.now())

    def weigh(
        self, members: Mapping[str, Sequence[str]], known: Mapping[str, ThingRow], warned: Mapping[str, str],
        *, are_classes_known: bool = False,
    ) -> dict[str, dict[str, Any]]:  # fmt: skip
        """The rows of the things with these roots and keys; those of which nobody speaks are left out.

        `warned` has the classes of warning lists of some keys, or (`are_classes_known`) of all.
        """
        said, counts = self._said(members, known)
        attested = self._attested(row.id_hash for each in said.values() for row in each)
        found = {}
        for root, keys in members.items():
            statements = [row for key in keys for row in said.get(hash_of(key), ())]
            if not statements:
                continue
            before = () if are_classes_known else [known[key] for key in keys if key in known]
            classes = _classes([warned.get(key, "") for key in keys], before)
            attestations = [each for row in statements for each in attested.get(row.id_hash, ())] if attested else []
            found[root] = self._row(root, statements, attestations, classes)
            if counts:  # of a thing that much is said of, not all was looked at
                found[root]["statements"] += sum(counts.get(hash_of(key), 0) for key in keys)
        return found

    def gather(
        self, root: str, keys: Sequence[str], known: Mapping[str, ThingRow]
    ) -> tuple[list[StatementRow], list[AttestationRow]]:
        """All that one thing is weighed from."""
        said, _ = self._said({root: keys}, known)
        statements = [row for key in keys for row in said.get(hash_of(key), ())]
        attested = self._attested(row.id_hash for row in statements)
        return statements, [each for row in statements for each in attested.get(row.id_hash, ())]

    def _said(
        self, members: Mapping[str, Sequence[str]], known: Mapping[str, ThingRow]
    ) -> tuple[dict[int, list[StatementRow]], dict[int, int]]:
        """What is said under each key, by its hash; and how much more there is that was not looked at."""
        said: dict[int, list[StatementRow]] = {}
        more: dict[int, int] = {}
        light = []
        for keys in members.values():
            for key in keys:
                row = known.get(key)
                if row is not None and row.statements > HEAVY:
                    latest, count = rows.latest_statements(self.transaction, row.key_hash, HEAVY)
                    said[row.key_hash], more[row.key_hash] = latest, count - len(latest)
                else:
                    light.append(hash_of(key))
        for statement in rows.statements(self.transaction, light):
            said.setdefault(statement.key_hash, []).append(statement)
        return said, more

    def _attested(self, id_hashes: Iterable[int]) -> dict[int, list[AttestationRow]]:
        found: dict[int, list[AttestationRow]] = {}
        for row in rows.attestations(self.transaction, id_hashes):
            found.setdefault(row.of_hash, []).append(row)
        return found

    def assess(
        self,
        root: str,
        statements: Sequence[StatementRow],
        attestations: Sequence[AttestationRow],
        warned: Sequence[str],
    ) -> Belief:
        """What to believe of one thing."""
        return belief.assess(
            things.kind_of(root),
            [Statement._make(row[1:8]) for row in statements],
            [Attestation(row.opinion, row.times, row.last, row.author, row.source) for row in attestations],
            warned, grades=self.grades, now=self.now, half_lives=self.half_lives,
        )  # fmt: skip

    def _row(
        self,
        root: str,
        statements: Sequence[StatementRow],
        attestations: Sequence[AttestationRow],
        warned: Sequence[str],
    ) -> dict[str, Any]:
        weighed = self.assess(root, statements, attestations, warned)
        names = dict.fromkeys(self.sources.get(row.source, "?") for row in statements)
        moments = [row.at for row in statements]
        return {
            "base": weighed.base, "fresh_at": weighed.fresh_at,
            "rank": belief.rank(weighed.base, weighed.fresh_at, weighed.half_life),
            "first_at": min(moments), "last_at": max([*moments, *(row.last for row in attestations)]),
            "statements": len(statements),
            "sightings": sum(row.times for row in attestations if row.opinion is None),
            "sources": f",{','.join(sorted(names))},", "warned": f",{','.join(warned)}," if warned else "",
        }  # fmt: skip


def _classes(told: Iterable[str], known: Iterable[ThingRow]) -> list[str]:
    texts = [*told, *(row.warned for row in known)]
    return list(dict.fromkeys(each for text in texts if text for each in text.split(",") if each))


def title_of(root: str) -> str:
    """What a root is called where nobody wrote it otherwise."""
    identity = packaged().identity(root) if root.startswith(_NAMED) else None
    if identity is not None:
        return identity.title
    kind, _, rest = root.partition(":")
    return rest.split(":", 1)[-1] if kind in ("file", "certificate") or rest.startswith("name:") else rest


def settle(node: Node, tell: Tell) -> Callable[[Transaction, Sequence[Arrival], Changes], None]:
    """What the log calls after it has appended."""

    def now(transaction: Transaction, arrivals: Sequence[Arrival], changes: Changes) -> None:
        Settling(node, transaction, tell).settle(arrivals, changes)

    return now


def rebuild(node: Node) -> Iterator[tuple[int, int]]:
    """Makes all derived tables anew from the log, things among them; yields (done, of)."""
    with node.store.database.reading() as transaction:
        tell = teller(telling_of(node, rows.rulings(transaction)))
    yield from node.store.log.rebuild(tell, settle(node, tell))

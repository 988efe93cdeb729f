"""Lays what we released beside what the partner says it received, and names every difference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ReleaseFact:
    """One release as our ledger has it. `digest` is SHA-256, hex, of the bytes that went."""

    object_id: str
    version: str
    digest: str
    at: int
    is_withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class ReceiptFact:
    """One arrival as the partner's receipts have it: "stored", "already-held" or "refused:<code>"."""

    object_id: str
    version: str
    digest: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Both sides' books side by side. Every fact of either side is in exactly one list, repeats aside."""

    agreed: tuple[ReleaseFact, ...] = ()
    refused: tuple[ReceiptFact, ...] = ()  # it came, and the partner would not have it
    lost: tuple[ReleaseFact, ...] = ()  # we released it, long enough ago, and it never came
    in_flight: tuple[ReleaseFact, ...] = ()  # too fresh to call lost
    withdrawn: tuple[ReleaseFact, ...] = ()  # taken back before it came
    twice: tuple[ReleaseFact | ReceiptFact, ...] = ()  # released again, or stored again, or with two bodies
    unexplained: tuple[ReceiptFact, ...] = ()  # it came, and we have not released it

    @property
    def is_clean(self) -> bool:
        """Nothing lost, nothing twice, nothing unexplained."""
        return not (self.lost or self.twice or self.unexplained)


_Key = tuple[str, str, str]
Fact = ReleaseFact | ReceiptFact


@dataclass(slots=True)
class _Books:
    """The facts of both sides by what they are about, and what appeared more often than it should."""

    releases: dict[_Key, ReleaseFact] = field(default_factory=dict)
    receipts: dict[_Key, ReceiptFact] = field(default_factory=dict)
    twice: list[Fact] = field(default_factory=list)


def reconcile(ours: Iterable[ReleaseFact], theirs: Iterable[ReceiptFact], *, settled_before: int) -> Reconciliation:
    """What both sides' books say together.

    A release made before `settled_before` (µs) without a receipt is lost; a later one is in flight.
    The partner's facts must have been asked for after that moment.
    """
    books = _Books()
    _enter_releases(books, ours)
    _enter_receipts(books, theirs)
    missing = [fact for key, fact in books.releases.items() if key not in books.receipts]
    here = [fact for fact in missing if not fact.is_withdrawn]
    known = [(key, fact) for key, fact in books.receipts.items() if key in books.releases]
    return Reconciliation(
        agreed=tuple(books.releases[key] for key, fact in known if not _is_refused(fact)),
        refused=tuple(fact for _, fact in known if _is_refused(fact)),
        lost=tuple(fact for fact in here if fact.at < settled_before),
        in_flight=tuple(fact for fact in here if fact.at >= settled_before),
        withdrawn=tuple(fact for fact in missing if fact.is_withdrawn),
        twice=tuple(books.twice),
        unexplained=tuple(fact for key, fact in books.receipts.items() if key not in books.releases),
    )


def _enter_releases(books: _Books, facts: Iterable[ReleaseFact]) -> None:
    bodies: dict[tuple[str, str], str] = {}
    for fact in facts:
        key = (fact.object_id, fact.version, fact.digest)
        # Never two bodies under one id and version: whoever holds both cannot tell which is true.
        # An object without a version (an SCO) may change.
        two_bodies = bool(fact.version) and bodies.setdefault(key[:2], fact.digest) != fact.digest
        if two_bodies or key in books.releases:
            books.twice.append(fact)
        books.releases.setdefault(key, fact)


def _enter_receipts(books: _Books, facts: Iterable[ReceiptFact]) -> None:
    for fact in facts:
        key = (fact.object_id, fact.version, fact.digest)
        before = books.receipts.get(key)
        if before is None:
            books.receipts[key] = fact
        elif fact.outcome == "stored":
            if before.outcome == "stored":
                books.twice.append(fact)
            books.receipts[key] = fact
        elif _is_refused(before):
            books.receipts[key] = fact


def _is_refused(fact: ReceiptFact) -> bool:
    return fact.outcome.startswith("refused:")

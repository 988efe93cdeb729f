"""Takes intelligence in: reads it, checks it, keeps what is good, and accounts for every object."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from katchi import stix
from katchi.errors import KatchiError
from katchi.node import effort_news, response_news
from katchi.node.reading import Problem, ReadBatch, read_all
from katchi.node.telling import teller
from katchi.node.things import Settling, telling_of
from katchi.node.watching import Watching
from katchi.node.wiring import OWN, Node, no_cycles_sought
from katchi.store import log, submissions, withdrawals
from katchi.store import things as rows
from katchi.store.database import Transaction
from katchi.store.log import Arrival, Changes, NotTaken, Stored

# One transaction, one wait for the disk: large enough to be quick, small enough to let others write between.
BATCH = 5000

Progress = Callable[[int, int], None]


class DocumentTooLargeError(KatchiError):
    """More than this node takes at once."""

    code = "too-large"


class Account(msgspec.Struct, frozen=True):
    """What became of a hand-in, object by object where something was refused."""

    id: str
    submitter: str
    via: str
    at: int
    total: int
    stored: int
    held: int
    refused: int
    problems: tuple[Problem, ...] = ()
    tolerated: dict[str, int] = {}

    @property
    def is_clean(self) -> bool:
        """Nothing was refused."""
        return self.refused == 0


class Fate(msgspec.Struct, frozen=True):
    """What became of one object: for receipts. `digest` is the SHA-256 of its bytes."""

    object_id: str
    version: str
    digest: bytes
    outcome: str  # "stored", "already-held", "refused:<code>"; "withdrawn" for what was taken back


class Intake:
    """One hand-in under way."""

    def __init__(
        self, node: Node, *, origin: str, via: str, submitter: str,
        owes_receipt: bool = False, as_of: int = withdrawals.LATEST,
    ) -> None:  # fmt: skip
        self.node = node
        self.origin = origin
        self.via = via
        self.submitter = submitter
        self.owes_receipt = owes_receipt
        self.as_of = as_of
        self.fates: list[Fate] = []
        self.problems: list[Problem] = []
        self.tolerated: Counter[str] = Counter()
        self.counts: Counter[Literal["stored", "held", "refused"]] = Counter()
        self._markings: set[str] = set()
        with node.store.database.reading() as transaction:
            self._telling = telling_of(node, rows.rulings(transaction))
        self._tell = teller(self._telling)

    def take(self, slices: Sequence[bytes], progress: Progress | None) -> Account:
        """Takes objects batch by batch; each batch is kept or not as a whole, each object judged alone."""
        # A marking must be held before what it marks: markings go first, whatever the sender's order.
        ordered = sorted(slices, key=_is_not_marking)
        done = 0
        for count, batch in self._read(ordered):
            with self.node.rush, no_cycles_sought:
                self._take_batch(batch)
            done += count
            if progress:
                progress(done, len(ordered))
        return self._account(len(ordered))

    def _read(self, ordered: Sequence[bytes]) -> Iterator[tuple[int, ReadBatch]]:
        batches = read_all(ordered, BATCH, self.node.elsewhere, self._telling)
        while True:
            with self.node.rush, no_cycles_sought:
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _take_batch(self, batch: ReadBatch) -> None:
        first = len(self.fates)
        self.tolerated.update(batch.tolerated)
        for refusal in batch.refusals:
            self._refuse(refusal.problem, refusal.digest)
        with self.node.store.database.writing() as transaction:
            arrivals = self._with_known_markings(transaction, batch.arrivals)
            now = self.node.clock.now()
            changes = Changes()
            outcomes = log.append(transaction, arrivals, origin=self.origin, via=self.via, now=now, changes=changes)
            for arrival, outcome in zip(arrivals, outcomes, strict=True):
                self._note(arrival, outcome)
            stored = [each for each, outcome in zip(arrivals, outcomes, strict=True) if isinstance(outcome, Stored)]
            watching = Watching.of(self.node, transaction)
            Settling(self.node, transaction, self._tell, watching).settle(stored, changes)
            effort_news.take(self.node, transaction, stored, origin=self.origin)
            response_news.take(self.node, transaction, stored, origin=self.origin)
            response_news.let_go_of_revoked(self.node, transaction, stored, origin=self.origin)
            if self.owes_receipt:
                fates = self.fates[first:]
                _remember(transaction, self.origin, fates, now)
                taken = [(fate.object_id, fate.digest) for fate in fates]
                withdrawals.give_again(transaction, self.origin, taken, as_of=self.as_of, now=now)
        self.node.bell.ring()
        if any(each.object.type == "course-of-action" or each.object.revoked for each in stored):
            self.node.alert.ring()

    def _with_known_markings(self, transaction: Transaction, arrivals: list[Arrival]) -> list[Arrival]:
        coming = {arrival.object.id for arrival in arrivals if arrival.object.type == "marking-definition"}
        wanted = {ref for arrival in arrivals for ref in arrival.object.marking_refs}
        unsure = [ref for ref in wanted if ref not in stix.TLP_IDS and ref not in self._markings and ref not in coming]
        self._markings |= coming
        if unsure:
            self._markings |= set(log.newest(transaction, unsure))
        lost = {ref for ref in unsure if ref not in self._markings}
        if not lost:
            return arrivals
        return [arrival for arrival in arrivals if not self._refused_for_marking(arrival, lost)]

    def _refused_for_marking(self, arrival: Arrival, lost: set[str]) -> bool:
        ref = next((ref for ref in arrival.object.marking_refs if ref in lost), None)
        if ref is None:
            return False
        problem = Problem(
            arrival.object.id,
            arrival.object.version_text or "",
            "marking-unknown",
            "object_marking_refs",
            "The object carries a marking that points to nothing, so nobody can know what it allows.",
            "a TLP marking, or a marking-definition that is held or comes along",
            f"send {ref} too",
        )
        self._refuse(problem, arrival.digest)
        return True

    def _note(self, arrival: Arrival, outcome: log.Outcome) -> None:
        item = arrival.object
        if isinstance(outcome, NotTaken):
            self._refuse(_not_taken(item, outcome), arrival.digest)
            return
        stored = isinstance(outcome, Stored)
        self.counts["stored" if stored else "held"] += 1
        self._fate(item.id, item.version_text or "", arrival.digest, "stored" if stored else "already-held")

    def _refuse(self, problem: Problem, digest: bytes | None) -> None:
        self.counts["refused"] += 1
        self.problems.append(problem)
        if digest is not None:
            self._fate(problem.object_id, problem.version, digest, f"refused:{problem.code}")

    def _fate(self, object_id: str, version: str, digest: bytes, outcome: str) -> None:
        if self.owes_receipt:
            self.fates.append(Fate(object_id, version, digest, outcome))

    def _account(self, total: int) -> Account:
        account = Account(
            id=str(uuid.UUID(bytes=self.node.random(16), version=4)),
            submitter=self.submitter,
            via=self.via,
            at=self.node.clock.now(),
            total=total,
            stored=self.counts["stored"],
            held=self.counts["held"],
            refused=self.counts["refused"],
            problems=tuple(self.problems),
            tolerated=dict(self.tolerated),
        )
        self.node.store.submissions.put(
            submissions.Submission(
                account.id, account.submitter, account.via, account.at,
                account.stored, account.held, account.refused, msgspec.json.encode(account),
            )
        )  # fmt: skip
        return account


def receive_with_fates(
    node: Node, document: bytes, *, partner: str, via: str, as_of: int = withdrawals.LATEST
) -> tuple[Account, tuple[Fate, ...]]:
    """As `receive`, from a partner, with what became of each object for the receipt.

    `as_of` (µs, the partner's clock) is when it released these: what it took back later stays taken back.
    """
    intake = Intake(node, origin=partner, via=via, submitter=partner, owes_receipt=True, as_of=as_of)
    account = intake.take(_split(node, document), None)
    return account, tuple(intake.fates)


def receive(
    node: Node,
    document: bytes,
    *,
    origin: str = OWN,
    via: str,
    submitter: str,
    progress: Progress | None = None,
) -> Account:
    """Takes a bundle, an envelope, an array, lines or one object.

    What is called stored is on disk. Raises stix.UnreadableError, with nothing changed, when the
    document itself cannot be read; bad objects in a good document are listed in the account.
    """
    return Intake(node, origin=origin, via=via, submitter=submitter).take(_split(node, document), progress)


def import_file(
    node: Node,
    path: Path,
    *,
    origin: str = OWN,
    submitter: str,
    progress: Progress | None = None,
) -> Account:
    """Takes a file. Raises DocumentTooLargeError before reading one that is too large."""
    size = path.stat().st_size
    if size > node.settings.limits.max_document:
        raise DocumentTooLargeError(
            "The file is larger than this node takes at once.",
            where=path.name,
            expected=f"at most {node.settings.limits.max_document} bytes",
            found=f"{size} bytes",
            remedy="split it, or raise limits.max-document in katchi.toml",
        )
    return receive(
        node,
        path.read_bytes(),
        origin=origin,
        via=path.name,
        submitter=submitter,
        progress=progress,
    )


def _split(node: Node, document: bytes) -> list[bytes]:
    return stix.split(document, stix.Limits(document_bytes=node.settings.limits.max_document))


def _is_not_marking(raw: bytes) -> bool:
    return b'"marking-definition"' not in raw


def _not_taken(item: stix.Object, outcome: NotTaken) -> Problem:
    held = stix.format_timestamp(outcome.held_version)
    if outcome.code == "older-than-held":
        message = "A newer version of this object is held already."
        remedy = "nothing, if the newer one is right; else publish a version with a later modified"
    else:
        message = "This version is held already, with other bytes."
        remedy = "a changed object needs a later modified (STIX 2.1 §3.6)"
    return Problem(
        item.id,
        item.version_text or "",
        outcome.code,
        "modified",
        message,
        f"later than {held}",
        remedy,
    )


def _remember(transaction: Transaction, partner: str, fates: Sequence[Fate], now: int) -> None:
    """Writes down what we will tell the partner that we received: what reconciliation reads."""
    transaction.run_many(
        "release",
        "note_received",
        [
            {
                "partner": partner,
                "object_id": fate.object_id,
                "version_text": fate.version,
                "digest": fate.digest,
                "outcome": fate.outcome,
                "at": now,
            }
            for fate in fates
        ],
    )

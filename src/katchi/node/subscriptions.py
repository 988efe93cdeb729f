"""Reads what the node subscribes to: piece by piece through the front door, on time, and with patience for servers."""

from __future__ import annotations

import fcntl
import logging
import os
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice

import msgspec

from katchi import stix
from katchi.errors import Diagnostic, KatchiError
from katchi.exchange import subscriptions
from katchi.exchange.connecting import StoppedError
from katchi.exchange.fetching import ServerBusyError, SignInRefusedError, shown
from katchi.exchange.intake import Choices
from katchi.exchange.subscription import Fetch, Piece
from katchi.node import subscribing
from katchi.node.documents import TLP_LABELS, UnmarkedError, marking_id
from katchi.node.preview import preview
from katchi.node.reading import Problem
from katchi.node.receive import Account, receive
from katchi.node.subscribing import Wanted, place_of, wanted_of
from katchi.node.wiring import Node
from katchi.store.subscriptions import Counts, SubscriptionRow

logger = logging.getLogger(__name__)

SECOND = 1_000_000
FIRST_WAIT = 60 * SECOND  # after a failure; doubled by each that follows
LONGEST_WAIT = 6 * 3600 * SECOND
TRIED = 10  # pieces that a rehearsal reads
SHOWN = 20  # objects that it names
AT_ONCE = 4  # servers read side by side

Progress = Callable[[int, int], None]


class BusySubscriptionError(KatchiError):
    """This subscription is being read right now, by the node or by somebody else."""

    code = "subscription-busy"


@dataclass(frozen=True, slots=True)
class Coming:
    """An object that a reading would bring."""

    id: str
    type: str
    name: str


@dataclass(slots=True)
class Outcome:
    """What one reading brought. `is_whole`: the server has nothing more for now."""

    name: str
    counts: Counts = field(default_factory=Counts)
    problems: list[Problem] = field(default_factory=list)
    remarks: Counter[str] = field(default_factory=Counter)
    first: list[Coming] = field(default_factory=list)  # of a rehearsal: the first objects that are new
    is_whole: bool = False

    def note(self, piece: Piece, account: Account | None, known: int = 0) -> Counts:
        """Adds what became of a piece."""
        counts = Counts(held=known)
        if account is not None:
            counts += Counts(account.stored, account.held, account.refused)
            self.problems += account.problems
        self.counts += counts
        self.remarks.update(remark.code for remark in piece.remarks)
        return counts


def pull(
    node: Node, name: str, *, progress: Progress | None = None, is_stopping: Callable[[], bool] = lambda: False,
    from_start: bool = False,
) -> Outcome:  # fmt: skip
    """Reads a subscription now, from its bookmark or from the start.

    Raises BusySubscriptionError, or what went wrong, which is also kept as its trouble.
    """
    row = node.store.subscriptions.one(name)
    if from_start:
        row = replace(row, bookmark=b"{}")
    outcome = Outcome(name)
    with _alone(node, name):
        try:
            for piece in _pieces(node, row, is_stopping):
                _take(node, row, piece, outcome)
                if progress:
                    progress(piece.done, piece.total)
                if is_stopping():
                    raise StoppedError("This was stopped before it was done.", remedy="it goes on where it was")
        except StoppedError:
            raise  # not the server's fault: due as before
        except KatchiError as problem:
            _note_trouble(node, row, problem)
            raise
        except Exception as problem:
            _note_trouble(node, row, KatchiError(f"Something unforeseen: {type(problem).__name__}."))
            raise
    outcome.is_whole = True
    now = node.clock.now()
    remarks = msgspec.json.encode(dict(outcome.remarks)) if outcome.remarks else None
    following = now + wanted_of(row).every * SECOND
    node.store.subscriptions.note_well(name, outcome.counts, remarks, at=now, next_due=following)
    return outcome


def rehearse(node: Node, name: str, *, progress: Progress | None = None) -> Outcome:
    """What a reading would bring, as far as its first pieces tell; nothing is kept. Raises what went wrong."""
    row = node.store.subscriptions.one(name)
    outcome = Outcome(name)
    with closing(_pieces(node, row, lambda: False)) as pieces:
        for piece in islice(pieces, TRIED):
            fresh, known = _fresh(node, piece, wanted_of(row))
            account = preview(node, _joined(fresh), origin=name, via=_via(name), submitter=name) if fresh else None
            outcome.note(piece, account, known)
            outcome.first += _coming(node, fresh, SHOWN - len(outcome.first))
            if progress:
                progress(piece.done, piece.total)
        outcome.is_whole = next(pieces, None) is None
    return outcome


def _coming(node: Node, objects: list[bytes], at_most: int) -> Iterator[Coming]:
    readable: list[stix.Object] = []
    for raw in objects[: at_most * 5]:  # some may be held, some may be broken
        with suppress(KatchiError):
            readable.append(stix.read(raw))
    held = node.store.log.newest([item.id for item in readable]) if readable else {}
    fresh = [item for item in readable if item.id not in held]
    return (Coming(item.id, item.type, stix.display_name(item)) for item in fresh[:at_most])


def _pieces(node: Node, row: SubscriptionRow, is_stopping: Callable[[], bool]) -> Generator[Piece, None, None]:
    wanted = wanted_of(row)
    bookmark: Mapping[str, object] = msgspec.json.decode(row.bookmark)
    with subscribing.opened(node, row.name, wanted, is_stopping=is_stopping) as fetch:
        yield from _reading(node, row, wanted, fetch, bookmark)


def _reading(
    node: Node, row: SubscriptionRow, wanted: Wanted, fetch: Fetch, bookmark: Mapping[str, object]
) -> Iterator[Piece]:
    choices = Choices(node.settings.node_id, marking_id(wanted.marking or "red"), node.clock.now())
    yield from subscriptions.named(row.kind).read(place_of(node, wanted), fetch, bookmark, choices)


def _take(node: Node, row: SubscriptionRow, piece: Piece, outcome: Outcome) -> None:
    """One piece: its objects first, then how far we are. Killed between the two, it comes again and is recognised."""
    fresh, known = _fresh(node, piece, wanted_of(row))
    account = receive(node, _joined(fresh), origin=row.name, via=_via(row.name), submitter=row.name) if fresh else None
    counts = outcome.note(piece, account, known)
    bookmark = msgspec.json.encode(dict(piece.bookmark))
    node.store.subscriptions.note_kept(row.name, bookmark, counts, node.clock.now())


def _fresh(node: Node, piece: Piece, wanted: Wanted) -> tuple[list[bytes], int]:
    """What goes through the front door, and how many are known already."""
    if not piece.is_made or not piece.objects:
        return piece.objects, 0
    if not wanted.marking:
        raise UnmarkedError(
            "Nobody has said how far what is made out of this document may go.",
            what="--marking", expected=", ".join(TLP_LABELS),
            remedy="remove the subscription and add it with --marking",
        )  # fmt: skip
    ids = [stix.read(raw).id for raw in piece.objects]
    held = node.store.log.newest(ids)
    fresh = [raw for object_id, raw in zip(ids, piece.objects, strict=True) if object_id not in held]
    return fresh, len(ids) - len(fresh)


def _joined(objects: list[bytes]) -> bytes:
    return b"[" + b",".join(objects) + b"]"


def _via(name: str) -> str:
    return f"subscription:{name}"


@contextmanager
def _alone(node: Node, name: str) -> Iterator[None]:
    """One reading of a subscription at a time, also where `katchi` runs beside the node."""
    path = subscribing.lock_file(node, name)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BusySubscriptionError(
                "This subscription is being read right now.", where=name, remedy="wait until that is done"
            ) from None
        yield
    finally:
        os.close(descriptor)


# ---- trouble, and when to try again ----------------------------------------------------------------


def _note_trouble(node: Node, row: SubscriptionRow, problem: KatchiError) -> None:
    now = node.clock.now()
    failures = node.store.subscriptions.one(row.name).failures
    told = msgspec.json.encode(problem.diagnostic())
    next_due = next_try(problem, failures, now)
    node.store.subscriptions.note_trouble(row.name, told, at=now, next_due=next_due)
    logger.warning("subscription %s: %s", row.name, problem.code)


def next_try(problem: KatchiError, failures: int, now: int) -> int | None:
    """When to try again after a failure that `failures` others came before; None where only a person can help.

    A wrong password tried again and again locks accounts.
    """
    if isinstance(problem, SignInRefusedError):
        return None
    wait = min(FIRST_WAIT << min(failures, 20), LONGEST_WAIT)
    if isinstance(problem, ServerBusyError):
        wait = max(wait, problem.wait)
    return now + wait


def trouble_of(row: SubscriptionRow) -> Diagnostic | None:
    """What went wrong last, if it has not gone well since."""
    return msgspec.json.decode(row.trouble, type=Diagnostic) if row.trouble else None


def remarks_of(row: SubscriptionRow) -> dict[str, int]:
    """What the last reading noted, by code."""
    return msgspec.json.decode(row.remarks, type=dict[str, int]) if row.remarks else {}


def state_of(row: SubscriptionRow) -> str:
    """How it does: new, well, paused, refused (it waits for a person), waiting (the server asked to), troubled."""
    if row.is_paused:
        return "paused"
    trouble = trouble_of(row)
    if trouble is not None:
        return {"sign-in-refused": "refused", "server-busy": "waiting"}.get(trouble.code, "troubled")
    return "well" if row.last_ok_at else "new"


@dataclass(frozen=True, slots=True)
class Health:
    """One subscription as a person looks at it."""

    row: SubscriptionRow
    wanted: Wanted
    url: str  # as it may be shown
    state: str
    trouble: Diagnostic | None
    remarks: dict[str, int]


def health(node: Node) -> list[Health]:
    """How every subscription does, by name."""
    return [health_of(row) for row in node.store.subscriptions.all()]


def health_of(row: SubscriptionRow) -> Health:
    """How one does."""
    wanted = wanted_of(row)
    return Health(row, wanted, shown(wanted.url), state_of(row), trouble_of(row), remarks_of(row))


# ---- what the node does by itself -------------------------------------------------------------------


class Rounds:
    """Reads those whose time has come, each in a thread of its own, each once at a time."""

    def __init__(self, node: Node, is_stopping: Callable[[], bool]) -> None:
        self._node = node
        self._is_stopping = is_stopping
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="katchi-subscription")
        self._running: dict[str, Future[None]] = {}

    def look(self) -> None:
        """Starts those that are due and not under way."""
        for name in self._node.store.subscriptions.due(self._node.clock.now()):
            running = self._running.get(name)
            if running is None or running.done():
                self._running[name] = self._pool.submit(self._pull, name)

    def stop(self) -> None:
        """Ends after the pieces under way."""
        self._pool.shutdown(cancel_futures=True)

    def _pull(self, name: str) -> None:
        try:
            pull(self._node, name, is_stopping=self._is_stopping)
        except KatchiError:
            pass  # kept as the subscription's trouble
        except Exception:
            logger.exception("subscription %s met something that it does not know", name)

"""Tells people: makes notices of what happened, and sends each until it was taken, or for a day.

What happened is in the database before anybody is told, and a notice is there before it is sent; one that was sent and
not noted goes once more, with the same id. Threads of their own do it, one for each target: a mail server that hangs
holds up neither what is blocked nor what is told by another way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final

import msgspec

from katchi.errors import KatchiError
from katchi.node import notices
from katchi.node.notices import DAY
from katchi.node.wiring import Node
from katchi.respond.notifier import Notice, NotifierError
from katchi.respond.notifiers import AnySettings, open_notifier
from katchi.store import notices as outbox
from katchi.store.database import StoreUnreachableError
from katchi.store.notices import HappeningRow, NoticeRow

logger = logging.getLogger(__name__)

SECOND: Final = 1_000_000
LOOK_EVERY: Final = 1.0  # seconds
SWEEP_EVERY: Final = DAY // 4
CLAIM: Final = 60 * SECOND
"""How long who took a notice to send it may be at it: killed meanwhile, it is sent again after that."""
FIRST_WAIT: Final = 5 * SECOND
LONGEST_WAIT: Final = 900 * SECOND
KEPT: Final = 90 * DAY
At = Callable[[str], None]
_notice = msgspec.json.Decoder(Notice)


class UnknownTargetError(KatchiError):
    """Nobody who is told goes by this name."""

    code = "unknown-target"
    exit_status = 3


def tell(node: Node, *, at: At = lambda _: None) -> int:
    """Makes notices of what happened since; returns of how much. `at` is called where a crash could be, for tests."""
    now = node.clock.now()
    with node.store.database.reading() as transaction:
        happened = outbox.happened(transaction, now=now)
    if not happened:
        return 0
    made = [(row, _made(node, row)) for row in happened]
    at("made")
    with node.store.database.writing() as transaction:
        for row, rows in made:
            outbox.put(transaction, rows)
            outbox.note_told(transaction, row, now=now)
    at("told")
    return len(happened)


def sweep(node: Node) -> None:
    """Forgets what was told or given up long ago."""
    with node.store.database.writing() as transaction:
        outbox.sweep(transaction, before=node.clock.now() - KEPT)


def _made(node: Node, row: HappeningRow) -> list[NoticeRow]:
    try:
        return notices.make(node, row)
    except StoreUnreachableError:
        raise
    except (KatchiError, ValueError, LookupError, TypeError):
        # Of the one nothing can be said; the others are to be told all the same.
        logger.exception("nothing could be said of %s %s", row.event, row.subject)
        return []


def send(node: Node, target: str, *, at: At = lambda _: None) -> int:
    """Sends what is due to a target; returns how much that was. What goes wrong is noted, and tried again later."""
    rows = node.store.notices.due(target, node.clock.now())
    settings = next((each for each in node.settings.notify if each.name == target), None)
    if settings is None:
        with node.store.database.writing() as transaction:
            problem = "Nobody goes by this name in katchi.toml any more."
            outbox.give_up_target(transaction, target, now=node.clock.now(), problem=problem)
        return len(rows)
    for row in rows:
        with node.store.database.writing() as transaction:
            is_ours = outbox.claim(transaction, row, until=node.clock.now() + CLAIM)
        at("claimed")
        if is_ours:
            _send(node, settings, row, at)
    return len(rows)


def _send(node: Node, settings: AnySettings, row: NoticeRow, at: At) -> None:
    remark, problem = "", ""
    try:
        notice = _notice.decode(row.document)
        remark = open_notifier(settings, node.folder).send(notice, now=node.clock.now())
    except (KatchiError, ValueError, OSError) as wrong:
        problem = str(wrong)[:400] or type(wrong).__name__
        logger.warning("notice to %s: %s", row.target, problem)
    at("sent")
    now = node.clock.now()
    with node.store.database.writing() as transaction:
        if not problem:
            outbox.note_sent(transaction, row.id, now=now, problem=remark or None)
        elif now - row.made_at >= DAY:
            outbox.give_up(transaction, row.id, now=now, problem=problem)
        else:
            wait = min(FIRST_WAIT << min(row.tries, 20), LONGEST_WAIT)
            outbox.try_again(transaction, row.id, at=now + wait, problem=problem)
    at("noted")


def try_out(node: Node, name: str) -> str:
    """Sends a test to a target at once; returns what was not as it should be all the same.

    Raises UnknownTargetError, NotifierError, HookError.
    """
    settings = next((each for each in node.settings.notify if each.name == name), None)
    if settings is None:
        known = ", ".join(each.name for each in node.settings.notify)
        raise UnknownTargetError(
            "Nobody who is told goes by this name.", what=name[:80], expected=known or "a [[notify]] in katchi.toml"
        )
    thread = node.random(16).hex()
    notice = notices.say(node, settings, notices.test_matter(node, settings, thread), thread)
    try:
        return open_notifier(settings, node.folder).send(notice, now=node.clock.now())
    except ValueError as problem:
        raise NotifierError("A notice could not be written.", what=name, found=str(problem)[:120]) from problem


class Teller:
    """Looks for what happened, and has a thread for each target that sends."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="katchi-notices", daemon=True)
        self._targets: dict[str, _Target] = {}
        self._sweep_at = node.clock.now() + SWEEP_EVERY // 360  # not while it starts

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends. Who hangs in a conversation with a server is not waited for: what it was sending is sent again."""
        self._stopping.set()
        self._thread.join(timeout=5)
        for each in self._targets.values():
            each.stop()

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_EVERY):
            try:
                now = self._node.clock.now()
                if self._node.store.notices.is_anything_due(now):
                    self._look()
                if now >= self._sweep_at:
                    sweep(self._node)
                    self._sweep_at = now + SWEEP_EVERY
            except Exception:  # who tells of trouble goes on
                logger.exception("a notice met something that it does not know")

    def _look(self) -> None:
        tell(self._node)
        named = {each.name for each in self._node.settings.notify}
        for name in self._node.store.notices.targets_due(self._node.clock.now()):
            if name not in named:
                send(self._node, name)  # it is not there any more: that is noted, and nothing sent
                continue
            if name not in self._targets:
                self._targets[name] = _Target(self._node, name, self._stopping)
            self._targets[name].ring()


class _Target:
    """Sends to one target, when it is rung."""

    def __init__(self, node: Node, name: str, stopping: threading.Event) -> None:
        self._node, self._name, self._stopping = node, name, stopping
        self._rung = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"katchi-notices-{name}", daemon=True)
        self._thread.start()

    def ring(self) -> None:
        self._rung.set()

    def stop(self) -> None:
        self._rung.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._rung.wait()
            self._rung.clear()
            try:
                while not self._stopping.is_set() and send(self._node, self._name):
                    pass
            except Exception:
                logger.exception("a notice to %s met something that it does not know", self._name)

"""What a node does by itself: judges what is new, pushes it to partners, catches up, reads its subscriptions."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from katchi.errors import KatchiError
from katchi.exchange.channels.link import Link
from katchi.node import (
    daily,
    deliver,
    efforts,
    emerging,
    heads,
    overlap_lead,
    overlapping,
    rulings,
    withdrawals,
)
from katchi.node.release import judge
from katchi.node.subscriptions import Rounds
from katchi.node.wiring import Node, refresh_key
from katchi.policy.keys import NodeKey
from katchi.store.partners import PartnerRow

logger = logging.getLogger(__name__)

SECOND = 1_000_000
# Without a ring from this process, what another one wrote (`katchi import`) is found within this time.
LOOK_EVERY = 0.25
LONGEST_WAIT = 300 * SECOND
# Judging shares the processor with whoever hands in and waits: it goes when they pause, or after a while.
LULL = 0.05
PATIENCE = 0.5
# Whoever hands in without end must not keep the readers waiting without end: so far behind, judging goes at once.
FAR_BEHIND = 50_000
RISES_EVERY = 3600 * SECOND
COMPARE_EVERY = 2 * SECOND
# What changed a moment ago goes on in a moment: people look at the page, on both sides.
COMPARE_SOON = SECOND // 5
MOMENT = 60 * SECOND
AT_ONCE = 8  # partners served side by side


@dataclass(slots=True)
class _Course:
    """How the exchange with one partner goes: its link, and when to try again."""

    link: Link
    document: bytes
    key: NodeKey
    failures: int = 0
    not_before: int = 0
    pull_at: int = 0
    running: Future[None] | None = None
    overlapping: Future[None] | None = None
    overlap_at: int = 0


class Worker:
    """One thread judges for all partners; each partner's exchange runs beside it, so a slow one delays nobody."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._courses: dict[str, _Course] = {}
        self._stopping = threading.Event()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="katchi-exchange")
        self._subscriptions = Rounds(node, self._stopping.is_set)
        self._renewing: Iterator[int] | None = None
        self._rises_at = node.clock.now() + RISES_EVERY // 60  # not while it starts
        self._thread = threading.Thread(target=self._run, name="katchi-worker", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after the envelopes under way."""
        self._stopping.set()
        self._node.bell.ring()
        self._thread.join(timeout=35)
        self._pool.shutdown(cancel_futures=True)
        self._subscriptions.stop()
        for course in self._courses.values():
            course.link.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self._round()
            except Exception:  # a worker that dies stops all exchange: it reports and goes on
                logger.exception("the worker met something that it does not know")
                busy = False
            if not busy:
                self._node.bell.wait(LOOK_EVERY)

    def _round(self) -> bool:
        """One look at all partners; True if there is more to judge at once."""
        refresh_key(self._node)
        self._node.elsewhere.rest()
        self._subscriptions.look()
        self._look_for_rises()
        busy = self._renew_lists()
        for row in self._node.store.partners.all():
            if row.state == "active":
                behind = self._node.store.log.end()[0] - row.judged_seq
                self._node.rush.let_pass(lull=LULL, at_most=0.0 if behind > FAR_BEHIND else PATIENCE)
                busy |= judge(self._node, row.name)
                if row.kind == "node":
                    self._set_out(row)
        return busy

    def _renew_lists(self) -> bool:
        """One stretch of holding things against warning lists that changed; True while there is more."""
        if self._renewing is not None and next(self._renewing, None) is None:
            self._renewing = None
        return self._renewing is not None

    def _look_for_rises(self) -> None:
        now = self._node.clock.now()
        if now >= self._rises_at:
            self._rises_at = now + RISES_EVERY
            self._renewing = self._renewing or rulings.renewing_lists(self._node)
            daily.tell(self._node)
            overlapping.tidy(self._node)
            efforts.publish_untold(self._node)
            emerging.look(self._node)

    def _set_out(self, row: PartnerRow) -> None:
        course = self._courses.get(row.name)
        if course is not None and course.running is not None and not course.running.done():
            return
        course = self._courses[row.name] = self._course(row, course)
        now = self._node.clock.now()
        if now >= course.overlap_at and (course.overlapping is None or course.overlapping.done()):
            under_way = self._node.store.overlaps.under_way(row.name)
            if under_way:
                is_lively = max(under_way.values()) > now - MOMENT
                course.overlap_at = now + (COMPARE_SOON if is_lively else COMPARE_EVERY)
                course.overlapping = self._pool.submit(self._compare, row.name, course)
        has_news = self._node.store.releases.has_news(row.name, row.epoch, position=row.pushed_position)
        has_news = has_news or self._node.store.withdrawals.has_untold(row.name)
        if now >= course.not_before and (has_news or now >= course.pull_at):
            course.running = self._pool.submit(self._exchange, row.name, course)

    def _compare(self, name: str, course: _Course) -> None:
        """Private overlaps that we lead, as far as they go without a person."""
        try:
            for session in self._node.store.overlaps.under_way(name):
                overlap_lead.advance(self._node, session, course.link, is_stopping=self._stopping.is_set)
        except KatchiError as problem:
            logger.warning("overlap with %s: %s", name, problem.code)
        except Exception:
            logger.exception("overlap with %s met something that it does not know", name)

    def _exchange(self, name: str, course: _Course) -> None:
        try:
            while deliver.push(self._node, name, course.link) and not self._stopping.is_set():
                pass
            while withdrawals.tell(self._node, name, course.link) and not self._stopping.is_set():
                pass
            now = self._node.clock.now()
            if now >= course.pull_at:
                deliver.pull(self._node, name, course.link)
                withdrawals.ask(self._node, name, course.link)
                heads.fetch(
                    self._node,
                    deliver.partner_of(self._node.store.partners.one(name)),
                    course.link,
                )
                course.pull_at = now + self._node.settings.pull_every * SECOND
                self._node.store.partners.note_contact(name, now)
            course.failures = 0
        except KatchiError as problem:
            self._put_off(name, course, problem)
        except Exception as problem:
            logger.exception("exchange with %s met something that it does not know", name)
            self._put_off(name, course, KatchiError(type(problem).__name__))
        self._node.bell.ring()

    def _put_off(self, name: str, course: _Course, problem: KatchiError) -> None:
        now = self._node.clock.now()
        course.failures += 1
        course.not_before = now + min(SECOND << min(course.failures - 1, 20), LONGEST_WAIT)
        course.pull_at = 0  # whatever its push missed is fetched when it answers again
        self._node.store.partners.note_trouble(name, f"{problem.code}: {problem}", now)
        logger.warning("exchange with %s: %s", name, problem.code)

    def _course(self, row: PartnerRow, course: _Course | None) -> _Course:
        key = self._node.key
        if course is not None and course.document == row.document and course.key is key:
            return course
        if course is not None:
            course.link.close()
        link = deliver.open_link(self._node, deliver.partner_of(row))
        return _Course(link, row.document, key)

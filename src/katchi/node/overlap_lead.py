"""The leading side of a private overlap: a client that goes as far as it can, and goes on after whatever stopped it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import msgspec

from katchi.exchange.channel import RefusedError as RefusedByPartnerError
from katchi.exchange.channel import UndeliveredError
from katchi.exchange.channels.link import Link
from katchi.node.overlapping import MEDIA, PATH, StateError, counted, end, forget, keep, require_budget, revealed
from katchi.node.wiring import Node
from katchi.overlap.psi import guard
from katchi.overlap.psi.lookup import Seeker
from katchi.overlap.psi.messages import (
    Agree,
    Answer,
    Close,
    Content,
    Get,
    Message,
    Propose,
    Put,
    Show,
    Shown,
    Status,
    read_answer,
    written,
)
from katchi.overlap.psi.party import Party
from katchi.overlap.psi.side import Core, Phase, RefusedError
from katchi.store import overlaps
from katchi.store.overlaps import OverlapRow

_FIRST_WAIT: Final = 0.01  # seconds between looks at a side that works, each twice the last
_LONGEST_WAIT: Final = 0.5
_PATIENCE: Final = 900.0
_FINAL: Final = ("overlap-refused", "overlap-guard", "overlap-unavailable", "unknown-overlap")


def advance(
    node: Node, session: str, link: Link, *, is_stopping: Callable[[], bool] = lambda: False,
    progress: Callable[[int, int], None] | None = None,
) -> OverlapRow:  # fmt: skip
    """Goes as far as it can without a person, on either side, who must say something; returns how it stands.

    Raises UndeliveredError or RefusedError as the link does: it goes on where it was, next time. What the other side
    must not have said ends the session, and so does what it refuses of ours.
    """
    row = node.store.overlaps.one(session)
    if row.is_over or row.role != "initiator":
        return row
    try:
        asking = _Asking(
            link, is_stopping, lambda: _tell(node, session, progress), lambda: node.store.overlaps.one(session).is_over
        )
        return _advanced(node, row, asking)
    except (RefusedError, guard.GuardError) as problem:
        return end(node, node.store.overlaps.one(session), "failed", "", f"{problem.code}: {problem}"[:400])
    except StateError:  # a person ended it meanwhile
        return node.store.overlaps.one(session)
    except UndeliveredError:
        # The node itself and `katchi overlap run` may both lead: the other side forgets what one of them has closed.
        now = node.store.overlaps.one(session)
        if not now.is_over:
            raise
        return now
    except RefusedByPartnerError as problem:
        if not any(code in problem.found for code in _FINAL):
            raise
        return end(node, node.store.overlaps.one(session), "failed", row.partner, problem.found[:400])


def _tell(node: Node, session: str, progress: Callable[[int, int], None] | None) -> None:
    done = node.desk.progress(session)
    if progress is not None and done is not None:
        progress(*done)


class _Asking:
    """Puts messages to the other side, and waits while it works."""

    def __init__(
        self, link: Link, is_stopping: Callable[[], bool], tell: Callable[[], None], is_over: Callable[[], bool]
    ) -> None:
        self._link = link
        self._is_stopping = is_stopping
        self._tell = tell
        self._is_over = is_over

    def look(self) -> None:
        """Our own side works: waits a moment. Raises UndeliveredError where the node stops."""
        self._tell()
        if self._is_stopping():
            raise UndeliveredError("The node stops; it goes on when it is back.")
        self.require_open()
        time.sleep(_FIRST_WAIT)

    def require_open(self) -> None:
        """Raises UndeliveredError where another process of this node has led the session to its end."""
        if self._is_over():
            raise UndeliveredError("The session is over.")

    def ask(self, message: Message) -> Answer:
        deadline, wait = time.monotonic() + _PATIENCE, _FIRST_WAIT
        while True:
            body = self._link.ask("POST", PATH, body=written(message), accept=MEDIA, content_type=MEDIA).content
            found = read_answer(body)
            if not (isinstance(found, Status) and found.is_working) or self._is_stopping():
                return found
            self.require_open()
            if time.monotonic() > deadline:
                raise RefusedError("The other side works on it without end.")
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)

    def content(self, message: Message) -> bytes:
        found = self.ask(message)
        if not isinstance(found, Content):
            raise UndeliveredError("The other side lost what it had; it is asked again.")
        return found.content


def _advanced(node: Node, row: OverlapRow, asking: _Asking) -> OverlapRow:
    while (party := node.desk.side(row)) is None:
        asking.look()
    core = Core.from_bytes(row.core)
    status = asking.ask(Propose(core, party.hello()))
    if not isinstance(status, Status):
        raise RefusedError("The other side answers something else.")
    if status.state in overlaps.OVER and status.hello is None:
        return end(node, row, "declined" if status.state == "declined" else "closed", row.partner)
    if status.hello is None:
        return row
    party.meet(status.hello)
    if row.state == "proposed":
        if core.mode == "mutual":
            with node.store.database.reading() as transaction:
                require_budget(node, transaction, row.partner, core, status.hello.count)
        row = replace(
            row, state="comparing", hello=msgspec.msgpack.encode(status.hello), theirs=status.hello.count,
            changed_at=node.clock.now(),
        )  # fmt: skip
        keep(node, row, "accepted", row.partner)
    for number in status.missing:
        asking.ask(Put(row.id, "elements", number, party.chunk(number)))
    for number in party.missing_chunks:
        party.take_chunk(number, asking.content(Get(row.id, "elements", number)))
    if isinstance(party, Seeker):
        return _sought(node, row, party, asking)
    assert isinstance(party, Party)
    while node.desk.hear(row.id, party):
        asking.look()
    if party.phase < Phase.COUNTED or status.phase < Phase.COUNTED:
        for number in range(party.tag_chunks):
            _until_taken(asking, Put(row.id, "tags", number, party.tags(number)))
        for number in range(party.expected_tag_chunks):
            party.take_tags(number, asking.content(Get(row.id, "tags", number)))
    row = counted(node, row, party)
    return _shown(node, row, party, asking) if row.state == "agreed" else row


def _until_taken(asking: _Asking, message: Put) -> None:
    """The other side works through the elements first; then it takes the tags."""
    while True:
        asking.require_open()
        status = asking.ask(message)
        if not isinstance(status, Status) or status.missing:
            raise UndeliveredError("The other side lost what it had; it is asked again.")
        if status.phase >= Phase.HEARD:
            asking.ask(message)
            return


def _shown(node: Node, row: OverlapRow, party: Party, asking: _Asking) -> OverlapRow:
    status = asking.ask(Agree(row.id))
    if not isinstance(status, Status):
        raise RefusedError("The other side answers something else.")
    if status.state in overlaps.OVER and status.state != "revealed":
        return end(node, row, "declined", row.partner)
    if status.state not in ("agreed", "revealed"):
        return row
    shown = asking.ask(Show(row.id, party.reveal()))
    if not isinstance(shown, Shown):
        return row
    return _closed(node, row, party.take_reveal(shown.reveal), asking)


def _sought(node: Node, row: OverlapRow, seeker: Seeker, asking: _Asking) -> OverlapRow:
    for number in seeker.missing_answers:
        seeker.take_answer(number, asking.content(Get(row.id, "answers", number)))
    while node.desk.hear(row.id, seeker):
        asking.look()
    return _closed(node, row, seeker.found, asking)


def _closed(node: Node, row: OverlapRow, items: list[bytes], asking: _Asking) -> OverlapRow:
    revealed(node, row, items)
    with contextlib.suppress(UndeliveredError):  # else it forgets by itself, after a day
        asking.ask(Close(row.id, "done"))
    forget(node, node.store.overlaps.one(row.id))
    return node.store.overlaps.one(row.id)

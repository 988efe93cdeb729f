"""The socket for feeds: how what is released becomes a list that a firewall, a resolver or a sensor polls.

To write a plug, make a class in `feeds/` with the attributes and methods below, name it in
`feeds/__init__.py` (in a package of your own: as an entry point of the group `katchi.feeds`), and add its
samples to `tests/contracts/test_feed.py`. One instance writes one document: `row` for each entry, and then
`head`, which knows what was left out, and `foot`. A row that a format cannot carry is empty and is counted.
Names and descriptions are foreign: they must not be able to leave their place in the line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from tempfile import SpooledTemporaryFile
from typing import IO, Protocol

from katchi import stix
from katchi.errors import KatchiError
from katchi.exchange.entries import NEWS, Entry, entries_of, stricter
from katchi.exchange.warned import is_never_blocked
from katchi.policy import ReleasedPage

PIECE = 262_144
IN_MEMORY = 16_777_216  # a larger document waits on disk for its head, in a file without a name


class UnknownFeedError(KatchiError):
    """No feed goes by this name."""

    code = "unknown-feed"
    exit_status = 2


@dataclass(frozen=True, slots=True)
class Heading:
    """What stands at the top of a feed. `made_at` is µs; `left_out` counts reasons."""

    title: str
    recipient: str
    made_at: int
    entries: int
    left_out: Mapping[str, int]
    marking: str  # the strictest TLP of what it was made from; "" where nothing was marked

    def lines(self) -> list[str]:
        """The heading as lines of text without any control character."""
        count = sum(self.left_out.values())
        why = ", ".join(f"{number} {reason}" for reason, number in sorted(self.left_out.items()))
        return [
            one_line(f"Katchi: {self.title}, for {self.recipient}"),
            f"made {stix.format_timestamp(self.made_at)}",
            f"TLP:{self.marking.upper()}" if self.marking else "unmarked",
            f"{self.entries} entries, {count} left out" + (f": {why}" if why else ""),
        ]


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever polls asks for besides the format."""

    with_warned: bool = False  # also what a list that blocks would leave out
    minimum_confidence: int | None = None
    kinds: frozenset[str] | None = None


class Feed(Protocol):
    """One document of one format."""

    name: str  # as `--format` has it, and in the feed's address
    title: str  # who loads it
    media_type: str
    extension: str  # with its dot
    kinds: frozenset[str]  # of entries that it can carry
    is_blocking: bool  # whether what stands in it is kept from working

    def row(self, entry: Entry) -> bytes:
        """The entry's line or lines; empty for one that the format cannot carry."""

    def head(self, heading: Heading) -> bytes:
        """What stands before all rows."""

    def foot(self) -> bytes:
        """What stands after them."""


@dataclass(slots=True)
class Document:
    """A finished feed: read it once."""

    heading: Heading
    head: bytes
    rows: IO[bytes]
    foot: bytes
    size: int

    def pieces(self) -> Iterator[bytes]:
        """The document from its first byte to its last."""
        with self.rows:
            waiting = self.head
            while piece := self.rows.read(PIECE):
                yield waiting + piece
                waiting = b""
            yield waiting + self.foot


Stops = Callable[[Entry], bool]
"""Whether a person must decide before an entry is blocked."""


@dataclass(slots=True)
class Writing:
    """One feed being written, page by page of what is released. `stops` is asked where the feed blocks."""

    feed: Feed
    now: int
    wishes: Wishes = field(default_factory=Wishes)
    stops: Stops = is_never_blocked
    count: int = 0
    marking: str = ""
    left_out: Counter[str] = field(default_factory=Counter)
    _seen: set[bytes] = field(default_factory=set)
    _rows: IO[bytes] = field(default_factory=lambda: SpooledTemporaryFile(IN_MEMORY))  # noqa: SIM115

    def take(self, page: ReleasedPage) -> None:
        """Writes the rows of a page."""
        rows: list[bytes] = []
        for raw in page.raws:
            reading = entries_of(raw, now=self.now)
            wanted = [entry for entry in reading.entries if entry.kind in self.feed.kinds]
            if not wanted:
                self._leave_out(reading.left_out, reading.entries)
                continue
            taken = [row for entry in wanted if (row := self._row(entry))]
            if taken:
                rows += taken
                self.marking = stricter(self.marking, reading.marking)
        self._rows.write(b"".join(rows))

    def _leave_out(self, reason: str, others: Iterable[Entry]) -> None:
        # What is another feed's business is no loss of this one: hashes are not missing in a list of addresses.
        if reason and reason != "not-an-indicator" and not tuple(others):
            self.left_out[reason] += 1

    def _row(self, entry: Entry) -> bytes:
        reason = self._against(entry)
        if reason:
            self.left_out[reason] += 1
            return b""
        row = self.feed.row(entry)
        if not row:
            self.left_out["not-carried"] += 1
            return b""
        self.count += 1
        return row

    def _against(self, entry: Entry) -> str:
        if self.wishes.kinds is not None and entry.kind not in self.wishes.kinds:
            return "other-thing"
        least = self.wishes.minimum_confidence
        if least is not None and (entry.confidence is None or entry.confidence < least):
            return "confidence-too-low"
        if self.feed.is_blocking and not self.wishes.with_warned and self.stops(entry):
            return "never-blocked"
        said = entry.object_id if entry.kind == NEWS else entry.value  # two reports may say the same
        mark = blake2b(f"{entry.kind}:{said}".encode(), digest_size=8).digest()
        if mark in self._seen:
            return "twice"
        self._seen.add(mark)
        return ""

    def finish(self, title: str, recipient: str) -> Document:
        """The document, once every page was taken."""
        heading = Heading(title, recipient, self.now, self.count, dict(self.left_out), self.marking)
        size = self._rows.tell()
        self._rows.seek(0)
        head, foot = self.feed.head(heading), self.feed.foot()
        return Document(heading, head, self._rows, foot, len(head) + size + len(foot))

    def give_up(self) -> None:
        """Forgets what was written so far."""
        self._rows.close()


def write(
    feed: Feed, pages: Iterable[ReleasedPage], *, now: int, title: str, recipient: str,
    wishes: Wishes | None = None, stops: Stops = is_never_blocked, progress: Callable[[int], None] | None = None,
) -> Document:  # fmt: skip
    """A whole feed of what is released; `progress` hears how many objects were looked at."""
    writing = Writing(feed, now, wishes or Wishes(), stops)
    done = 0
    try:
        for page in pages:
            writing.take(page)
            done += len(page.raws)
            if progress:
                progress(done)
    except BaseException:
        writing.give_up()
        raise
    return writing.finish(title, recipient)


_LINE_BREAKS = dict.fromkeys((*range(32), 127, *range(128, 160), 8232, 8233, *range(8234, 8239)), " ")


def one_line(text: str, longest: int = 200) -> str:
    """Foreign text as part of one line: no control characters, no line or direction breaks, not longer than this."""
    return text[:longest].translate(_LINE_BREAKS)


def comments(heading: Heading, mark: str = "# ") -> bytes:
    """The heading as lines of comment."""
    return "".join(f"{mark}{line}\n" for line in heading.lines()).encode()

"""News for people: the latest reports as RSS 2.0 and Atom (RFC 4287)."""

from __future__ import annotations

from collections import deque
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.sax.saxutils import escape

from katchi import stix
from katchi.exchange.entries import NEWS, Entry
from katchi.exchange.feed import Heading, one_line

LATEST = 100
LONGEST = 4000


class Rss:
    """Newest first, the latest hundred."""

    name = "rss"
    title = "readers of RSS"
    media_type = "application/rss+xml; charset=utf-8"
    extension = ".xml"
    kinds = frozenset({NEWS})
    is_blocking = False

    def __init__(self) -> None:
        self._latest: deque[Entry] = deque(maxlen=LATEST)

    def row(self, entry: Entry) -> bytes:
        """Nothing yet, but room for it: which are the latest is known at the end."""
        self._latest.append(entry)
        return b"\n"

    def head(self, heading: Heading) -> bytes:
        """The channel."""
        said = escape("; ".join(heading.lines()))
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<rss version="2.0"><channel>'
            f"<title>{_text(heading.title)}</title><link>urn:katchi</link><description>{said}</description>"
        ).encode()

    def foot(self) -> bytes:
        """The items and the end."""
        items = "".join(
            f"<item><title>{_text(entry.name)}</title><description>{_text(entry.value, LONGEST)}</description>"
            f'<guid isPermaLink="false">{_text(entry.object_id)}</guid>'
            f"<pubDate>{format_datetime(_moment(entry))}</pubDate></item>\n"
            for entry in reversed(self._latest)
        )
        return f"{items}</channel></rss>\n".encode()


class Atom(Rss):
    """The same after RFC 4287."""

    name = "atom"
    title = "readers of Atom"
    media_type = "application/atom+xml; charset=utf-8"

    def head(self, heading: Heading) -> bytes:
        """The feed."""
        said = escape("; ".join(heading.lines()))
        return (
            '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">'
            f"<title>{_text(heading.title)}</title><id>urn:katchi:{_text(heading.recipient)}</id>"
            f"<updated>{stix.format_timestamp(heading.made_at)}</updated>"
            f"<subtitle>{said}</subtitle><author><name>Katchi</name></author>"
        ).encode()

    def foot(self) -> bytes:
        """The entries and the end."""
        entries = "".join(
            f"<entry><title>{_text(entry.name)}</title><id>urn:stix:{_text(entry.object_id)}</id>"
            f"<updated>{stix.format_timestamp(entry.modified or 0)}</updated>"
            f"<summary>{_text(entry.value, LONGEST)}</summary></entry>\n"
            for entry in reversed(self._latest)
        )
        return f"{entries}</feed>\n".encode()


def _text(value: str, longest: int = 200) -> str:
    # XML 1.0 §2.2 has no place for most control characters, not even escaped.
    return escape(
        "".join(mark for mark in one_line(value, longest) if mark not in "\ufffe\uffff" and not _is_half(mark))
    )


def _is_half(mark: str) -> bool:
    return "\ud800" <= mark <= "\udfff"


def _moment(entry: Entry) -> datetime:
    return datetime.fromtimestamp((entry.modified or 0) / 1_000_000, UTC)

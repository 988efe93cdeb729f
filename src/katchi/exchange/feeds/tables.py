"""Tables for people and for SIEMs, and OCSF's enrichment objects."""

from __future__ import annotations

import csv
import io

import msgspec

from katchi import stix
from katchi.exchange.entries import VALUES, Entry
from katchi.exchange.feed import Heading, one_line


class Csv:
    """RFC 4180. A cell that a spreadsheet would calculate begins with an apostrophe."""

    name = "csv"
    title = "a spreadsheet"
    media_type = "text/csv"
    extension = ".csv"
    kinds = VALUES
    is_blocking = False
    columns: tuple[str, ...] = ("type", "value", "id", "name", "confidence", "valid_from", "valid_until")

    def row(self, entry: Entry) -> bytes:
        """One line."""
        return _line(self.cells(entry))

    def cells(self, entry: Entry) -> tuple[str, ...]:
        """The cells of a line."""
        return (
            entry.kind, entry.value, entry.object_id, one_line(entry.name), _number(entry.confidence),
            _time(entry.valid_from), _time(entry.valid_until),
        )  # fmt: skip

    def head(self, heading: Heading) -> bytes:
        """The columns; a table has no comments, so nothing says here what was left out."""
        return _line(self.columns)

    def foot(self) -> bytes:
        """Nothing."""
        return b""


class LookupCsv(Csv):
    """A lookup: the value first, and names of columns that Splunk, Elastic and Sentinel take as they are."""

    name = "lookup-csv"
    title = "lookups of Splunk, Elastic and Sentinel"
    columns = ("indicator", "indicator_type", "description", "confidence", "valid_until", "stix_id")

    def cells(self, entry: Entry) -> tuple[str, ...]:
        """The cells of a line."""
        return (
            entry.value, entry.kind, one_line(entry.name), _number(entry.confidence), _time(entry.valid_until),
            entry.object_id,
        )  # fmt: skip


def _line(cells: tuple[str, ...]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow([_harmless(cell) for cell in cells])
    return text.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell


def _number(value: int | None) -> str:
    return "" if value is None else str(value)


def _time(value: int | None) -> str:
    return "" if value is None else stix.format_timestamp(value)


class _Osint(msgspec.Struct, omit_defaults=True):
    value: str
    type: str
    type_id: int
    name: str = ""
    confidence: str = ""
    confidence_id: int = 0
    uid: str = ""
    vendor_name: str = ""


class Ocsf:
    """One object `osint` of OCSF 1.4 a line, for enrichment."""

    name = "ocsf"
    title = "enrichment after OCSF"
    media_type = "application/x-ndjson"
    extension = ".jsonl"
    kinds = VALUES
    is_blocking = False

    def row(self, entry: Entry) -> bytes:
        """One JSON object."""
        caption, number = _TYPES[entry.kind]
        level, name = _confidence(entry.confidence)
        osint = _Osint(entry.value, caption, number, one_line(entry.name), name, level, entry.object_id, "Katchi")
        return msgspec.json.encode(osint) + b"\n"

    def head(self, heading: Heading) -> bytes:
        """Nothing: every line is an object."""
        return b""

    def foot(self) -> bytes:
        """Nothing."""
        return b""


_HASH = ("Hash", 4)
_TYPES = {
    "ipv4": ("IP Address", 1), "ipv6": ("IP Address", 1), "domain": ("Domain", 2), "url": ("URL", 5),
    "email": ("Email Address", 9), "md5": _HASH, "sha1": _HASH, "sha256": _HASH, "sha512": _HASH,
}  # fmt: skip


def _confidence(value: int | None) -> tuple[int, str]:
    """OCSF's confidence_id for STIX's 0 to 100, as STIX 2.1 appendix A divides it into low, medium and high."""
    if value is None:
        return 0, ""
    return (1, "Low") if value < 30 else (2, "Medium") if value < 70 else (3, "High")

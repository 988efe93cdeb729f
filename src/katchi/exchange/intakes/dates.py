"""Reads the dates that tables and tools write, in the few forms that mean one moment only."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 12, 30, tzinfo=UTC)
_seconds = re.compile(r"\d{9,10}(?:\.\d{1,6})?", re.ASCII).fullmatch
_year_first = re.compile(r"(\d{4})[./-](\d{1,2})[./-](\d{1,2})(?:[T ]{1,2}(.{1,40}))?", re.ASCII).fullmatch


def moment(text: str) -> int | None:
    """Microseconds since the epoch; a time without a zone is UTC. None for `03/04/2014`, which is two days."""
    text = text.strip()
    if _seconds(text):
        return int(float(text)) * 1_000_000
    found = _year_first(text)
    if not found:
        return None
    year, month, day, time = found.groups()
    time = (time or "00:00").strip().removesuffix("UTC").removesuffix("GMT").strip()
    try:
        read = datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02}T{time}")
        at = read if read.tzinfo else read.replace(tzinfo=UTC)
        return (at - _EPOCH) // timedelta(microseconds=1) if _EPOCH <= at <= _LATEST else None
    except (ValueError, OverflowError):
        return None

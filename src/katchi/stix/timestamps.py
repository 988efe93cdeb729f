"""Turns STIX timestamps into whole microseconds since 1970 (UTC), and back.

STIX 2.1 §3.16: RFC 3339, UTC only, a capital `T` and `Z`, any number of digits after the point.
Katchi compares versions as integers, never as text: `.1Z` and `.100Z` are the same instant.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import ClassVar

from katchi.errors import KatchiError

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_SECOND = 1_000_000
_form = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z", re.ASCII).fullmatch
_leap = re.compile(r"(.{17})60(?:\.\d+)?Z", re.ASCII).fullmatch


class TimestampError(KatchiError):
    """This text is not a STIX timestamp."""

    code: ClassVar[str] = "timestamp"


def parse_timestamp(text: str) -> int:
    """The microseconds since the epoch that `text` names; digits beyond the sixth are dropped.

    Raises: TimestampError when the form is another, or no such day or hour exists.
    """
    if _form(text):
        try:
            return (datetime.fromisoformat(text) - _EPOCH) // _MICROSECOND
        except ValueError:
            # RFC 3339 §5.7 knows second 60; it is the instant that begins the next minute.
            leap = _leap(text)
            if leap:
                return parse_timestamp(f"{leap[1]}59Z") + _SECOND
    raise TimestampError(
        "This is not a timestamp.",
        expected="a real date and time in UTC such as 2016-02-15T01:02:03.123Z",
        found=text[:40],
        remedy="write it in UTC, with a capital T and Z",
    )


def format_timestamp(micros: int) -> str:
    """The timestamp of `micros`, always with six digits: `2016-02-15T01:02:03.123456Z`.

    Raises: TimestampError when the year would not be 0001 to 9999.
    """
    try:
        moment = _EPOCH + timedelta(microseconds=micros)
    except OverflowError as error:
        raise TimestampError("This instant is outside the years 0001 to 9999.", found=str(micros)) from error
    return moment.isoformat(timespec="microseconds")[:26] + "Z"

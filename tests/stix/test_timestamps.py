"""Timestamps become whole microseconds, and come back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from katchi import stix

MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999999))


@given(MOMENTS)
def test_a_written_instant_reads_back_as_itself(moment: datetime) -> None:
    micros = (moment.replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    assert stix.parse_timestamp(stix.format_timestamp(micros)) == micros


@given(MOMENTS, MOMENTS)
def test_instants_compare_like_their_written_forms(one: datetime, other: datetime) -> None:
    texts = [moment.isoformat(timespec="microseconds") + "Z" for moment in (one, other)]
    micros = [stix.parse_timestamp(text) for text in texts]
    assert (texts[0] < texts[1]) == (micros[0] < micros[1])


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2016-02-15T01:02:03.123456Z", "2016-02-15T01:02:03.123456Z"),
        ("2016-02-15T01:02:03Z", "2016-02-15T01:02:03.000000Z"),
        ("2016-02-15T01:02:03.1Z", "2016-02-15T01:02:03.100000Z"),
        ("2016-02-15T01:02:03.1234567891Z", "2016-02-15T01:02:03.123456Z"),
        ("2016-02-29T00:00:00Z", "2016-02-29T00:00:00.000000Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"),
    ],
)
def test_any_number_of_digits_is_read_and_six_are_written(text: str, written: str) -> None:
    assert stix.format_timestamp(stix.parse_timestamp(text)) == written


@pytest.mark.parametrize(
    "text",
    [
        "2016-02-30T00:00:00Z",
        "2016-13-01T00:00:00Z",
        "2015-02-29T00:00:00Z",
        "2016-01-01T24:00:00Z",
        "2016-01-01T00:60:00Z",
        "2016-01-01T00:00:61Z",
        "0000-01-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "2016-01-01",
        "2016-01-01T00:00:00",
        "2016-01-01T00:00:00+09:00",
        "2016-01-01t00:00:00z",
        "2016-01-01 00:00:00Z",
        "2016-W01-1T00:00:00Z",
        "2016-01-01T00:00:00.Z",
        "２０１６-01-01T00:00:00Z",
        "",
        "now",
    ],
)
def test_what_is_no_instant_in_utc_is_refused(text: str) -> None:
    with pytest.raises(stix.TimestampError) as refused:
        stix.parse_timestamp(text)
    assert refused.value.expected


def test_an_instant_beyond_the_calendar_has_no_written_form() -> None:
    with pytest.raises(stix.TimestampError):
        stix.format_timestamp(10**18)

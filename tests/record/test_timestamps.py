"""Instants as text."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.errors import FindingsError
from hashaudit.record import timestamps
from hashaudit.record.fields import FileTime, Time

YEAR_1_NS = -62_135_596_800 * timestamps.NS_PER_S
YEAR_10000_NS = 253_402_300_800 * timestamps.NS_PER_S


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_795_283_096_123_456_789, "2026-11-21T17:44:56.123456789Z"),
        (YEAR_1_NS, "0001-01-01T00:00:00.000000000Z"),
        (YEAR_1_NS - 1, "@-62135596800000000001"),
        (YEAR_10000_NS - 1, "9999-12-31T23:59:59.999999999Z"),
        (YEAR_10000_NS, "@253402300800000000000"),
        (2**63 * timestamps.NS_PER_S, f"@{2**63 * timestamps.NS_PER_S}"),
    ],
)
def test_known_instants(time_ns: int, text: str) -> None:
    assert timestamps.to_text(time_ns) == text
    msgspec.convert(text, FileTime)


@given(st.integers(-(2**63) * timestamps.NS_PER_S, 2**63 * timestamps.NS_PER_S))
def test_every_instant_has_a_text_of_the_field_and_says_which_it_is(time_ns: int) -> None:
    text = msgspec.convert(timestamps.to_text(time_ns), FileTime)
    if text.startswith("@"):
        assert int(text[1:]) == time_ns
    else:
        seconds = datetime.fromisoformat(text[:19]).replace(tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
        assert (seconds.days * 86400 + seconds.seconds) * timestamps.NS_PER_S + int(text[20:29]) == time_ns
        assert timestamps.to_seconds(text) == pytest.approx(time_ns / timestamps.NS_PER_S)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T00:00:00",
        "2026-11-21T00:00:00+00:00",
        "2026-02-30T00:00:00Z",
        "2026-11-21T24:00:01Z",
        "2026-11-21T00:00:00.Z",
        "2026-11-21T00:00:00.1234567890Z",
        "2026-11-21T00:00:00Z\n",
        "@0",
        "\u0662026-11-21T00:00:00Z",
    ],
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(FindingsError):
        timestamps.to_seconds(text)


@pytest.mark.parametrize("text", ["@", "@1.5", "@--1", "2026-11-21T00:00:00Z\n", "@1\n"])
def test_what_is_no_file_time_is_refused(text: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, FileTime)


def test_a_lines_own_time_has_no_other_form() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert("@1", Time)

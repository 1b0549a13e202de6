"""Times beyond 64 bits of nanoseconds survive every encoding."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hashaudit.cache.blocks import KnownFile, blocks_of, open_block, seal_block
from hashaudit.model.entry import Entry, Stat
from hashaudit.model.location import DirectoryRef, Location
from hashaudit.model.times import TICK_NS, time_ns, uncertain_left_ns

FAR = [1 << 63, 20_000_000_000 * 10**9, -20_000_000_000 * 10**9, -(1 << 63), (1 << 63) - 1, 0, (1 << 93)]


@given(st.integers(-(1 << 94), 1 << 94))
def test_a_time_is_exact_and_can_be_encoded(nanoseconds: int) -> None:
    time = time_ns(nanoseconds)
    assert int(time) == time == nanoseconds
    assert isinstance(time, int) or not -(1 << 63) < nanoseconds < 1 << 63
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(time), type=int | Decimal) == nanoseconds


@pytest.mark.parametrize("far", FAR)
def test_an_entry_is_sent_as_it_is(far: int) -> None:
    stat = Stat(0o100644, 1, 10, 1, 5, time_ns(far), time_ns(far + 1), birth_ns=time_ns(far - 1))
    entry = Entry(Location(DirectoryRef(b"/srv", 1, 2), b"name"), stat)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=Entry) == entry


def known_file(stat: Stat) -> KnownFile:
    return KnownFile((stat.inode, stat.size, stat.mtime_ns, stat.ctime_ns), "run", 1, {})


def test_two_far_times_are_two_states() -> None:
    stats = [Stat(0o100644, 1, 10, 1, 5, time_ns(far), 0) for far in FAR]
    files = {b"%d" % number: known_file(stat) for number, stat in enumerate(stats)}
    [(_, block)] = blocks_of(files)
    opened = open_block(b"key", seal_block(b"key", block))
    assert opened is not None
    for number, stat in enumerate(stats):
        assert [opened.entries[b"%d" % number].is_of(other) for other in stats] == [one is stat for one in stats]
        assert [stat.is_same_state(other) for other in stats] == [one is stat for one in stats]


def test_times_are_uncertain_for_as_long_as_the_next_change_may_get_them() -> None:
    now = 1_700_000_000 * 10**9
    for fine in ((now, now + 1), (now + 1, now)):
        assert 0 < uncertain_left_ns(*fine, now) <= uncertain_left_ns(*fine, now + 1) + 1 <= TICK_NS + 2
        assert uncertain_left_ns(*fine, now + TICK_NS + 1) == 0
    assert uncertain_left_ns(now, now, now + TICK_NS + 1) > 0
    assert uncertain_left_ns(now, now - 10**12, now + 2 * 10**9) == 0
    # A clock that was set back: the next change gets an earlier time.
    assert uncertain_left_ns(now + 10**12, now, now) == 0

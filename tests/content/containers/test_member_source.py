"""Sources of a container's bytes, in pieces of any size."""

import random

from hashaudit.content.containers.member_source import LookAhead, MemorySource, StreamSource

DATA = random.Random(3).randbytes(700_000)


def test_a_source_with_look_ahead_gives_every_byte_once() -> None:
    chance = random.Random(4)
    for source in (MemorySource(DATA), StreamSource(iter(DATA[at : at + 7919] for at in range(0, len(DATA), 7919)))):
        ahead = LookAhead(source)
        found = b""
        while data := ahead.read_exactly(chance.choice((1, 512, 5000, 300_000))):
            back = chance.randrange(len(data) + 1) if len(data) > 1 else 0
            ahead.push_back(data[len(data) - back :])
            found += data[: len(data) - back]
            assert ahead.position == len(found)
        assert found == DATA
        assert ahead.read_exactly(5) == b""


def test_a_stream_gives_at_most_what_is_wanted() -> None:
    source = StreamSource(iter((b"abc", b"defg")))
    assert [source.read(2), source.read(2), source.read(9), source.read(9)] == [b"ab", b"c", b"defg", b""]

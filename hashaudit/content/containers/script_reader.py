"""The reader of scripts with packed data behind them, which unpack themselves, as makeself writes them.

Source: makeself.sh 2.5, makeself-header.sh.
"""

from collections.abc import Iterator

from hashaudit.content.containers.appended_archives import SEARCHED_BYTES, find_packed
from hashaudit.content.containers.interface import Found, MemberContent, RandomSource, Trouble
from hashaudit.content.containers.member_source import chunks_of
from hashaudit.model.faults import FaultCode

DAMAGED = "the archive is damaged; members may be missing"
ENDS_EARLY = "the archive ends early"


def read_script(source: RandomSource) -> Iterator[Found]:
    """Yields all that follows the script as one member, which is opened itself."""
    start = find_packed(source.read_at(0, SEARCHED_BYTES))
    if start is None:
        yield Trouble(FaultCode.DAMAGED, DAMAGED)
    else:
        yield MemberContent(0, b"", chunks_of(source, start, source.size, ENDS_EARLY), source.size - start)

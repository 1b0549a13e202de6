"""ThreatExchange's local file: ``signal_type SPACE signal`` on each line.

Lines without a type are in the plain format.

Source: facebook/ThreatExchange, ``python-threatexchange``, the local file exchange.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from hashaudit.lazy import lazy_pattern
from hashaudit.lists.entry_fields import TOO_FEW_FIELDS, entry_or_reject, refuse_truncated
from hashaudit.lists.interface import ListEntry, ListItem, ParseOptions, Rejected, RejectReason
from hashaudit.lists.syntax.lines import numbered_lines
from hashaudit.lists.threatexchange_signals import signal_algorithm

_LINE = lazy_pattern(rb"([A-Za-z][A-Za-z0-9_]{1,30}) (\S.*)", re.DOTALL)


_FIELDS = 2


class ThreatExchangeLocal:
    """Reader of local files. Lenient: they also hold signals that are not hashes."""

    name = "threatexchange-local"
    strict = False

    def recognises(self, head: bytes) -> bool:
        """Returns whether the first line is a signal type that is a hash, and hex digits."""
        first = next((line for line in head.split(b"\n") if line.strip()), b"").removesuffix(b"\r")
        match = _LINE.fullmatch(first)
        return (
            match is not None
            and signal_algorithm(match[1].decode("ascii")) is not None
            and re.fullmatch(rb"[0-9A-Fa-f]{32,}", match[2].strip()) is not None
        )

    def parse(self, stream: BinaryIO, options: ParseOptions) -> Iterator[ListItem]:  # noqa: ARG002 - each line names its algorithm
        """Yields an entry for each hash.

        Raises:
            ListError: the last line is truncated.
        """
        for number, line, ended in numbered_lines(stream):
            if line is not None and not line.strip():
                continue
            item = Rejected(number, RejectReason.TOO_LONG) if line is None else _entry(number, line)
            yield refuse_truncated(number, item, ended=ended)


def _entry(number: int, line: bytes) -> ListEntry | Rejected:
    match = _LINE.fullmatch(line)
    if match is None and len(line.split()) < _FIELDS:
        return Rejected(number, RejectReason.MALFORMED, TOO_FEW_FIELDS)
    if match is None:
        return Rejected(number, RejectReason.MALFORMED, "not a signal type and a signal")
    algorithm = signal_algorithm(match[1].decode("ascii"))
    if algorithm is None:
        return Rejected(number, RejectReason.UNSUPPORTED, "the signal is not a hash of a file")
    return entry_or_reject(number, [(algorithm, match[2].strip())])

"""Reads one file or object. The result is one state of the listed entry, or a fault."""

from hashaudit.content.read.directory_cache import DirectoryCache
from hashaudit.content.read.feed import Sink
from hashaudit.content.read.stable_read import ReadLimits, ReadOutcome, read_entry
from hashaudit.content.read.throttled_reader import READ_CHUNK_BYTES, Reader, Throttle

__all__ = [
    "READ_CHUNK_BYTES",
    "DirectoryCache",
    "ReadLimits",
    "ReadOutcome",
    "Reader",
    "Sink",
    "Throttle",
    "read_entry",
]

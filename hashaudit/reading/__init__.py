"""Reading one file or object so that it is known what was read: one state of what the walk saw, or a fault."""

from hashaudit.reading.content import Sink
from hashaudit.reading.directories import DirectoryCache
from hashaudit.reading.entry import ReadLimits, ReadOutcome, read_entry
from hashaudit.reading.reader import READ_CHUNK_BYTES, Pace, Reader

__all__ = [
    "READ_CHUNK_BYTES",
    "DirectoryCache",
    "Pace",
    "ReadLimits",
    "ReadOutcome",
    "Reader",
    "Sink",
    "read_entry",
]

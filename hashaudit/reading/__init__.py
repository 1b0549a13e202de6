"""Reading one local file so that it is known what was read: one state of the file that the walk saw, or a fault."""

from hashaudit.reading.content import READ_CHUNK_BYTES, Sink, read_buffer
from hashaudit.reading.directories import DirectoryCache
from hashaudit.reading.entry import ReadLimits, ReadOutcome, read_entry

__all__ = [
    "READ_CHUNK_BYTES",
    "DirectoryCache",
    "ReadLimits",
    "ReadOutcome",
    "Sink",
    "read_buffer",
    "read_entry",
]

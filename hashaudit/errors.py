"""The exceptions that end a scan, one class for each cause.

A file that cannot be examined is not an exception: it is a :class:`hashaudit.model.faults.Fault`, which is data.
Exit codes belong to the command line.
"""


class HashauditError(Exception):
    """Base of all errors that this library raises by intent.

    Args:
        message: what failed, the value in quotes, the cause; lower case, no full stop.
        hint: what to do about it; ``None`` where nothing general can be said.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.hint = hint


class UsageError(HashauditError):
    """The caller's options contradict each other or are out of range."""


class ListError(HashauditError):
    """A hash list cannot be used. The message names the file, line and reason, and never an entry."""


class SigningKeyError(HashauditError):
    """A signing or verifying key cannot be used."""


class FindingsError(HashauditError):
    """A findings file does not hold what its format requires."""


class CacheError(HashauditError):
    """A cache of hashes must not be used. A cache that merely fails is not an error: the scan continues without it."""


class HostError(HashauditError):
    """This machine lacks something that the run needs."""


class SelfTestError(HostError):
    """An algorithm on this machine gives a wrong answer for a published vector."""


class OutputError(HashauditError):
    """The output cannot be made or written."""


class OutputLockedError(OutputError):
    """Another run writes the output."""


class OutputClosedError(OutputError):
    """The reader of the output closed its end of the pipe."""

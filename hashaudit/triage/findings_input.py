"""The findings files that a command reads: given by name, or named by a result of ``merge``."""

import os
from collections.abc import Iterator

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.model import paths
from hashaudit.record.verify.proven_records import FindingsReader, ReadRecord
from hashaudit.record.verify.trust import Trust
from hashaudit.record.verify.verifier import verify_file
from hashaudit.record.verify.verify_report import Basis, Verification
from hashaudit.scan.verify_merged import MergedVerification, is_merge_result, verify_merged


class FindingsInput(msgspec.Struct, frozen=True, kw_only=True):
    """One findings file and whose signatures count in it."""

    path: bytes
    trust: Trust
    any_signer: bool = False
    """Records by a signer whom nobody vouches for count as proven."""
    sha256: str | None = None
    """The content that a signed merge result names. ``trust`` is then ``None``, because that signature covers it."""
    merge: MergedVerification | None = None
    """The merge result that names the file."""
    extract: bool = False
    """The file holds some segments only; an absent one is not a problem if the chain of checkpoints is complete."""

    @property
    def name(self) -> str:
        """The path in a form that is safe to show."""
        return paths.for_terminal(self.path)

    def reader(self) -> FindingsReader:
        """Returns a reader of the records."""
        return FindingsReader(self.path, self.trust, extract=self.extract)

    def accepts(self, item: ReadRecord) -> bool:
        """Returns whether a record is proven, and by a signer whom this reader accepts."""
        return item.is_proven and (self.trust is not None or self.any_signer or self.sha256 is not None)

    def is_verified(self, outcome: Verification, sha256: str | None = None) -> bool:
        """Returns whether the whole file is proven.

        Args:
            outcome: of its verification.
            sha256: of what was read. A file that a merge result names needs it.
        """
        if self.sha256 is None:
            return outcome.verified
        return outcome.ok and outcome.basis is not Basis.NONE and sha256 == self.sha256


def find_inputs(path: str, trust: Trust, *, any_signer: bool) -> tuple[FindingsInput, ...]:
    """Returns the findings files that a name stands for: itself, or the shards of a merge result.

    Args:
        path: a findings file or a merge result.
        trust: whose signatures count.
        any_signer: the caller accepts a signer whom nobody vouches for.

    Raises:
        FindingsError: the merge result cannot be read, or is not proven.
    """
    if not is_merge_result(path):
        return (FindingsInput(path=os.fsencode(path), trust=trust, any_signer=any_signer),)
    merge = verify_merged(path, trust)
    shown = paths.for_terminal(os.fsencode(path))
    if merge.result is None or not (merge.verified or (any_signer and merge.unmodified)):
        reason = merge.problems[0].message if merge.problems else f"signer unknown ({merge.fingerprint})"
        raise FindingsError(
            f"merge result not verified: '{shown}'; {reason}", hint="see hashaudit verify, or name the shards instead"
        )
    folder = os.path.dirname(os.path.abspath(os.fsencode(path)))
    return tuple(
        FindingsInput(
            path=os.path.join(folder, paths.from_text(shard.file, shard.file_uri)),
            trust=None,
            any_signer=any_signer,
            sha256=shard.sha256,
            merge=merge,
        )
        for shard in merge.result.shards
    )


class VerifiedInput(msgspec.Struct, frozen=True):
    """A findings file after a verification of the whole file."""

    source: FindingsInput
    outcome: Verification
    sha256: str
    is_verified: bool

    def records(self) -> Iterator[ReadRecord]:
        """Yields the records again.

        Raises:
            FindingsError: the file has changed since it was verified, or cannot be read.
        """
        # An intact file by an unknown signer is read by the key that it names, so that its segments can be compared.
        trust = self.source.trust if self.outcome.verified else None
        reader = FindingsReader(self.source.path, trust, extract=self.source.extract)
        yield from reader
        if reader.sha256 != self.sha256:
            raise FindingsError(f"findings file changed while it was read: '{self.source.name}'", hint="run this again")


def verify_input(source: FindingsInput) -> VerifiedInput:
    """Verifies a whole file.

    Raises:
        FindingsError: it cannot be read, or is not a findings file.
    """
    reader = source.reader()
    for _ in reader:
        pass
    outcome = reader.verification
    if not outcome.recognised:
        why = "it is empty" if not outcome.lines else "no line is a record"
        raise FindingsError(f"not a findings file: '{source.name}'; {why}")
    if source.trust is not None and outcome.basis is Basis.NONE:
        # The reader without trust says whether the file is intact by another signer.
        outcome = verify_file(source.path, source.trust, extract=source.extract)
    return VerifiedInput(source, outcome, reader.sha256, source.is_verified(outcome, reader.sha256))

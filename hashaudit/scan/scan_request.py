"""The checked arguments of a scan that writes a findings file."""

from typing import TYPE_CHECKING

import msgspec

from hashaudit.record.output import Output
from hashaudit.scan.config import ScanConfig
from hashaudit.scan.control import Control
from hashaudit.scan.key_policy import Signing

if TYPE_CHECKING:
    from hashaudit.scan.auditor import AuditRequest


class ScanRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The arguments of ``hashaudit.scan``."""

    config: ScanConfig
    output: bytes | Output
    """Path of the new findings file, or an output that is open; empty to resume a scan."""
    resume: bytes | None
    """Path of the findings file of an interrupted scan; ``None`` for a new one."""
    signing: Signing
    control: Control
    argv: tuple[str, ...]
    """The command line, for the header."""
    audit: "AuditRequest | None"
    """Compare the files with manifests."""

    @property
    def has_secret(self) -> bool:
        """True if it holds a passphrase, so that no process may start as a copy of this one."""
        return isinstance(self.signing.passphrase, bytes)

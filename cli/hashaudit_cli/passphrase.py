"""Reads the passphrase of a signing key: from a descriptor, a file, a systemd credential, or a prompt."""

import errno
import os
import stat
import sys

import msgspec

from hashaudit.errors import SigningKeyError, UsageError
from hashaudit.scan.key_policy import Signing
from hashaudit_cli.ui.terminal import quote

CREDENTIAL_NAME = "hashaudit-passphrase"
"""Name of a systemd credential (systemd.exec(5), LoadCredential=)."""

MAX_PASSPHRASE_BYTES = 4096

_HAS_EFFECTIVE_IDS = os.access in os.supports_effective_ids


class PassphraseSource(msgspec.Struct, frozen=True):
    """The source of a passphrase, as the command line names it."""

    file: str | None = None
    descriptor: int | None = None

    @property
    def is_given(self) -> bool:
        """Returns whether the command line names a source."""
        return self.file is not None or self.descriptor is not None

    def require(self) -> None:
        """Checks that the source exists, also for a key that turns out to have no passphrase. Reads nothing.

        Raises:
            UsageError: it cannot be read.
        """
        source = self.descriptor if self.descriptor is not None else self.file
        if source is None:
            return
        try:
            is_directory = stat.S_ISDIR(os.stat(source).st_mode)
            if isinstance(source, str) and not os.access(source, os.R_OK, effective_ids=_HAS_EFFECTIVE_IDS):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            if is_directory:
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        except (OSError, OverflowError) as error:
            cause = error.strerror if isinstance(error, OSError) else "no such descriptor"
            raise UsageError(f"cannot read the passphrase: '{quote(os.fsencode(str(source)))}'; {cause}") from error

    def read(self, key_path: str) -> bytes:
        """Returns the passphrase of a key. Prompts for it if no source has it.

        Raises:
            SigningKeyError: no source has it, or the source cannot be read.
        """
        directory = os.environ.get("CREDENTIALS_DIRECTORY")
        credential = os.path.join(directory, CREDENTIAL_NAME) if directory else None
        source: str | int | None = self.descriptor if self.descriptor is not None else self.file
        if source is None and credential is not None and os.path.exists(credential):
            source = credential
        if source is not None:
            return _first_line(source)
        shown = quote(os.fsencode(key_path))
        if not sys.stdin.isatty():
            raise SigningKeyError(
                f"cannot ask for the passphrase: '{shown}'; standard input is not a terminal",
                hint="give --passphrase-file or --passphrase-fd",
            )
        import getpass  # noqa: PLC0415 # start-up: most keys have no passphrase

        return getpass.getpass(f"Passphrase for {shown}: ").encode()


def signing_options(
    key: str | None, passphrase_file: str | None, passphrase_fd: int | None, *, unsigned: bool = False
) -> Signing:
    """Returns how to sign, as the command line says.

    Raises:
        UsageError: the source of the passphrase cannot be read.
    """
    source = PassphraseSource(passphrase_file, passphrase_fd)
    source.require()
    return Signing(key=key, unsigned=unsigned, passphrase=source.read)


def _first_line(source: str | int) -> bytes:
    try:
        with open(source, "rb") as file:
            line = file.readline(MAX_PASSPHRASE_BYTES)
    except OSError as error:
        raise SigningKeyError(f"cannot read the passphrase: '{source}'; {error.strerror}") from error
    return line.rstrip(b"\r\n")

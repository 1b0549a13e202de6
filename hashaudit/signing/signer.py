"""The interface of a signer: a loaded key, and later an agent or a token."""

from typing import Protocol

CHECKPOINT_NAMESPACE = "hashaudit-findings"
"""Namespace of signatures over a checkpoint's body."""

FILE_NAMESPACE = "hashaudit-file"
"""Namespace of the sidecar's signature over a whole file."""


class Signer(Protocol):
    """Makes SSHSIG signatures under one key."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the public key, as ``ssh-keygen -l`` prints it."""
        ...

    def sign(self, message: bytes, namespace: str) -> str:
        """Returns an armoured SSHSIG over a message.

        Raises:
            SigningKeyError: the key cannot be used now.
        """
        ...

    def sign_sha512(self, digest: bytes, namespace: str) -> str:
        """Returns an armoured SSHSIG over a message, from its SHA-512.

        Raises:
            SigningKeyError: the key cannot be used now.
        """
        ...

"""What signs: a loaded key today, an agent or a token as well."""

from typing import Protocol

CHECKPOINT_NAMESPACE = "hashaudit-findings"
"""Of signatures over a checkpoint's body."""

FILE_NAMESPACE = "hashaudit-file"
"""Of the sidecar's signature over a whole file."""


class Signer(Protocol):
    """Makes SSHSIG signatures under one key."""

    @property
    def fingerprint(self) -> str:
        """Of the public key, as ``ssh-keygen -l`` prints it."""
        ...

    def sign(self, message: bytes, namespace: str) -> str:
        """An armoured SSHSIG over a message.

        Raises:
            SigningKeyError: the key cannot be used now.
        """
        ...

    def sign_sha512(self, digest: bytes, namespace: str) -> str:
        """An armoured SSHSIG over a message of which only the SHA-512 is at hand.

        Raises:
            SigningKeyError: the key cannot be used now.
        """
        ...

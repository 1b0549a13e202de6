"""Decides which signatures a reader accepts."""

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.record.verify.verify_report import Basis, ProblemCode
from hashaudit.signing import sshsig
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.public_key import PublicKey


class TrustedNames(msgspec.Struct, frozen=True):
    """A trust store, and the name for which the signer must be trusted."""

    allowed_signers: AllowedSigners
    identity: str | None = None
    """``None`` accepts any name in the store."""


class TrustedFingerprint(msgspec.Struct, frozen=True):
    """The fingerprint of the only accepted key."""

    text: str
    """``SHA256:`` and unpadded base64, as ``ssh-keygen -l`` prints it."""


Trust = TrustedNames | PublicKey | TrustedFingerprint | None
"""``None`` accepts the key that the file itself names; its owner is then unknown."""


class KeyRefusal(msgspec.Struct, frozen=True):
    """The reason why a signature or key is not accepted."""

    code: ProblemCode
    message: str


class SignatureCheck:
    """Checks the signatures of one file: all must be by one key, and that key must be accepted."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self.named_fingerprint: str | None = None
        """Fingerprint of the key that the header names. It counts only without ``trust``, and only until a signature is
        accepted, because a modified header must not make the true signatures look wrong."""
        self.key: PublicKey | None = None
        """The key of the signatures accepted so far."""
        self.distrust: KeyRefusal | None = None
        """The first refusal of a valid signature because of the reader's trust."""
        self.principals: tuple[str, ...] = ()
        """Names for which the trust store trusts that key."""

    @property
    def basis(self) -> Basis:
        """The basis of trust in the accepted signatures."""
        if self.key is None:
            return Basis.NONE
        match self._trust:
            case TrustedNames():
                return Basis.ALLOWED_SIGNERS
            case PublicKey() | TrustedFingerprint():
                return Basis.GIVEN_KEY
            case None:
                return Basis.NAMED_KEY

    def refusal(self, armoured: str | None, sha512: bytes, namespace: str, time_s: float) -> KeyRefusal | None:
        """Returns the reason why a signature is not accepted; ``None`` if it is.

        Args:
            armoured: the signature, if there is one.
            sha512: digest of the content that it must sign.
            namespace: namespace that it must have.
            time_s: time of signing according to the signer, in seconds since the epoch.
        """
        if armoured is None:
            return KeyRefusal(ProblemCode.SIGNATURE_MISSING, "it is not signed")
        try:
            signature = sshsig.parse(armoured)
        except FindingsError as error:
            return KeyRefusal(ProblemCode.SIGNATURE_INVALID, str(error))
        if not signature.verifies(sha512, namespace):
            return KeyRefusal(ProblemCode.SIGNATURE_INVALID, "the signed content or the signature was modified")
        key = signature.public_key
        refusal = self._distrust(key, namespace, time_s)
        if refusal is not None:
            self.distrust = self.distrust or refusal
        else:
            refusal = self._disagreement(key)
        if refusal is None:
            self.key = key
        return refusal

    def _distrust(self, key: PublicKey, namespace: str, time_s: float) -> KeyRefusal | None:
        match self._trust:
            case TrustedNames():
                found = self._trust.allowed_signers.lookup(key, namespace, time_s, self._trust.identity)
                self.principals = self.principals or found.principals
                if found.accepted:
                    return None
                by_time = any(refusal.by_time for refusal in found.refusals)
                reasons = "; ".join(refusal.message for refusal in found.refusals)
                return KeyRefusal(
                    ProblemCode.KEY_NOT_VALID_THEN if by_time else ProblemCode.KEY_NOT_TRUSTED,
                    f"key {key.fingerprint} is not trusted: allowed_signers {reasons}",
                )
            case PublicKey() if key != self._trust:
                return _not_the_given(key, self._trust.fingerprint)
            case TrustedFingerprint() if key.fingerprint != self._trust.text:
                return _not_the_given(key, self._trust.text)
            case _:
                return None

    def _disagreement(self, key: PublicKey) -> KeyRefusal | None:
        expected = self.key.fingerprint if self.key else None if self._trust else self.named_fingerprint
        if expected is None or key.fingerprint == expected:
            return None
        return KeyRefusal(ProblemCode.WRONG_KEY, f"signed by {key.fingerprint}; the scan's key is {expected}")


def _not_the_given(key: PublicKey, given: str) -> KeyRefusal:
    return KeyRefusal(ProblemCode.KEY_NOT_TRUSTED, f"signed by {key.fingerprint}, not by the given key {given}")

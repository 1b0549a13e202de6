"""Whose signatures a reader accepts."""

import msgspec

from hashaudit.errors import FindingsError
from hashaudit.record.verify.verify_report import Basis, ProblemCode
from hashaudit.signing import sshsig
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.public_key import PublicKey


class TrustedNames(msgspec.Struct, frozen=True):
    """A trust store, and the name in it that must have signed."""

    allowed_signers: AllowedSigners
    identity: str | None = None
    """``None`` takes any name in the store."""


Trust = TrustedNames | PublicKey | None
"""``None``: the key that the file itself names, whose owner is then not proven."""


class KeyRefusal(msgspec.Struct, frozen=True):
    """Why a key is not accepted."""

    code: ProblemCode
    message: str


class SignatureCheck:
    """Checks the signatures of one file: all by one key, and that one accepted."""

    def __init__(self, trust: Trust) -> None:
        self._trust = trust
        self.named_fingerprint: str | None = None
        """Of the key that the header names. It decides only until a signature is accepted, and only without ``trust``:
        a header that somebody changed must not make the true signatures look wrong."""
        self.key: PublicKey | None = None
        """That made the signatures accepted so far."""
        self.principals: tuple[str, ...] = ()
        """Whom a trust store names for that key."""

    @property
    def basis(self) -> Basis:
        """On what the accepted signatures rest."""
        if self.key is None:
            return Basis.NONE
        match self._trust:
            case TrustedNames():
                return Basis.ALLOWED_SIGNERS
            case PublicKey():
                return Basis.GIVEN_KEY
            case None:
                return Basis.NAMED_KEY

    def refusal(self, armoured: str | None, sha512: bytes, namespace: str, time_s: float) -> KeyRefusal | None:
        """Why a signature is not accepted; ``None`` if it is.

        Args:
            armoured: the signature, if there is one.
            sha512: of what it should be over.
            namespace: for which it should be made.
            time_s: when it says it was made, seconds since the epoch.
        """
        if armoured is None:
            return KeyRefusal(ProblemCode.SIGNATURE_MISSING, "it is not signed")
        try:
            signature = sshsig.parse(armoured)
        except FindingsError as error:
            return KeyRefusal(ProblemCode.SIGNATURE_INVALID, str(error))
        if not signature.verifies(sha512, namespace):
            return KeyRefusal(ProblemCode.SIGNATURE_INVALID, "what is signed was changed, or the signature was")
        key = signature.public_key
        refusal = self._distrust(key, namespace, time_s) or self._disagreement(key)
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
                    f"the allowed signers do not accept the key {key.fingerprint}: {reasons}",
                )
            case PublicKey() if key != self._trust:
                return KeyRefusal(
                    ProblemCode.KEY_NOT_TRUSTED,
                    f"signed by {key.fingerprint}, not by the key given, {self._trust.fingerprint}",
                )
            case _:
                return None

    def _disagreement(self, key: PublicKey) -> KeyRefusal | None:
        expected = self.key.fingerprint if self.key else None if self._trust else self.named_fingerprint
        if expected is None or key.fingerprint == expected:
            return None
        return KeyRefusal(ProblemCode.WRONG_KEY, f"signed by {key.fingerprint}; the run's key is {expected}")

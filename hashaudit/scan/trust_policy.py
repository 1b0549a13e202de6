"""Chooses whose signatures are accepted, and verifies a findings file by that choice."""

import os
import re

from hashaudit.errors import UsageError
from hashaudit.model.paths import for_terminal
from hashaudit.record.verify.trust import Trust, TrustedFingerprint, TrustedNames
from hashaudit.record.verify.verifier import verify_file
from hashaudit.record.verify.verify_report import Verification
from hashaudit.scan.key_policy import default_allowed_signers_path, own_trust_store
from hashaudit.signing.allowed_signers import AllowedSigners
from hashaudit.signing.public_key import load_public_key

_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}")
"""As ``ssh-keygen -l`` prints it."""

StrPath = str | os.PathLike[str]


def verify(
    path: str | bytes | os.PathLike[str],
    *,
    allowed_signers: StrPath | None = None,
    identity: str | None = None,
    key: StrPath | None = None,
    allow_any_signer: bool = False,
) -> Verification:
    """Verifies a findings file, and its sidecar ``FILE.sig`` if there is one.

    Args:
        path: the findings file.
        allowed_signers: the trust store, in OpenSSH's format; default: the one beside the user's own key, if any.
        identity: the name under which the signer must be trusted.
        key: the file of the public key that must have signed, or its fingerprint ``SHA256:...``.
        allow_any_signer: check integrity only.

    Returns:
        The report. ``verified`` is true if nothing is wrong and a signer that the reader trusts has signed;
        ``unmodified`` if the file is intact, by any signer.

    Raises:
        UsageError: the arguments are mutually exclusive.
        HashauditError: the file, the key or the trust store cannot be read. Damage is a problem in the report.
    """
    trust = choose_trust(allowed_signers=allowed_signers, identity=identity, key=key, allow_any_signer=allow_any_signer)
    return verify_file(os.fsencode(path), trust)


def choose_trust(
    *, allowed_signers: StrPath | None, identity: str | None, key: StrPath | None, allow_any_signer: bool
) -> Trust:
    """Returns whose signatures are accepted.

    Raises:
        UsageError: the arguments are mutually exclusive.
        HashauditError: the key or the trust store cannot be used.
    """
    if allow_any_signer and (key is not None or allowed_signers is not None or identity is not None):
        raise UsageError(
            "--allow-any-signer conflicts with --key, --allowed-signers and --identity",
            hint="omit --allow-any-signer, or all of the others",
        )
    if key is not None:
        if allowed_signers is not None or identity is not None:
            raise UsageError(
                "--key conflicts with --allowed-signers and --identity", hint="name the signer with either of them"
            )
        return _given_key(os.fspath(key))
    if allowed_signers is not None or identity is not None:
        store = allowed_signers or own_trust_store() or default_allowed_signers_path()
        return TrustedNames(AllowedSigners.load(os.fspath(store)), identity)
    own = None if allow_any_signer else own_trust_store()
    # A trust store that exists is meant: a file by a key outside of it does not verify.
    return None if own is None else TrustedNames(AllowedSigners.load(own), None)


def _given_key(key: str) -> Trust:
    if not key.startswith("SHA256:") or os.path.exists(key):
        return load_public_key(key)
    if _FINGERPRINT.fullmatch(key) is None:
        raise UsageError(
            f"invalid fingerprint: '{for_terminal(os.fsencode(key))}'; must be SHA256: and 43 letters of base64",
            hint="copy the fingerprint as hashaudit keys new or ssh-keygen -l prints it",
        )
    return TrustedFingerprint(key)

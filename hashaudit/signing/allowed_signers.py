"""OpenSSH's allowed_signers: who may sign what, and when.

Source: ssh-keygen(1), section ALLOWED SIGNERS, and what ssh-keygen 9.2 does where that is silent. A line that cannot be
read refuses the whole file: a lost restriction would widen trust. Certificate authorities are not supported; their
lines are never a reason to trust a key.
"""

import base64
import binascii
import calendar
import os
import re
import time
from functools import lru_cache
from typing import Self

import msgspec

from hashaudit.errors import SigningKeyError
from hashaudit.model.paths import for_terminal
from hashaudit.signing.public_key import PublicKey, pack_string

_MAX_FILE_BYTES = 4 * 1024 * 1024
"""Ten thousand keys; a trust store larger than this is a mistake."""

_BLANKS = " \t"
_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\"|\\)*)")?(?:,|\Z)')
_TIME_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class AllowedSigner(msgspec.Struct, frozen=True):
    """One line."""

    line: int
    principals: str
    """Pattern list, as it stands in the file."""
    key_blob: bytes
    """Of any key type."""
    cert_authority: bool = False
    namespaces: str | None = None
    valid_after_s: int | None = None
    valid_before_s: int | None = None

    def refusal(self, namespace: str, time_s: float, identity: str | None) -> "Refusal | None":
        """Why this line does not let its key sign, or ``None`` if it does."""
        if identity is not None and not matches_pattern_list(identity, self.principals):
            return Refusal(f"line {self.line} is for other names")
        if self.namespaces is not None and not matches_pattern_list(namespace, self.namespaces):
            return Refusal(f"line {self.line} does not allow the namespace {namespace}")
        if self.valid_after_s is not None and time_s < self.valid_after_s:
            return Refusal(f"line {self.line} is not valid yet at that time", by_time=True)
        if self.valid_before_s is not None and int(time_s) > self.valid_before_s:
            return Refusal(f"line {self.line} is not valid any more at that time", by_time=True)
        return None


class Refusal(msgspec.Struct, frozen=True):
    """Why a line does not let a key sign."""

    message: str
    """For people."""
    by_time: bool = False
    """It would at another time."""


class Lookup(msgspec.Struct, frozen=True):
    """What a trust store says of a key."""

    principals: tuple[str, ...]
    """Pattern lists of the lines that accept it; empty when none does."""
    refusals: tuple[Refusal, ...] = ()
    """Why none does."""

    @property
    def accepted(self) -> bool:
        """Whether any line accepts the key."""
        return bool(self.principals)


class AllowedSigners(msgspec.Struct, frozen=True):
    """A trust store."""

    signers: tuple[AllowedSigner, ...]

    @classmethod
    def load(cls, path: str | bytes) -> Self:
        """Reads a file.

        Raises:
            SigningKeyError: it cannot be read, or a line is not of the format.
        """
        shown = for_terminal(os.fsencode(path))
        try:
            with open(path, "rb") as stream:
                content = stream.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            raise SigningKeyError(f"cannot read the allowed signers {shown}: {error.strerror}") from error
        if len(content) > _MAX_FILE_BYTES:
            raise SigningKeyError(f"{shown} is too large for a list of allowed signers")
        try:
            return cls.parse(content.decode(errors="surrogateescape"))
        except SigningKeyError as error:
            raise SigningKeyError(f"{shown}, {error}") from error

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the text of a file.

        Raises:
            SigningKeyError: a line is not of the format, or there is none.
        """
        signers = []
        for number, line in enumerate(text.split("\n"), start=1):
            content = line.strip(_BLANKS + "\r")
            if not content or content.startswith("#"):
                continue
            try:
                signers.append(_parse_line(number, content))
            except ValueError as error:
                raise SigningKeyError(f"line {number}: {error}") from error
        if not signers:
            raise SigningKeyError("no line names a signer")
        return cls(tuple(signers))

    def lookup(self, key: PublicKey, namespace: str, time_s: float, identity: str | None = None) -> Lookup:
        """Asks whether a key may sign.

        Args:
            key: that made a signature.
            namespace: of the signature.
            time_s: when it says it was made, seconds since the epoch.
            identity: the name to be proven; ``None`` takes any.
        """
        lines = [signer for signer in self.signers if signer.key_blob == key.blob and not signer.cert_authority]
        refusals = [(signer, signer.refusal(namespace, time_s, identity)) for signer in lines]
        principals = tuple(signer.principals for signer, refusal in refusals if refusal is None)
        if principals:
            return Lookup(principals)
        reasons = tuple(refusal for _, refusal in refusals if refusal is not None)
        authorities = tuple(
            Refusal(f"line {signer.line} names a certificate authority, which is not supported")
            for signer in self.signers
            if signer.cert_authority
        )
        return Lookup((), (reasons or (Refusal(f"no line has the key {key.fingerprint}"),)) + authorities)


def matches_pattern_list(text: str, patterns: str) -> bool:
    """OpenSSH's pattern list: ``*`` and ``?``, separated by commas; a matching pattern with ``!`` refuses.

    Source: ssh_config(5), section PATTERNS.
    """
    accepted = False
    for pattern in patterns.split(","):
        if _pattern(pattern.removeprefix("!")).fullmatch(text):
            if pattern.startswith("!"):
                return False
            accepted = True
    return accepted


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    collapsed = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(wildcards.get(character) or re.escape(character) for character in collapsed), re.DOTALL)


def _parse_line(number: int, content: str) -> AllowedSigner:
    principals, rest = _principals(content)
    blob = _key(rest)
    options = ""
    if blob is None:
        options, rest = _split_options(rest)
        blob = _key(rest)
    if blob is None:
        raise ValueError("no public key where one is wanted")
    return _with_options(AllowedSigner(number, principals, blob), options)


def _principals(content: str) -> tuple[str, str]:
    if content.startswith('"'):
        principals, quote, rest = content[1:].partition('"')
        if not quote:
            raise ValueError("a quote is not closed")
    else:
        parts = re.split(f"[{_BLANKS}]", content, maxsplit=1)
        principals, rest = parts[0], "".join(parts[1:])
    if not principals:
        raise ValueError("no name")
    return principals, rest.lstrip(_BLANKS)


def _key(text: str) -> bytes | None:
    fields = text.split(maxsplit=2)
    if len(fields) < 2:
        return None
    try:
        blob = base64.b64decode(fields[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    return blob if blob.startswith(pack_string(fields[0].encode(errors="replace"))) else None


def _split_options(text: str) -> tuple[str, str]:
    quoted = False
    position = 0
    while position < len(text) and (quoted or text[position] not in _BLANKS):
        if text.startswith('\\"', position):
            position += 1
        elif text[position] == '"':
            quoted = not quoted
        position += 1
    if quoted:
        raise ValueError("a quote is not closed")
    return text[:position], text[position:].lstrip(_BLANKS)


def _with_options(signer: AllowedSigner, options: str) -> AllowedSigner:
    found: dict[str, str | None] = {}
    position = 0
    while position < len(options):
        match = _OPTION.match(options, position)
        if match is None or options.endswith(","):
            raise ValueError('an option is not of the form name or name="value"')
        name = match[1].lower()
        takes_value = name in {"namespaces", "valid-after", "valid-before"}
        if name != "cert-authority" and not takes_value:
            raise ValueError("an unknown option")
        if name in found or takes_value is not (match[2] is not None):
            raise ValueError(f"the option {name} stands twice, or lacks or has a value")
        found[name] = match[2] and match[2].replace('\\"', '"')
        position = match.end()
    after, before = _time(found.get("valid-after")), _time(found.get("valid-before"))
    if after is not None and before is not None and before <= after:
        raise ValueError("valid-before is not after valid-after")
    return msgspec.structs.replace(
        signer,
        cert_authority="cert-authority" in found,
        namespaces=found.get("namespaces"),
        valid_after_s=after,
        valid_before_s=before,
    )


def _time(text: str | None) -> int | None:
    if text is None:
        return None
    utc = text.endswith(("Z", "z"))
    digits = text[:-1] if utc else text
    form = _TIME_FORMATS.get(len(digits))
    if form is None or not (digits.isascii() and digits.isdigit()):
        raise ValueError("a time is not of the form YYYYMMDD[HHMM[SS]][Z]")
    try:
        parsed = time.strptime(digits, form)
    except ValueError as error:
        raise ValueError("no such day or time of day") from error
    # Without Z it is local time, which ssh-keygen takes as standard time all year.
    return calendar.timegm(parsed) if utc else int(time.mktime((*parsed[:8], 0)))

"""OpenSSH's allowed_signers file: the keys that may sign, for which names, namespaces and times.

Source: ssh-keygen(1), section ALLOWED SIGNERS; the behaviour of ssh-keygen 9.2 where the manual is silent. One
unreadable line makes the whole file invalid, because a lost restriction would widen trust. Certificate authorities are
not supported, and their lines never make a key trusted.
"""

import calendar
import os
import re
import time
from functools import lru_cache
from typing import Self

import msgspec

from hashaudit.errors import SigningKeyError
from hashaudit.host.files import open_regular
from hashaudit.model.paths import for_terminal
from hashaudit.signing.public_key import PublicKey, decode_base64, pack_string

_MAX_FILE_BYTES = 4 * 1024 * 1024
"""Space for about ten thousand keys; a larger trust store is a mistake."""

_BLANKS = " \t"

_C_DELIMITERS = frozenset("\0\r")
"""Either ends a name or the line for ``ssh-keygen``, and would belong to a name here."""

_MAX_PATTERN_BYTES = 1022
"""``ssh-keygen`` lets a list match nothing if one of its patterns is longer. Source: OpenSSH's match.c."""

_OPTION = re.compile(r'([A-Za-z-]+)(?:="((?:[^"\\]|\\"|\\)*)")?(?:,|\Z)')
_TIME_FORMATS = {8: "%Y%m%d", 12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}


class AllowedSigner(msgspec.Struct, frozen=True):
    """One line of the file."""

    line: int
    principals: str
    """Pattern list, as in the file."""
    key_blob: bytes
    """Public key of any type, in wire form."""
    cert_authority: bool = False
    namespaces: str | None = None
    valid_after_s: int | None = None
    valid_before_s: int | None = None

    def refusal(self, namespace: str, time_s: float, identity: str | None) -> "Refusal | None":
        """Returns the reason why this line does not trust its key, or ``None`` if it does."""
        if identity is not None and not matches_pattern_list(identity, self.principals):
            return Refusal(f"line {self.line} is for a different identity")
        if self.namespaces is not None and not matches_pattern_list(namespace, self.namespaces):
            return Refusal(f"line {self.line} does not allow the namespace {namespace}")
        if self.valid_after_s is not None and time_s < self.valid_after_s:
            return Refusal(f"line {self.line} is not yet valid at that time", by_time=True)
        if self.valid_before_s is not None and int(time_s) > self.valid_before_s:
            return Refusal(f"line {self.line} is no longer valid at that time", by_time=True)
        return None


class Refusal(msgspec.Struct, frozen=True):
    """The reason why a line does not trust a key."""

    message: str
    """Text for people."""
    by_time: bool = False
    """The line would trust the key at another time."""


class Lookup(msgspec.Struct, frozen=True):
    """The answer of a trust store about a key."""

    principals: tuple[str, ...]
    """Pattern lists of the lines that trust the key; empty if none does."""
    refusals: tuple[Refusal, ...] = ()
    """The reasons of the lines that do not."""

    @property
    def accepted(self) -> bool:
        """True if any line trusts the key."""
        return bool(self.principals)


class AllowedSigners(msgspec.Struct, frozen=True):
    """The trust store of a reader."""

    signers: tuple[AllowedSigner, ...]

    @classmethod
    def load(cls, path: str | bytes) -> Self:
        """Reads a file.

        Raises:
            SigningKeyError: the file cannot be read, or a line is invalid.
        """
        shown = for_terminal(os.fsencode(path))
        try:
            with open_regular(path) as stream:
                content = stream.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            raise SigningKeyError(f"cannot read allowed signers: '{shown}'; {error.strerror}") from error
        if len(content) > _MAX_FILE_BYTES:
            raise SigningKeyError(f"not an allowed_signers file: '{shown}'; larger than {_MAX_FILE_BYTES >> 20} MiB")
        try:
            return cls.parse(content.decode(errors="surrogateescape"))
        except SigningKeyError as error:
            raise SigningKeyError(f"cannot use allowed signers: '{shown}'; {error}", hint=error.hint) from error

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the text of a file.

        Raises:
            SigningKeyError: a line is invalid, or no line names a signer.
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
        """Returns whether a key is trusted for a signature.

        Args:
            key: the key that made the signature.
            namespace: namespace of the signature.
            time_s: time of signing according to the signer, in seconds since the epoch.
            identity: the name that the key must be trusted for; ``None`` accepts any.
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
    """Returns whether a text matches OpenSSH's comma-separated patterns with ``*`` and ``?``; ``!`` before one refuses.

    Source: ssh_config(5), section PATTERNS.
    """
    accepted = False
    text = _bytewise(text)
    for pattern in _bytewise(patterns).split(","):
        if _pattern(pattern.removeprefix("!")).fullmatch(text):
            if pattern.startswith("!"):
                return False
            accepted = True
    return accepted


def _bytewise(text: str) -> str:
    """Returns one character for each byte, because ``?`` stands for one byte."""
    return text.encode(errors="surrogateescape").decode("latin-1")


@lru_cache(maxsize=1024)
def _pattern(pattern: str) -> re.Pattern[str]:
    wildcards = {"*": ".*", "?": "."}
    collapsed = re.sub(r"\*+", "*", pattern)
    return re.compile("".join(wildcards.get(character) or re.escape(character) for character in collapsed), re.DOTALL)


def _parse_line(number: int, content: str) -> AllowedSigner:
    if set(content) & _C_DELIMITERS:
        raise ValueError("invalid character; a NUL or carriage return")
    principals, rest = _principals(content)
    blob = _key(rest)
    options = ""
    if blob is None:
        options, rest = _split_options(rest)
        blob = _key(rest)
    if blob is None:
        raise ValueError("the public key is missing")
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
        raise ValueError("the name is missing")
    if '"' in principals:
        raise ValueError("a quote inside a name")
    _check_patterns(principals)
    return principals, rest.lstrip(_BLANKS)


def _check_patterns(patterns: str) -> None:
    if any(len(_bytewise(pattern.removeprefix("!"))) > _MAX_PATTERN_BYTES for pattern in patterns.split(",")):
        raise ValueError(f"a pattern is longer than {_MAX_PATTERN_BYTES} bytes")


def _key(text: str) -> bytes | None:
    fields = re.split(f"[{_BLANKS}]+", text, maxsplit=2)
    blob = decode_base64(fields[1]) if len(fields) > 1 else None
    if blob is None:
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
            raise ValueError('invalid option; the form is name or name="value"')
        name = match[1].lower()
        takes_value = name in {"namespaces", "valid-after", "valid-before"}
        if name != "cert-authority" and not takes_value:
            raise ValueError("unknown option")
        if name in found or takes_value is not (match[2] is not None):
            raise ValueError(f"invalid option: '{name}'; it is repeated, lacks its value or takes none")
        found[name] = match[2] and match[2].replace('\\"', '"')
        position = match.end()
    _check_patterns(found.get("namespaces") or "")
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
        raise ValueError("invalid time; the form is YYYYMMDD[HHMM[SS]][Z]")
    try:
        parsed = time.strptime(digits, form)
    except ValueError as error:
        raise ValueError("no such day or time of day") from error
    # Without Z it is local time, which ssh-keygen interprets as standard time all year.
    seconds = calendar.timegm(parsed) if utc else int(time.mktime((*parsed[:8], 0)))
    if seconds <= 0:
        # ssh-keygen keeps 0 for a limit that is not set, and refuses it as a time.
        raise ValueError("invalid time; it must be after the start of 1970")
    return seconds

"""Accepted findings: files that name findings by digest or path, with a reason, a name and a last day.

An acceptance takes a finding out of exit code 8 and of messages. The record keeps the finding, and says who accepted it
(docs/adr/0120-accept-findings-in-the-record.md).
"""

import datetime as dt
import difflib
import fnmatch
import hashlib
import os
import re
import time
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from hashaudit.content.digests.digest_registry import DIGESTS, canonical_name
from hashaudit.errors import ListError
from hashaudit.lists.algorithms import SHA256
from hashaudit.model import paths
from hashaudit.model.entry import Consistency
from hashaudit.model.results import AlgorithmName
from hashaudit.record.entry_path import file_path, joined_path
from hashaudit.record.header import AcceptanceFile
from hashaudit.record.output import SIDECAR_SUFFIX
from hashaudit.record.schema import Acceptance, EntryRecord, FindingRecord
from hashaudit.record.verify.trust import SignatureCheck
from hashaudit.scan.trust_policy import choose_trust
from hashaudit.signing.signer import FILE_NAMESPACE

TABLE = "accept"
"""Name of the array of tables, one for each acceptance."""

MAX_FILE_BYTES = 16 << 20
"""About 50,000 acceptances. More of them are a known list."""

MAX_TEXT_CHARACTERS = 1000
"""Limit for a reason or a name, because each record of a finding repeats it."""

_MAX_SIGNATURE_BYTES = 4096
_STRONG = DIGESTS[SHA256].strength
"""Acceptances by a digest of which collisions can be made would let a listed file pass."""
_TEXT_KEYS = ("path", "reason", "by", "until")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_UNSTABLE = Consistency.CHANGED_WHILE_READ
_URL = re.compile(rb"[a-z0-9]+://[^/]+/")
_HEADING = re.compile(rf"\s*\[\[\s*[\"']?{TABLE}[\"']?\s*\]\]")

_Record = TypeVar("_Record", bound=EntryRecord)


class _Rule(msgspec.Struct, frozen=True):
    """An acceptance. All its conditions must hold."""

    digests: dict[AlgorithmName, str]
    pattern: re.Pattern[bytes] | None
    acceptance: Acceptance

    def accepts(self, record: FindingRecord, around: Mapping[str, str]) -> bool:
        if self.digests and not (_agree(self.digests, _digests(record)) or _agree(self.digests, around)):
            return False
        entry = record.entry
        return self.pattern is None or any(map(self.pattern.match, (file_path(entry), joined_path(entry))))


class Acceptances:
    """The acceptances of a scan.

    Args:
        rules: in the order of their files.
        today: the day of the scan in UTC, ``YYYY-MM-DD``.
        files: the files that they are from, for the header.
    """

    def __init__(self, rules: Sequence[_Rule] = (), today: str = "", files: Sequence[AcceptanceFile] = ()) -> None:
        self.files = tuple(files)
        self.algorithms = tuple(dict.fromkeys(name for rule in rules for name in rule.digests))
        """Digests that the acceptances name, so that the scan has to compute them."""
        # One in force wins over one that has expired.
        self._rules = sorted(rules, key=lambda rule: rule.acceptance.until < today)
        self._today = today

    @property
    def expired(self) -> int:
        """Number of acceptances whose last day is over."""
        return sum(rule.acceptance.until < self._today for rule in self._rules)

    def marked(self, record: _Record, around: Mapping[str, str] | None = None) -> _Record:
        """Returns a record, and one of a finding with its acceptance.

        Args:
            record: the record.
            around: of a member of a container, the digests of the file that it is in.
        """
        if not self._rules or not isinstance(record, FindingRecord):
            return record
        for rule in self._rules:
            if rule.accepts(record, around or {}):
                field = "acceptance_expired" if rule.acceptance.until < self._today else "accepted"
                return msgspec.structs.replace(record, **{field: rule.acceptance})
        return record


def load_acceptances(files: Sequence[str], allowed_signers: str | None = None) -> Acceptances:
    """Loads files of acceptances.

    Args:
        files: their paths. A signature is beside a file, as ``FILE.sig``.
        allowed_signers: the trust store whose signers must have signed each file. ``None``: a file need not be signed;
            a signature that exists must be by a signer in the user's own trust store.

    Raises:
        ListError: a file cannot be used. The message has the line.
        HashauditError: the trust store cannot be used.
    """
    today = time.strftime("%Y-%m-%d", time.gmtime())
    rules: list[_Rule] = []
    described = []
    for path in files:
        content = _content(path)
        signed_by = _signer(path, content, allowed_signers)
        own = _Parser(path, content).rules()
        rules += own
        name, name_uri = paths.to_text(os.fsencode(path))
        described.append(
            AcceptanceFile(
                path=name,
                path_uri=name_uri,
                size=len(content),
                sha256=hashlib.sha256(content).hexdigest(),
                entries=len(own),
                signed_by=signed_by,
            )
        )
    return Acceptances(rules, today, described)


def _digests(record: FindingRecord) -> Mapping[str, str]:
    # Digests of content that changed during the read may be of no file that ever existed.
    return {name: value for name, value in record.digests.items() if record.consistency is not _UNSTABLE}


def _agree(stated: Mapping[AlgorithmName, str], found: Mapping[str, str]) -> bool:
    return all(found.get(name) == value for name, value in stated.items())


def _content(path: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ListError(f"cannot read acceptances: '{_shown(path)}'; {error.strerror}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ListError(
            f"cannot use acceptances: '{_shown(path)}'; larger than {MAX_FILE_BYTES >> 20} MiB",
            hint="name ordinary files in a list, with --known",
        )
    return content


def _signer(path: str, content: bytes, allowed_signers: str | None) -> str | None:
    """Returns the fingerprint of the key that signed a file; ``None`` if it is not signed."""
    sidecar = path + os.fsdecode(SIDECAR_SUFFIX)
    try:
        with open(sidecar, encoding="ascii", errors="replace") as stream:
            armoured = stream.read(_MAX_SIGNATURE_BYTES + 1)
    except FileNotFoundError:
        if allowed_signers is None:
            return None
        raise ListError(
            f"cannot use acceptances: '{_shown(path)}'; not signed, and --accept-signers is given",
            hint=f"sign it: ssh-keygen -Y sign -n {FILE_NAMESPACE} -f KEY {_shown(path)}",
        ) from None
    except OSError as error:
        raise ListError(f"cannot read the signature: '{_shown(sidecar)}'; {error.strerror}") from error
    trust = choose_trust(allowed_signers=allowed_signers, identity=None, key=None, allow_any_signer=False)
    if trust is None:
        raise ListError(
            f"cannot use acceptances: '{_shown(path)}'; signed, and there is no trust store to check the signer",
            hint="name the allowed signers with --accept-signers",
        )
    check = SignatureCheck(trust)
    refusal = check.refusal(armoured, hashlib.sha512(content).digest(), FILE_NAMESPACE, time.time())
    if refusal is not None or check.key is None:
        cause = "" if refusal is None else refusal.message
        raise ListError(f"cannot use acceptances: '{_shown(path)}'; the signature does not verify: {cause}")
    return check.key.fingerprint


class _Parser:
    """Parses one file. An error names the line."""

    def __init__(self, path: str, content: bytes) -> None:
        self._path = path
        try:
            self._text = content.decode()
            self._table = tomllib.loads(self._text)
        except UnicodeDecodeError as error:
            raise self._error("not UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            raise self._error(str(error)) from error

    def rules(self) -> list[_Rule]:
        for key in self._table:
            if key != TABLE:
                raise self._error(f"unknown key '{key}'", self._line_of(None, key), hint=_similar(key, (TABLE,)))
        rows = self._table.get(TABLE, [])
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._error(f"'{TABLE}' must be tables", self._line_of(None, TABLE), hint=f"write [[{TABLE}]]")
        return [self._rule(number, row) for number, row in enumerate(rows)]

    def _rule(self, number: int, row: dict[str, Any]) -> _Rule:
        digests = {}
        for key, value in row.items():
            name = canonical_name(key)
            if name is None and key not in _TEXT_KEYS:
                hint = _similar(key, (*_TEXT_KEYS, *(one for one in DIGESTS if DIGESTS[one].strength >= _STRONG)))
                raise self._error(f"unknown key '{key}'", self._line_of(number, key), hint=hint)
            if name is not None:
                digests[name] = self._digest(number, key, name, value)
        pattern = None
        if "path" in row:
            pattern = self._pattern(number, self._string(number, row, "path"))
        elif not digests:
            raise self._error("no digest and no path", self._line_of(number), hint="add sha256 or path")
        acceptance = Acceptance(
            reason=self._string(number, row, "reason"),
            by=self._string(number, row, "by"),
            until=self._day(number, row),
        )
        return _Rule(digests, pattern, acceptance)

    def _digest(self, number: int, key: str, name: AlgorithmName, value: object) -> str:
        line = self._line_of(number, key)
        algorithm = DIGESTS[name]
        if algorithm.strength < _STRONG:
            raise self._error(
                f"'{key}' cannot accept a file, because another file with the same digest can be made",
                line,
                hint="use sha256: hashaudit hash -a sha256 FILE",
            )
        text = value.strip().lower() if isinstance(value, str) else ""
        if re.fullmatch(r"[0-9a-f]+", text) is None or len(text) != 2 * algorithm.length_bytes:
            raise self._error(f"'{key}' must be {2 * algorithm.length_bytes} hexadecimal digits in quotes", line)
        return text

    def _pattern(self, number: int, text: str) -> re.Pattern[bytes]:
        glob = text.encode()
        line = self._line_of(number, "path")
        if not glob.startswith(b"/") and _URL.match(glob) is None:
            raise self._error("'path' must be an absolute path or a URL", line, hint="begin it with / or s3://BUCKET/")
        if not _URL.sub(b"", glob, count=1).strip(b"/*?"):
            raise self._error("'path' matches every file", line, hint="name the directory that is meant")
        # Latin-1 maps each byte to one character; fnmatch itself translates byte patterns in this way.
        return re.compile(fnmatch.translate(glob.decode("latin-1")).encode("latin-1"))

    def _string(self, number: int, row: Mapping[str, Any], key: str) -> str:
        value = row.get(key)
        if value is None:
            raise self._error(f"'{key}' is missing", self._line_of(number), hint=f'add {key} = "..."')
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT_CHARACTERS:
            limit = f"a text in quotes of at most {MAX_TEXT_CHARACTERS} characters"
            raise self._error(f"'{key}' must be {limit}", self._line_of(number, key))
        return value

    def _day(self, number: int, row: Mapping[str, Any]) -> str:
        value = row.get("until")
        if value is None:
            raise self._error("'until' is missing", self._line_of(number), hint="add until = 2027-06-30, the last day")
        text = value.isoformat() if isinstance(value, dt.date) else value
        try:
            if isinstance(text, str) and _DATE.fullmatch(text):
                return dt.date.fromisoformat(text).isoformat()
        except ValueError:
            pass
        raise self._error("'until' must be a day such as 2027-06-30", self._line_of(number, "until"))

    def _line_of(self, number: int | None, key: str | None = None) -> int | None:
        """Returns the line of a key, or of an acceptance by its number from 0. ``tomllib`` reports no positions."""
        lines = self._text.splitlines()
        first = 0
        if number is not None:
            headings = [index for index, line in enumerate(lines) if _HEADING.match(line) and self._is_whole(index)]
            if number >= len(headings):
                return None  # an array in one line
            first = headings[number]
            if key is None:
                return first + 1
        named = re.compile(rf"\s*(\[+\s*)?[\"']?{re.escape(key or '')}[\"']?\s*[=.\]]")
        return next((index + 1 for index in range(first, len(lines)) if named.match(lines[index])), None)

    def _is_whole(self, count: int) -> bool:
        """Returns whether the first lines end outside of a text of several lines."""
        try:
            tomllib.loads("\n".join(self._text.splitlines()[:count]))
        except tomllib.TOMLDecodeError:
            return False
        return True

    def _error(self, cause: str, line: int | None = None, *, hint: str | None = None) -> ListError:
        place = "" if line is None else f" line {line}"
        return ListError(f"cannot use acceptances: '{_shown(self._path)}'{place}; {cause}", hint=hint)


def _similar(word: str, known: Iterable[str]) -> str:
    known = list(known)
    found = difflib.get_close_matches(word.lower(), known, n=1)
    return f"did you mean '{found[0]}'?" if found else f"known keys: {', '.join(known)}"


def _shown(path: str) -> str:
    return paths.for_terminal(os.fsencode(path))

"""Values that several export formats derive from records."""

import hashlib
import re
from datetime import UTC, datetime
from functools import lru_cache

from hashaudit.exports.interface import ExportedRun
from hashaudit.model.counted import counted
from hashaudit.model.results import Caveat
from hashaudit.record import timestamps
from hashaudit.record.entry_path import content_time, joined_path
from hashaudit.record.schema import Acceptance, EntryRecord, FindingRecord
from hashaudit.triage.match_view import Agreement, agreements, deny_matches, labels_text

TOOL = "hashaudit"

FULL_NAMES = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
    "sha3-256": "SHA3-256",
    "sha3-384": "SHA3-384",
    "sha3-512": "SHA3-512",
    "blake2s": "BLAKE2s",
    "blake2b": "BLAKE2b",
    "blake3": "BLAKE3",
}
"""Names of digests as standards write them."""

_NOT_XML = re.compile("[^\t\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, and line ends (sections 2.2 and 2.11)."""

WEAK_CAVEATS = frozenset({Caveat.PERCEPTUAL_ONLY, Caveat.LOW_QUALITY, Caveat.CONFLICTING_DIGESTS})


def path_text(record: EntryRecord) -> str:
    """Returns the path with its members as text; U+FFFD stands for bytes that are not UTF-8."""
    return joined_path(record.entry).decode(errors="replace")


def file_name(record: EntryRecord) -> str:
    """Returns the last component of the path."""
    return path_text(record).rsplit("/", 1)[-1] or path_text(record)


def modified(record: EntryRecord) -> str | None:
    """Returns the time of the last change in RFC 3339; ``None`` if it is unknown or outside of the years 1 to 9999."""
    time = content_time(record)
    return None if time is None or time.startswith("@") or not time.endswith("Z") else time


@lru_cache(maxsize=4096)  # every object of a record, and each run, repeats its times
def milliseconds(time: str) -> str:
    """Returns an RFC 3339 time with three decimals."""
    seconds = timestamps.to_seconds(time)
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(time: str) -> int:
    """Returns milliseconds since the epoch."""
    return int(timestamps.to_seconds(time) * 1000)


def found_entries(record: EntryRecord) -> list[Agreement]:
    """Returns the list entries that make the record a finding, nearest first."""
    return agreements(deny_matches(record)) if isinstance(record, FindingRecord) else []


def caveats(record: EntryRecord) -> tuple[Caveat, ...]:
    """Returns the caveats of a finding."""
    return record.needs_confirmation if isinstance(record, FindingRecord) else ()


def acceptance(record: EntryRecord) -> Acceptance | None:
    """Returns the acceptance of a finding that is in force."""
    return record.accepted if isinstance(record, FindingRecord) else None


def is_weak(record: EntryRecord) -> bool:
    """Returns whether a finding rests on similarity only, or its digests conflict."""
    return bool(WEAK_CAVEATS.intersection(caveats(record)))


def sentence(record: EntryRecord) -> str:
    """Returns one sentence about a finding: list, entry, agreement and labels of the nearest list entry."""
    first, *more = found_entries(record)
    labels = f" ({labels_text(first.labels)})" if first.labels else ""
    others = f", and {counted(len(more), 'more entry', 'more entries')}" if more else ""
    return f"{first.text} match with {first.list_name} {first.entry}{labels}{others}"


def stable_uuid(run: ExportedRun, kind: str, *parts: object) -> str:
    """Returns an id in the form of a UUID version 4 that is the same in every export of the same record."""
    whole = "\0".join((run.header.run_id, kind, *map(str, parts)))
    raw = bytearray(hashlib.sha256(whole.encode(errors="surrogatepass")).digest()[:16])
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = raw.hex()
    # RFC 9562, section 4; uuid.UUID does the same in ten times the time.
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def one_line(text: str) -> str:
    r"""Returns a text with line ends and everything else that is not printable as ``\n``, ``\xNN`` or ``\uNNNN``."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape", "surrogatepass").decode() for one in text)


def xml_text(text: str) -> str:
    r"""Returns a text in which what XML 1.0 cannot hold is ``\uNNNN``."""
    return _NOT_XML.sub(lambda match: f"\\u{ord(match[0]):04x}", text)

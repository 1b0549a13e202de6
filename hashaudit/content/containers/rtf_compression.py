"""Unpacks the rich text of Outlook messages (``PidTagRtfCompressed``).

Source: [MS-OXRTFCP] 2.1 and 2.2.
"""

from hashaudit.content.containers.interface import ContainerError
from hashaudit.model.faults import FaultCode

DAMAGED_MEMBER = "the content of the member is damaged"
MOST_BYTES = 64 << 20
"""Longest text. Unpacking takes about a second for each MiB."""
TOO_LONG = f"unpacking needs more than {MOST_BYTES} bytes of memory"

HEADER_BYTES = 16
_PACKED, _PLAIN = b"LZFu", b"MELA"
_INITIAL = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS "
    b"Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n"
    b"\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
_DICTIONARY_BYTES = 4096


def is_compressed(data: bytes) -> bool:
    """Returns whether data begins like rich text in this form."""
    return len(data) >= HEADER_BYTES and data[8:12] in {_PACKED, _PLAIN}


def unpacked_rtf(data: bytes) -> bytes:
    """Returns the text.

    Raises:
        ContainerError: it is damaged, or too long.
    """
    raw_bytes = int.from_bytes(data[4:8], "little")
    if raw_bytes > MOST_BYTES:
        raise ContainerError(FaultCode.LIMIT_REACHED, TOO_LONG)
    is_plain = data[8:12] == _PLAIN
    text = data[HEADER_BYTES : HEADER_BYTES + raw_bytes] if is_plain else _unpacked(data, raw_bytes)
    if len(text) < raw_bytes:
        raise ContainerError(FaultCode.DAMAGED, DAMAGED_MEMBER)
    return text[:raw_bytes]


def _unpacked(data: bytes, raw_bytes: int) -> bytes:
    window = bytearray(_INITIAL.ljust(_DICTIONARY_BYTES, b"\0"))
    place, at, text = len(_INITIAL), HEADER_BYTES, bytearray()
    while at < len(data) and len(text) < raw_bytes:
        control = data[at]
        at += 1
        for bit in range(8):
            if not control >> bit & 1:
                piece = data[at : at + 1]
                at += 1
            else:
                word = int.from_bytes(data[at : at + 2], "big")
                at += 2
                start, length = word >> 4, (word & 15) + 2
                if start == place % _DICTIONARY_BYTES or at > len(data):
                    return bytes(text)
                piece = b""
                for number in range(length):
                    value = window[(start + number) % _DICTIONARY_BYTES]
                    window[(place + number) % _DICTIONARY_BYTES] = value
                    piece += bytes((value,))
            if not piece:
                return bytes(text)
            window[place % _DICTIONARY_BYTES] = piece[0]
            place += len(piece)
            text += piece
    return bytes(text)

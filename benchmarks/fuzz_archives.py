"""Archives and disk images for the fuzzing of their readers, made by other programs where those are installed."""

import hashlib
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hashaudit.content.containers.optional_readers import installed_kinds
from hashaudit.content.containers.reader_registry import load_readers
from hashaudit.model.containers import ContainerKind

K = ContainerKind
WITHOUT_CHECKSUM = frozenset(
    (K.AR, K.CAB, K.CPIO, K.ISO, K.COMPRESS, K.PARTITIONS, K.QCOW, K.RPM, K.UDF, K.VHD, K.VHDX, K.VMDK, K.EWF)
)
"""Kinds without a checksum of content or of its place, and those whose content is a whole disk here."""

_COMMANDS: tuple[tuple[ContainerKind, str], ...] = (
    (K.AR, "ar rcs OUT NAMES"),
    (K.CPIO, "bsdtar --format newc -cf OUT NAMES"),
    (K.CPIO, "bsdtar --format odc -cf OUT NAMES"),
    (K.ISO, "genisoimage -quiet -R -J -o OUT ."),
    (K.ISO, "genisoimage -quiet -udf -o OUT ."),
    (K.UDF, "genisoimage -quiet -udf -o OUT ."),
    (K.SEVEN_ZIP, "7zz a -bd OUT.7z NAMES"),
    (K.SEVEN_ZIP, "7zz a -bd -mm=ppmd -ms=off OUT.7z NAMES"),
    (K.SEVEN_ZIP, "7zz a -bd -mm=bzip2 -mhc=off OUT.7z NAMES"),
    (K.SEVEN_ZIP, "7zz a -bd -pword OUT.7z NAMES"),
    (K.SEVEN_ZIP, "7zz a -bd -pword -mhe=on -ms=off OUT.7z NAMES"),
    (K.CAB, "gcab -c OUT NAMES"),
    (K.CAB, "gcab -c -z OUT NAMES"),
    (K.XAR, "bsdtar --format xar -cf OUT NAMES"),
    (K.LHA, "jlha -c OUT.lzh NAMES"),
    (K.LZ4, "lz4 -q m4 OUT"),
    (K.LZIP, "lzip -k -o OUT.lz m4"),
    (K.COMPRESS, "bsdtar --format raw --compress -cf OUT m4"),
    (K.QCOW, "qemu-img convert -c -f raw -O qcow2 /DISK OUT"),
    (K.VHD, "qemu-img convert -f raw -O vpc /DISK OUT"),
    (K.VHDX, "qemu-img convert -f raw -O vhdx /DISK OUT"),
    (K.VMDK, "qemu-img convert -f raw -O vmdk -o subformat=streamOptimized /DISK OUT"),
    (K.EWF, "ewfacquire -u -q -c deflate:fast -t OUT /DISK"),
)


def archives(contents: dict[str, bytes]) -> list[tuple[ContainerKind, bytes]]:
    """Returns one file of each kind that can be made and read here."""
    load_readers(frozenset(K))
    made = [(K.RPM, _package(contents["m4"]))]
    with tempfile.TemporaryDirectory() as directory:
        top = Path(directory) / "in"
        top.mkdir()
        for name, data in contents.items():
            (top / name).write_bytes(data)
        disk = Path(directory) / "disk"
        disk.write_bytes(_disk(contents["m4"]))
        for number, (kind, command) in enumerate(_COMMANDS):
            made += _made(kind, command.replace("/DISK", str(disk)), Path(directory), number, sorted(contents))
    if K.RAR in installed_kinds():
        made += list(_rars(contents))
    return made


def _made(
    kind: ContainerKind, command: str, top: Path, number: int, names: list[str]
) -> list[tuple[ContainerKind, bytes]]:
    words = command.split()
    if shutil.which(words[0]) is None:
        return []
    out = f"../{number}"
    filled = [part.replace("OUT", out) for word in words for part in (names if word == "NAMES" else [word])]
    subprocess.run(filled, check=True, capture_output=True, cwd=top / "in")
    found = [path for path in top.glob(f"{number}*") if path.name.partition(".")[0] == str(number)]
    if len(found) != 1:
        raise RuntimeError(f"nothing was made by: {command}")
    [path] = found
    return [(kind, path.read_bytes())]


def _rars(contents: dict[str, bytes]) -> Iterator[tuple[ContainerKind, bytes]]:
    import rars  # noqa: PLC0415 # of an extra

    for version in ("rar50", "rar29", "rar15"):
        for solid in (False, True):
            builder = rars.RarBuilder(version, solid=solid)
            for name, data in contents.items():
                builder.add_bytes(data, name)
            yield K.RAR, bytes(builder.to_bytes())


def _package(payload: bytes) -> bytes:
    """Returns a package of RPM with a digest of its payload."""
    store = hashlib.sha256(payload).hexdigest().encode() + b"\0" * 4 + struct.pack(">I", 8)
    index = struct.pack(">IIIIIIII", 5092, 8, 0, 1, 5093, 4, 68, 1)
    header = b"\x8e\xad\xe8\x01" + bytes(4) + struct.pack(">II", 2, len(store)) + index + store
    empty = b"\x8e\xad\xe8\x01" + bytes(12)
    return b"\xed\xab\xee\xdb\x03\0" + bytes(90) + empty + header + payload


def _disk(content: bytes) -> bytes:
    data = bytearray(2048 * 512) + content + bytes(-len(content) % (1 << 20))
    data[446:462] = struct.pack("<B3xB3xII", 0, 0x83, 2048, 2)
    data[510:512] = b"\x55\xaa"
    return bytes(data)

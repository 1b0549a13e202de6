"""Feeds mutated pictures, lists, indexes and findings files, and looks for crashes, hangs and wrong answers.

Pictures of every format go through the installed command's workers, a folder of mutants at a time: one line for each
file, its digest right, an exit code that says complete or incomplete, no process left, the pictures that were not
mutated hashed as ever. Lists either load or are refused, and nothing that they hold stands in the message; of lists as
people have them, changed as editing changes them, no hash is left out in silence. A reader of a container raises only
what it may, and gives no other content as good. A mutated index does not verify. A
mutated findings file does not verify. Ends with status 1 at the first that does not hold; the mutant is kept and named.

    python benchmarks/fuzz.py [--mutations 20000] [--seed N] [--folder DIR]
"""

import argparse
import bz2
import codecs
import contextlib
import faulthandler
import gzip
import hashlib
import io
import json
import lzma
import os
import random
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np
import zstandard

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import fuzz_archives
from list_shapes import Planted, Shape, Shapes
from PIL import Image

from document_samples import documents, documents_with_images
from hashaudit.content.containers.interface import ContainerError, MemberContent, Trouble
from hashaudit.content.containers.member_source import MemorySource
from hashaudit.content.containers.reader_registry import STREAM_READERS, random_readers
from hashaudit.content.digests.digest_registry import DIGESTS
from hashaudit.errors import ListError
from hashaudit.lists import list_parser
from hashaudit.lists.index.index_reader import ListIndex
from hashaudit.lists.index.verify_index import verify_index
from hashaudit.lists.interface import DigestBlock, ListEntry, ListSpec, ParseOptions
from hashaudit.lists.load import load_lists
from hashaudit.lists.open_list import open_stream
from hashaudit.model.containers import ContainerKind
from hashaudit.model.results import AlgorithmName, Role
from hashaudit.record.verify.verifier import verify
from hashaudit.signing.public_key import load_public_key
from rare_samples import rare_files

COMMAND = str(Path(sys.executable).with_name("hashaudit"))
LISTS = Path(__file__).parent.parent / "tests" / "data" / "lists"
BATCH = 500
"""Mutated pictures in one folder."""
TRIAL_S = 30
"""No list, index or findings file of this size takes longer; one that does hangs."""
SHARES = {"pictures": 0.55, "containers": 0.1, "lists": 0.15, "shapes": 0.05, "indexes": 0.05, "findings": 0.1}
EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
SAID = re.compile("[0-9a-fA-F]{16,}")
"""So many hex digits in a message can only be an entry's."""


UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


TWICE = {"duplicate", "withdrawn", "empty_input"}
"""Reasons to reject that leave no hash out that the list still wants."""


class Loaded(NamedTuple):
    """The result of reading a list."""

    message: str
    omissions: tuple[str, ...]
    rejected: Counter[str]
    missing: list[str]
    """Planted hashes that are not found."""
    refused: bool = False


def samples() -> dict[str, tuple[str, Planted]]:
    """The sample lists of the tests that are text, with the digests that they give."""
    found: dict[str, tuple[str, Planted]] = {}
    for path in sorted(LISTS.iterdir()):
        with contextlib.suppress(UnicodeDecodeError, ListError):
            text = path.read_bytes().decode("utf-8-sig")
            digests = {raw for entry in entries_of(path) for name, raw in entry.items() if name in DIGESTS}
            if digests and b"\0" not in path.read_bytes():
                found[path.name] = text, {raw.hex(): raw for raw in digests}
    return found


def entries_of(path: Path) -> Iterator[dict[AlgorithmName, bytes]]:
    """The digests of each entry of a list."""
    with path.open("rb") as stream:
        for item in open_stream(stream, ParseOptions(), str(path)).items:
            if isinstance(item, DigestBlock):
                length = DIGESTS[item.algorithm].length_bytes
                for begin in range(0, len(item.digests), length):
                    yield {item.algorithm: item.digests[begin : begin + length]}
            elif isinstance(item, ListEntry):
                yield item.digests


def whole_word(text: str) -> re.Pattern[str]:
    """A hash as a word of its own."""
    return re.compile(rf"(?<![\w./@-]){text}(?![\w./@-])")


class Mutator:
    """Changes bytes as damage, and as whoever crafts a file would."""

    def __init__(self, source: random.Random) -> None:
        self.random = source

    def __call__(self, data: bytes, others: list[bytes]) -> bytes:
        """One mutant, which differs from what it is made from."""
        mutant = bytearray(data)
        while bytes(mutant) == data:
            for _ in range(self.random.choice([1, 1, 1, 2, 5])):
                self.random.choice([self._flip, self._number, self._cut, self._repeat, self._remove, self._splice])(
                    mutant, others
                )
        return bytes(mutant)

    def _place(self, data: bytearray) -> int:
        # Half of all changes are where headers are.
        end = min(len(data), 200) if self.random.random() < 0.5 else len(data)
        return self.random.randrange(max(end, 1))

    def _stretch(self, data: bytes | bytearray) -> tuple[int, int]:
        first = self.random.randrange(len(data) + 1)
        return first, min(len(data), first + self.random.choice([1, 4, 12, 60, 400, 4000]))

    def _flip(self, data: bytearray, _: list[bytes]) -> None:
        for _bit in range(self.random.choice([1, 1, 2, 8, 40]) if data else 0):
            data[self._place(data)] ^= 1 << self.random.randrange(8)

    def _number(self, data: bytearray, _: list[bytes]) -> None:
        place, width = self._place(data), self.random.choice([1, 2, 4])
        number = self.random.choice(EDGES) & ((1 << 8 * width) - 1)
        data[place : place + width] = number.to_bytes(width, self.random.choice(["little", "big"]))

    def _cut(self, data: bytearray, _: list[bytes]) -> None:
        del data[self.random.randrange(len(data) + 1) :]

    def _repeat(self, data: bytearray, _: list[bytes]) -> None:
        first, last = self._stretch(data)
        data[last:last] = data[first:last] * self.random.choice([1, 1, 2, 50])

    def _remove(self, data: bytearray, _: list[bytes]) -> None:
        first, last = self._stretch(data)
        del data[first:last]

    def _splice(self, data: bytearray, others: list[bytes]) -> None:
        other = self.random.choice(others)
        first, last = self._stretch(other)
        place = self._place(data)
        data[place : place + self.random.choice([0, last - first])] = other[first:last]


def pictures() -> dict[str, bytes]:
    """Ordinary pictures of every format that can be written here, by name."""
    y, x = np.mgrid[0:48, 0:64]
    waves = [np.sin(x / 9) * np.cos(y / 7), np.cos(x * y / 500), x / 64]
    pixels = np.stack([127 + 100 * wave for wave in waves], axis=-1).astype(np.uint8)
    rgb = Image.fromarray(pixels)
    grey, palette = rgb.convert("L"), rgb.convert("P")
    deep = Image.fromarray((pixels[:, :, 0].astype(np.uint16) << 8) | 7)
    clear = rgb.convert("RGBA")
    clear.putalpha(grey)
    frames = [rgb.rotate(angle) for angle in (40, 80)]
    moving = {"save_all": True, "append_images": frames, "duration": 50}
    kinds: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("baseline.jpg", rgb, "JPEG", {}),
        ("progressive.jpg", rgb, "JPEG", {"progressive": True}),
        ("cmyk.jpg", rgb.convert("CMYK"), "JPEG", {}),
        ("grey.jpg", grey, "JPEG", {}),
        ("plain.png", rgb, "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("palette.png", palette, "PNG", {}),
        ("bits.png", grey.convert("1"), "PNG", {}),
        ("clear.png", clear, "PNG", {}),
        ("moving.png", rgb, "PNG", moving),
        ("still.gif", palette, "GIF", {}),
        ("moving.gif", rgb, "GIF", moving),
        ("lossy.webp", rgb, "WEBP", {}),
        ("lossless.webp", clear, "WEBP", {"lossless": True}),
        ("moving.webp", rgb, "WEBP", moving),
        ("raw.tif", rgb, "TIFF", {}),
        ("lzw.tif", rgb, "TIFF", {"compression": "tiff_lzw"}),
        ("deflate.tif", rgb, "TIFF", {"compression": "tiff_adobe_deflate"}),
        ("jpeg.tif", rgb, "TIFF", {"compression": "jpeg"}),
        ("fax.tif", grey.convert("1"), "TIFF", {"compression": "group4"}),
        ("deep.tif", deep, "TIFF", {}),
        ("pages.tif", rgb, "TIFF", {"save_all": True, "append_images": frames}),
        ("plain.bmp", rgb, "BMP", {}),
        ("palette.bmp", palette, "BMP", {}),
        ("still.avif", rgb, "AVIF", {}),
        ("moving.avif", rgb, "AVIF", moving),
        ("plain.jp2", rgb, "JPEG2000", {}),
        ("lossy.j2k", rgb, "JPEG2000", {"irreversible": True, "quality_layers": [20]}),
        ("plain.ico", rgb, "ICO", {}),
        ("plain.ppm", rgb, "PPM", {}),
        ("plain.tga", rgb, "TGA", {}),
        ("packed.tga", rgb, "TGA", {"compression": "tga_rle"}),
        ("plain.pcx", rgb, "PCX", {}),
        ("plain.sgi", rgb, "SGI", {}),
        ("plain.dib", rgb, "DIB", {}),
    ]
    return dict(_saved(kinds))


def _saved(kinds: list[tuple[str, Image.Image, str, dict[str, object]]]) -> Iterator[tuple[str, bytes]]:
    for name, picture, form, how in kinds:
        target = io.BytesIO()
        try:
            picture.save(target, form, **how)
        except (OSError, KeyError) as error:
            print(f"{name}: left out, cannot be written here: {error}")
        else:
            yield name, target.getvalue()


class Fuzz:
    """Everything that is fed, and what came of it."""

    def __init__(self, folder: Path, source: random.Random) -> None:
        self.folder = folder
        self.random = source
        self.mutate = Mutator(source)
        self.counts: Counter[str] = Counter()
        self.home = folder / "home"
        self.home.mkdir()

    def run(self, *words: str | Path, bound_s: float = 60) -> tuple[int, bytes]:
        """The command's exit code and what it wrote to standard output; no process is left behind."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.home), "LC_ALL": "C.UTF-8"}
        with subprocess.Popen(
            [COMMAND, *words], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                out, err = process.communicate(timeout=bound_s)
            except subprocess.TimeoutExpired:
                process.kill()
                self.fail(b"", f"{words[0]} takes longer than {bound_s} s")
        if b"Traceback" in err:
            self.fail(b"", err.decode(errors="replace"))
        return process.returncode, out

    def fail(self, mutant: bytes, what: str) -> NoReturn:
        """Keeps what led here and ends."""
        descriptor, path = tempfile.mkstemp(prefix="hashaudit-fuzz-")
        with open(descriptor, "wb") as file:
            file.write(mutant)
        raise SystemExit(f"NOT AS PROMISED: {what}\nthe mutant is {path}")

    def fuzz_pictures(self, count: int) -> None:
        """Folders of mutants through the workers."""
        whole = pictures()
        contents = list(whole.values())
        expected: dict[str, object] | None = None
        done = 0
        while done < count:
            folder = self.folder / "pictures"
            folder.mkdir()
            digests = {}
            for name, data in whole.items():
                (folder / f"whole-{name}").write_bytes(data)
                digests[f"whole-{name}"] = hashlib.sha256(data).hexdigest()
            for number in range(min(BATCH, count - done)):
                name, data = self.random.choice(list(whole.items()))
                mutant = self.mutate(data, contents)
                (folder / f"{number:03}-{name}").write_bytes(mutant)
                digests[f"{number:03}-{name}"] = hashlib.sha256(mutant).hexdigest()
                done += 1
            found = self.examine(folder, digests)
            hashes = {name: line.get("perceptual") for name, line in found.items() if name.startswith("whole-")}
            if expected is not None and hashes != expected:
                self.fail(b"", "pictures beside the mutants are hashed otherwise than before")
            expected = hashes
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()

    def examine(self, folder: Path, digests: dict[str, str]) -> dict[str, dict[str, object]]:
        """Scans a folder and checks what is said of each file."""
        code, out = self.run(
            *("scan", folder, "--record", "all", "-a", "sha256,pdq,phash", "-q", "-j", "2", "--unsigned"),
            *("--decode-timeout", "5", "--max-memory", "512M"),
            bound_s=600,
        )
        if code not in {0, 8, 16, 24}:
            self.fail(b"", f"exit code {code} over mutated pictures")
        lines = [json.loads(line) for line in out.splitlines()]
        found = {os.path.basename(line["entry"]["path"]): line for line in lines if line["kind"] in {"file", "fault"}}
        self.counts["pictures"] += len(digests)
        for name, digest in digests.items():
            if name not in found:
                self.fail((folder / name).read_bytes(), f"{name} has no line")
            line = found[name]
            if line["digests"]["sha256"] != digest:
                self.fail((folder / name).read_bytes(), f"{name} has another digest")
            self.counts[f"pictures: {line.get('code', 'hashed' if line.get('perceptual') else 'no picture')}"] += 1
        return found

    def fuzz_lists(self, count: int) -> None:
        """Lists of every format, and Bloom filters: loaded, or refused without a word of what they hold."""
        whole = {path.name: path.read_bytes() for path in sorted(LISTS.iterdir()) if path.suffix != ".md"}
        contents = list(whole.values())
        path = self.folder / "list"
        path.touch(0o600)
        list_parser.IN_PROCESS = True  # a crash then ends this process, and no mutant costs a new one
        for _ in range(count):
            name, data = self.random.choice(list(whole.items()))
            mutant = self.mutate(data, contents)
            path.write_bytes(mutant)
            role = Role.KNOWN if name.endswith(".bloom") else Role.DENY
            self.counts["lists"] += 1
            try:
                with load_lists([ListSpec(str(path), role)]) as lists:
                    message = " ".join(warning for info in lists.infos for warning in info.warnings)
                    for index in lists.indexes:
                        for algorithm in index.algorithms:
                            index.lookup(algorithm, bytes(DIGESTS[algorithm].length_bytes))
                    self.counts["lists: loaded"] += 1
            except ListError as error:
                message = f"{error} {error.hint or ''}"
                self.counts["lists: refused"] += 1
            except Exception as error:  # noqa: BLE001 # whatever else it is, it is the finding
                self.fail(mutant, f"{name}: {type(error).__name__}: {error}")
            if SAID.search(message):
                self.fail(mutant, f"{name}: the message holds an entry: {message}")

    def fuzz_shapes(self, count: int) -> None:
        """Lists as people have them, changed as pasting and editing change them: no hash is left out in silence."""
        shapes = Shapes(self.random, samples())
        path = self.folder / "list"
        path.touch(0o600)
        list_parser.IN_PROCESS = True
        rejected_before: dict[bytes, Counter[str]] = {}
        for _ in range(count):
            shape = shapes()
            self.counts["shapes"] += 1
            before = rejected_before.get(shape.unchanged)
            if before is None:
                path.write_bytes(shape.unchanged)
                before = rejected_before[shape.unchanged] = self.load(shape, path).rejected
            path.write_bytes(shape.changed)
            loaded = self.load(shape, path)
            if SAID.search(loaded.message):
                self.fail(shape.changed, f"{shape.name}: the message holds an entry: {loaded.message}")
            # A hash that a change has damaged is not in the text any more; one whose line is a comment is left out.
            encoding = "utf-16" if shape.changed[:2] in UTF16 else "utf-8-sig"
            whole = shape.changed.decode(encoding, "replace").lower()
            whole = "\n".join(line for line in whole.splitlines() if not line.lstrip().startswith(("#", ";", "//")))
            silent = [text for text in loaded.missing if whole_word(text).search(whole)]
            said = loaded.refused or loaded.omissions or loaded.rejected - before
            if silent and not said:
                self.fail(shape.changed, f"{shape.name}: {len(silent)} hashes are left out in silence")
            self.counts[f"shapes: {'refused' if loaded.refused else 'loaded'}"] += 1
            self.counts["shapes: something left out, said"] += bool(silent) and not loaded.refused

    def load(self, shape: Shape, path: Path) -> Loaded:
        """Loads a list and looks for its planted hashes."""
        try:
            with load_lists([ListSpec(str(path), Role.DENY)]) as lists:
                info = lists.infos[0]
                missing = [
                    text
                    for text, raw in shape.planted.items()
                    if not any(
                        index.lookup(one, raw)
                        for index in lists.indexes
                        for one in index.algorithms
                        if DIGESTS[one].length_bytes == len(raw)
                    )
                ]
                rejected = Counter({reason: number for reason, number in info.rejected.items() if reason not in TWICE})
                if "withdrawn" in info.rejected:
                    # The record that is left may be one that withdraws the hash.
                    missing = []
                return Loaded(" ".join(info.warnings), info.omissions, rejected, missing)
        except ListError as error:
            return Loaded(f"{error} {error.hint or ''}", (), Counter(), [], refused=True)
        except Exception as error:  # noqa: BLE001 # as above
            self.fail(path.read_bytes(), f"{shape.name}: {type(error).__name__}: {error}")

    def fuzz_indexes(self, count: int) -> None:
        """Compiled indexes: refused when opened or when verified, and every lookup in between ends."""
        path = self.folder / "index.hai"
        names = ("hashdeep.txt", "md5deep.txt", "vics20_hashset_bom.json")
        words = [*(str(LISTS / name) for name in names), f"pdq={LISTS / 'PDQMD5TestData.csv'}"]
        code, _ = self.run("lists", "build", *words, "--max-malformed", "2", "-o", path)
        if code:
            self.fail(b"", f"lists build ends with {code}")
        whole = path.read_bytes()
        for _ in range(count):
            mutant = self.mutate(whole, [whole])
            self.counts["indexes"] += 1
            try:
                index = ListIndex.from_bytes(mutant)
                for algorithm in index.algorithms:
                    with contextlib.suppress(ListError):
                        index.lookup(algorithm, self.random.randbytes(DIGESTS[algorithm].length_bytes))
                verify_index(index)
            except ListError:
                continue
            except Exception as error:  # noqa: BLE001 # as above
                self.fail(mutant, f"index: {type(error).__name__}: {error}")
            self.fail(mutant, "a changed index verifies")

    def fuzz_containers(self, count: int) -> None:
        """Containers: faults are of the closed set, and what passes its checksum is what was packed."""
        wholes = containers()
        # A stream that a mutation repeats unpacks to its content as often.
        contents = [content * times for content in CONTENTS.values() for times in range(65)]
        random = random_readers((PASSWORD,), rasters=True)
        packed = {hashlib.sha256(content).digest() for content in contents}
        for _ in range(count):
            kind, whole = self.random.choice(wholes)
            mutant = self.mutate(whole, [whole])
            self.counts[f"{kind.value} files"] += 1
            source = MemorySource(mutant)
            reader = STREAM_READERS.get(kind) or random[kind]
            try:
                for member in reader(source):
                    digest = self.content_of(member)
                    if digest is not None and kind not in WITHOUT_CHECKSUM and digest not in packed:
                        self.fail(mutant, f"{kind.value}: other content is given as good")
            except ContainerError:
                continue
            except Exception as error:  # noqa: BLE001 # as above
                self.fail(mutant, f"{kind.value}: {type(error).__name__}: {error}")

    @staticmethod
    def content_of(member: MemberContent | Trouble) -> bytes | None:
        """Returns the SHA-256 of a member; ``None`` if it has a fault, or more than 16 MiB."""
        if isinstance(member, Trouble):
            return None
        digest, length = hashlib.sha256(), 0
        try:
            for piece in member.chunks:
                digest.update(piece)
                length += len(piece)
                if length > 16 << 20:
                    return None
        except ContainerError:
            return None
        return digest.digest()

    def fuzz_findings(self, count: int) -> None:
        """Findings files: no change verifies, with the sidecar that signs every byte."""
        tree, output = self.folder / "tree", self.folder / "F"
        tree.mkdir()
        for number in range(40):
            (tree / str(number)).write_bytes(b"%d" % number)
        code, _ = self.run("scan", tree, "--record", "all", "-q", "-o", output)
        if code:
            self.fail(b"", f"scan ends with {code}")
        whole, sidecar = output.read_bytes(), output.with_name("F.sig").read_bytes()
        key = load_public_key(str(self.home / ".config" / "hashaudit" / "signing_key.pub"))
        if not verify(io.BytesIO(whole), key, sidecar).ok:
            self.fail(whole, "the file itself does not verify")
        for _ in range(count):
            mutant = self.mutate(whole, [whole])
            self.counts["findings files"] += 1
            try:
                outcome = verify(io.BytesIO(mutant), key, sidecar)
            except Exception as error:  # noqa: BLE001 # as above
                self.fail(mutant, f"findings: {type(error).__name__}: {error}")
            if outcome.ok:
                self.fail(mutant, "a changed findings file verifies")
            for part in (*outcome.proven, *outcome.unproven):
                if not part.isprintable():
                    self.fail(mutant, "what is said could steer a terminal")


CONTENTS = {f"m{number}": bytes([number]) * (300 * number + 1) + b"%d" % number * 50 for number in range(5)}


WITHOUT_CHECKSUM = frozenset(
    (
        ContainerKind.TAR, ContainerKind.EML, ContainerKind.MBOX, ContainerKind.OLE, ContainerKind.PDF,
        ContainerKind.SQLITE, ContainerKind.TNEF, ContainerKind.WARC, ContainerKind.BINHEX, ContainerKind.DMG,
        *fuzz_archives.WITHOUT_CHECKSUM,
    )
)  # fmt: skip
"""Kinds in which a changed byte of content shows in nothing."""


def containers() -> list[tuple[ContainerKind, bytes]]:
    """Returns containers of every kind that has a reader."""
    made: list[tuple[ContainerKind, bytes]] = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", method) as archive:
            for name, content in CONTENTS.items():
                archive.writestr(name, content)
        made.append((ContainerKind.ZIP, buffer.getvalue()))
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
            for name, content in CONTENTS.items():
                info = tarfile.TarInfo(name * (1 if form == tarfile.USTAR_FORMAT else 80))
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        made.append((ContainerKind.TAR, buffer.getvalue()))
    content = CONTENTS["m4"]
    return [
        *made,
        *by_other_programs(),
        *documents(CONTENTS),
        *documents_with_images(CONTENTS),
        *rare_files(CONTENTS),
        *fuzz_archives.archives(CONTENTS),
        (ContainerKind.GZ, gzip.compress(content)),
        (ContainerKind.BZ2, bz2.compress(content)),
        (ContainerKind.XZ, lzma.compress(content)),
        (ContainerKind.ZST, zstandard.ZstdCompressor(write_checksum=True).compress(content)),
    ]


PASSWORD = b"word"

PROGRAMS: tuple[tuple[ContainerKind, tuple[str, ...]], ...] = (
    (ContainerKind.ZIP, ("zip", "-q", "-P", PASSWORD.decode(), "a")),
    *(
        (ContainerKind.ZIP, ("7zz", "a", "-tzip", f"-mem={one}", f"-p{PASSWORD.decode()}", "a"))
        for one in ("AES128", "AES256")
    ),
    *((ContainerKind.CPIO, ("bsdtar", "-c", f"--format={one}", "-f", "a")) for one in ("newc", "odc")),
    (ContainerKind.AR, ("bsdtar", "-c", "--format=arbsd", "-f", "a")),
    (ContainerKind.ISO, ("bsdtar", "-c", "--format=iso9660", "-f", "a")),
)
"""Commands that make containers of files, as far as their programs are installed."""


def by_other_programs() -> Iterator[tuple[ContainerKind, bytes]]:
    """Yields containers that the standard library cannot make."""
    for kind, words in PROGRAMS:
        if shutil.which(words[0]) is None:
            print(f"{kind.value}: not made, because {words[0]} is not installed", flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name, content in CONTENTS.items():
                (Path(folder) / name).write_bytes(content)
            subprocess.run([*words, *CONTENTS], cwd=folder, check=True, stdout=subprocess.DEVNULL)
            made = Path(folder) / ("a.zip" if words[0] == "zip" else "a")
            yield kind, (made if made.exists() else made.with_name("a.zip")).read_bytes()


def within(seconds: float, part: Callable[[int], None], count: int) -> None:
    """Ends the process where all trials of a part take longer than any honest number of them."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        part(count)
    finally:
        faulthandler.cancel_dump_traceback_later()


def main() -> None:
    """Runs all parts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--mutations", type=int, default=20_000, help="in all parts together")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--folder", help="where to make the mutants; default: the system's temporary folder")
    options = parser.parse_args()
    print(f"seed {options.seed}, {options.mutations:,} mutations, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory(prefix="hashaudit-fuzz-", dir=options.folder) as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        for name, share in SHARES.items():
            count = round(options.mutations * share)
            # Of its own seed, so that a part can be repeated whatever the others have drawn.
            (Path(folder) / name).mkdir()
            fuzz = Fuzz(Path(folder) / name, random.Random(f"{options.seed} {name}"))
            begun_s = time.monotonic()
            within(TRIAL_S + count, getattr(fuzz, f"fuzz_{name}"), count)
            print(f"{name}: no violation, {count:,} mutations, {time.monotonic() - begun_s:.0f} s", flush=True)
            for what, number in sorted(fuzz.counts.items()):
                print(f"{number:>8,} {what}", flush=True)


if __name__ == "__main__":
    main()

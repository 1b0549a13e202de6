"""Perceptual matching through the installed command, on pictures made here."""

import base64
import csv
import importlib.util
import io
import json
import random
import struct
import subprocess
import zlib
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageOps

from installed import Tool, of_kind, parsed, totals

LOOKS_AT_IMAGES = True
JOBS = "1"  # of every scan that does not say: what is tested here does not depend on it

SIDE_PX = 320

TOY = '''
import os, signal
import numpy as np

class Toy:
    """Mean brightness of 12 x 12 fields: 144 bytes, as large as a PhotoDNA value, and nothing like one."""
    name, length_bytes, needs, metric, threshold = "toy", 144, "luma", "squared", 40000

    def hash(self, pixels):
        rows = np.array_split(pixels.astype(np.float64), 12, axis=0)
        return bytes(int(field.mean()) for row in rows for field in np.array_split(row, 12, axis=1))

class Crash(Toy):
    name = "crash"

    def hash(self, pixels):
        if pixels.shape[0] == 333:
            os.kill(os.getpid(), signal.SIGSEGV)
        return super().hash(pixels)
'''


def picture(seed: int, size: tuple[int, int] = (SIDE_PX, SIDE_PX)) -> Image.Image:
    """Blurred shapes, much as a photograph has them: strong low frequencies."""
    source = random.Random(seed)
    image = Image.new("RGB", size, tuple(source.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(40):
        x, y = source.randrange(size[0]), source.randrange(size[1])
        radius = source.randrange(size[0] // 20, size[0] // 4)
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), tuple(source.randrange(256) for _ in range(3)))
    return image


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list made from one picture by ``hash``."""
    folder = tmp_path_factory.mktemp("reference")
    picture(1).save(folder / "wanted.png")
    path = tmp_path_factory.mktemp("list") / "reference.txt"
    tool = Tool(tmp_path_factory.mktemp("home"))
    assert tool("hash", folder, "-a", "pdq,phash", "-o", path).code == 0
    return path


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    path = tmp_path / "tree"
    path.mkdir()
    return path


def distances(lines: list[dict[str, object]], algorithm: str = "pdq") -> dict[str, int]:
    """The nearest distance of each file that matched."""
    found: dict[str, int] = {}
    for line in of_kind(lines, "finding"):
        near = [match["distance"] for match in line["matches"] if match["algorithm"] == algorithm]
        if near:
            found[Path(line["entry"]["path"]).name] = min(near)
    return found


def test_copies_in_every_format_and_mode_are_found(hashaudit: Tool, reference: Path, tree: Path) -> None:
    wanted = picture(1)
    wanted.save(tree / "quality-50.jpg", quality=50)
    wanted.save(tree / "webp.webp", quality=50)
    wanted.save(tree / "avif.avif", quality=50)
    wanted.save(tree / "bmp.bmp")
    wanted.save(tree / "tiff.tiff")
    wanted.convert("P").save(tree / "palette.png")
    wanted.convert("P").save(tree / "palette.gif")
    wanted.convert("CMYK").save(tree / "cmyk.jpg")
    wanted.convert("L").save(tree / "grey.png")
    wanted.convert("RGBA").save(tree / "alpha.png")
    Image.fromarray(__import__("numpy").asarray(wanted.convert("L")).astype("uint16") * 257).save(tree / "sixteen.png")
    wanted.resize((SIDE_PX // 2, SIDE_PX // 2)).save(tree / "half.png")
    ImageOps.mirror(wanted).save(tree / "mirrored.png")
    wanted.rotate(90).save(tree / "turned.png")
    ImageOps.expand(wanted, SIDE_PX // 10, "white").save(tree / "framed.png")
    wanted.save(tree / "no-extension", "JPEG")
    for seed in range(2, 12):
        picture(seed).save(tree / f"other-{seed}.png")
    result = hashaudit("scan", tree, "--list", reference)
    found = distances(result.lines)
    assert result.code == 8, result.err
    assert not [name for name in found if name.startswith("other")]
    assert set(found) == {path.name for path in tree.iterdir() if not path.name.startswith("other")}
    assert max(found.values()) <= 31
    for line in of_kind(result.lines, "finding"):
        assert "perceptual_only" in line["needs_confirmation"]
        assert line["human_viewed"] is False
        assert line["digests"] == {} or set(line["digests"]) <= {"sha256"}


def test_every_frame_of_an_animation_is_looked_at(hashaudit: Tool, reference: Path, tree: Path) -> None:
    for place in (0, 3, 6):
        frames = [picture(100 + number) for number in range(7)]
        frames[place] = picture(1)
        frames[0].save(tree / f"at-{place}.gif", save_all=True, append_images=frames[1:], duration=50)
        frames[0].save(tree / f"at-{place}.webp", save_all=True, append_images=frames[1:], duration=50)
        frames[0].save(tree / f"at-{place}.png", save_all=True, append_images=frames[1:], duration=50)
        frames[0].save(tree / f"at-{place}.tiff", save_all=True, append_images=frames[1:])
    result = hashaudit("scan", tree, "--list", reference, "-a", "pdq")
    assert len(distances(result.lines)) == 12
    for line in of_kind(result.lines, "finding"):
        assert {item["frame"] for item in line["perceptual"]} == set(range(7))


def test_variants_and_distance_are_the_users_choice(hashaudit: Tool, reference: Path, tree: Path) -> None:
    ImageOps.mirror(picture(1)).save(tree / "mirrored.png")
    picture(1).save(tree / "quality-20.jpg", quality=20)
    scan = ("scan", tree, "--list", reference)
    assert set(distances(hashaudit(*scan).lines)) == {"mirrored.png", "quality-20.jpg"}
    assert set(distances(hashaudit(*scan, "--variants", "none").lines)) == {"quality-20.jpg"}
    nearest = distances(hashaudit(*scan).lines)["quality-20.jpg"]
    exactly = hashaudit(*scan, "--max-distance", f"pdq={nearest}", "--max-distance", "phash=0", "--variants", "none")
    assert distances(exactly.lines) == {"quality-20.jpg": nearest}
    if nearest:
        words = ("--max-distance", f"pdq={nearest - 1}", "--variants", "none")
        assert distances(hashaudit(*scan, *words).lines) == {}
    assert "can match nothing" in hashaudit(*scan, "--no-perceptual").err


@pytest.mark.parametrize(
    "words",
    [
        ["--variants", "some"],
        ["--max-frames", "0"],
        ["--min-quality", "101"],
        ["--max-distance", "pdq"],
        ["--max-distance", "sha256=1"],
        ["--hasher", "no.such:thing"],
        ["--no-perceptual", "-a", "pdq"],
    ],
)
def test_choices_that_are_none(words: list[str], hashaudit: Tool, reference: Path, tree: Path) -> None:
    result = hashaudit("scan", tree, "--list", reference, *words)
    assert result.code in {2, 4}, result.err
    assert result.out == b""
    assert "Traceback" not in result.err


def bomb(width: int, height: int) -> bytes:
    """A PNG that says it is huge, of almost no bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def test_hostile_pictures_are_faults_and_have_their_digests(hashaudit: Tool, reference: Path, tree: Path) -> None:
    whole = io.BytesIO()
    picture(1).save(whole, "JPEG")
    jpeg = whole.getvalue()
    (tree / "bomb.png").write_bytes(bomb(60_000, 60_000))
    (tree / "zero.png").write_bytes(bomb(0, 10))
    (tree / "noise.jpg").write_bytes(jpeg[:20] + random.Random(1).randbytes(5000))
    (tree / "header-only.gif").write_bytes(b"GIF89a")
    (tree / "cut.jpg").write_bytes(jpeg[: int(len(jpeg) * 0.99)])
    Image.new("L", (100_000, 1), 7).save(tree / "strip.png")
    (tree / "no-picture.jpg").write_bytes(b"just text")
    result = hashaudit("scan", tree, "--list", reference, "-a", "md5", "--record", "all")
    assert result.code & 16
    counted = totals(result.lines)
    assert counted["pending"] == 0
    assert counted["seen"] == 7
    faulted = {Path(line["entry"]["path"]).name: line for line in of_kind(result.lines, "fault")}
    assert {"bomb.png", "noise.jpg", "header-only.gif"} <= set(faulted)
    for line in result.lines:
        if line["kind"] in {"file", "fault", "finding"}:
            assert line["digests"]["md5"]
    assert all(line["faults"][0]["stage"] == "decode" for line in faulted.values())
    cut = next(line for line in result.lines if "entry" in line and line["entry"]["path"].endswith("cut.jpg"))
    assert any(item["truncated"] for item in cut["perceptual"])


def test_a_decoder_that_dies_is_blamed_and_the_digests_are_there(
    hashaudit: Tool, reference: Path, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "toys.py").write_text(TOY)
    picture(1, (333, 333)).save(tree / "poison.png")
    for seed in range(2, 30):
        picture(seed, (200, 200)).save(tree / f"other-{seed}.png")
    result = hashaudit(
        "scan", tree, "--list", reference, "--hasher", "toys:Crash", "-a", "sha256", env={"PYTHONPATH": str(tmp_path)}
    )
    assert result.code == 16, result.err
    [fault] = of_kind(result.lines, "fault")
    assert fault["entry"]["path"].endswith("poison.png")
    assert (
        fault["faults"][0]["stage"],
        fault["faults"][0]["code"],
        fault["faults"][0]["signal"],
        fault["faults"][0]["attempts"],
    ) == ("decode", "worker_crashed", 11, 2)
    assert fault["digests"]["sha256"]
    assert totals(result.lines)["clean"] == 28


def test_a_licensed_hasher_can_be_plugged_in(hashaudit: Tool, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "toys.py").write_text(TOY)
    picture(1).save(tree / "file.png")
    environment = {"PYTHONPATH": str(tmp_path)}
    result = hashaudit("scan", tree, "--record", "all", "--hasher", "toys:Toy", env=environment)
    assert result.code == 0, result.err
    [line] = of_kind(result.lines, "file")
    [value] = [item["value"] for item in line["perceptual"] if item["algorithm"] == "toy"]
    assert len(value) == 288
    assert "toys:Toy" in result.lines[0]["config"]["hashers"]


def test_hash_prints_lists_tables_and_json(hashaudit: Tool, tree: Path, tmp_path: Path) -> None:
    picture(1).save(tree / "a\nb.png")
    (tree / "text").write_bytes(b"text")
    words = ("hash", tree, "-a", "pdq,sha256")
    listed = hashaudit(*words)
    assert listed.code == 0
    assert [line.split(b" ")[0] for line in listed.out.splitlines()] == [b"\\SHA256", b"\\PDQ", b"SHA256"]
    checked = subprocess.run(
        ["sha256sum", "-c", "--ignore-missing"], input=listed.out, capture_output=True, check=False
    )
    assert checked.stdout.count(b": OK") == 2
    rows = list(csv.DictReader(io.StringIO(hashaudit(*words, "--format", "csv").out.decode())))
    assert [sorted(name for name, value in row.items() if value) for row in rows] == [
        ["frame", "path", "pdq", "quality", "sha256", "size"],
        ["frame", "path", "sha256", "size"],
    ]
    objects = [json.loads(line) for line in hashaudit(*words, "--format", "jsonl").out.splitlines()]
    assert objects[0]["perceptual"][0]["value"] == rows[0]["pdq"]
    assert hashaudit(*words, "--format", "xml").code == 2
    path = tmp_path / "made.txt"
    path.touch(mode=0o600)
    path.write_bytes(listed.out)
    assert hashaudit("lists", "build", path, "-o", tmp_path / "made.hai").code == 0
    assert hashaudit("scan", tree, "--list", tmp_path / "made.hai").code == 8


def test_compare_explains_a_distance(hashaudit: Tool, tree: Path) -> None:
    picture(1).save(tree / "a.png")
    ImageOps.mirror(picture(1)).save(tree / "b.jpg")
    picture(2).save(tree / "c.png")
    rows = json.loads(hashaudit("compare", tree / "a.png", tree / "b.jpg", "-a", "pdq", "--json").out)
    assert rows[0]["distance"] <= 31
    assert rows[0]["variant"] != "original"
    assert (
        json.loads(hashaudit("compare", tree / "a.png", tree / "c.png", "-a", "pdq", "--json").out)[0]["distance"] > 31
    )
    assert b"pdq" in hashaudit("compare", tree / "a.png", tree / "c.png").out
    assert hashaudit("compare", tree / "a.png", tree / "gone").code == 4
    assert "identical" in hashaudit("compare", tree / "a.png", tree / "a.png").err


def test_compare_counts_the_places_in_common(hashaudit: Tool, tree: Path) -> None:
    whole = Image.new("RGB", (1280, 800), "white")
    whole.paste(picture(1), (600, 100))
    whole.save(tree / "page.png")
    picture(1).save(tree / "a.png")
    picture(2).save(tree / "c.png")
    if importlib.util.find_spec("cv2") is None:
        refused = hashaudit("compare", "--features", tree / "page.png", tree / "a.png", "-a", "pdq")
        assert (refused.code, "pip install 'hashaudit[compare]'" in refused.err) == (4, True)
        return
    command = ("compare", "--features", "--variants", "thorough", "-a", "pdq", tree / "a.png")
    *rows, found = json.loads(hashaudit(*command, tree / "page.png", "--json").out)
    assert all("distance" in row for row in rows)
    assert found["is_common"]
    assert found["agreeing"] > 20
    shown = hashaudit(*command, tree / "page.png")
    assert b"have a part in common" in shown.out
    assert "farther variants not shown" in shown.err
    assert b"nothing shows that A and B have a part in common" in hashaudit(*command, tree / "c.png").out


def test_output_of_a_picture_scan_verifies_and_repeats(hashaudit: Tool, reference: Path, tree: Path) -> None:
    for seed in range(1, 30):
        picture(seed, (300, 300)).save(tree / f"{seed}.png")

    def records() -> list[dict[str, object]]:
        lines = parsed(hashaudit("scan", tree, "--list", reference, "--record", "all").out)
        return [
            {k: v for k, v in line.items() if k not in {"time", "start", "run_id"}}
            for line in lines
            if line["kind"] != "checkpoint"
        ]

    assert records() == records()


@pytest.mark.parametrize("encoding", ["hex", "base64"])
def test_values_that_lists_carry_are_matched_by_a_plugged_hasher(
    encoding: str, hashaudit: Tool, tree: Path, tmp_path: Path
) -> None:
    (tmp_path / "toys.py").write_text(
        TOY.replace(
            'name, length_bytes, needs, metric, threshold = "toy"',
            'name, length_bytes, needs, metric, threshold = "photodna"',
        )
    )
    environment = {"PYTHONPATH": str(tmp_path)}
    picture(1).save(tree / "file.png")
    picture(1).save(tree / "again.jpg", quality=60)
    picture(2).save(tree / "other.png")
    hashed = hashaudit("scan", tree / "file.png", "--record", "all", "--hasher", "toys:Toy", env=environment)
    [line] = of_kind(hashed.lines, "file")
    value = bytes.fromhex(line["perceptual"][0]["value"])
    text = value.hex() if encoding == "hex" else base64.b64encode(value).decode()
    listed = tmp_path / "vics.json"
    listed.touch(mode=0o600)
    context = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Media"
    listed.write_text(
        json.dumps(
            {"@odata.context": context, "value": [{"MediaID": 7, "Category": 1, "MD5": "AB" * 16, "PhotoDNA": text}]}
        )
    )
    assert hashaudit("scan", tree, "--list", listed).code == 0, "carried, and not matched without a hasher"
    result = hashaudit("scan", tree, "--list", listed, "--hasher", "toys:Toy", env=environment)
    found = distances(result.lines, "photodna")
    assert set(found) == {"file.png", "again.jpg"}
    assert found["file.png"] == 0
    assert found["again.jpg"] <= 40_000
    match = of_kind(result.lines, "finding")[0]["matches"][0]
    assert (match["list"]["entry"], match["threshold"]) == ("7", 40_000)


def test_old_hex_of_imagehash_is_read_where_the_user_says_so(hashaudit: Tool, tree: Path, tmp_path: Path) -> None:
    picture(1).save(tree / "file.png")
    hashed = hashaudit("hash", tree, "-a", "phash", "--format", "csv")
    [row] = csv.DictReader(io.StringIO(hashed.out.decode()))
    old = bytes(int(f"{byte:08b}"[::-1], 2) for byte in bytes.fromhex(row["phash"]))
    assert old.hex() != row["phash"]
    listed = tmp_path / "old.txt"
    listed.touch(mode=0o600)
    listed.write_text(f"{old.hex()}\n")
    told = hashaudit("scan", tree, "--list", f"phash:imagehash-pre4={listed}")
    assert distances(told.lines, "phash") == {"file.png": 0}
    assert distances(hashaudit("scan", tree, "--list", f"phash={listed}").lines, "phash") == {}
    assert hashaudit("lists", "build", f"phash:imagehash-pre4={listed}", "-o", tmp_path / "old.hai").code == 0
    assert hashaudit("scan", tree, "--list", tmp_path / "old.hai").code == 8
    refused = hashaudit("scan", tree, "--list", f"colorhash:imagehash-pre4={listed}")
    assert refused.code == 4


def test_frames_that_are_skipped_and_images_without_hash_are_reported(
    hashaudit: Tool, reference: Path, tree: Path, tmp_path: Path
) -> None:
    pages = [picture(seed, (64, 64)).convert("L") for seed in range(6)]
    pages[0].save(tree / "long.gif", save_all=True, append_images=pages[1:])
    Image.new("RGB", (90, 90), "white").save(tree / "white.png")
    out = tmp_path / "found.jsonl"
    options = ("--list", reference, "--unsigned", "-o", out, "--record", "all", "--max-frames", "4", "-q")
    assert hashaudit("scan", tree, *options).code == 16
    lines = {
        Path(line["entry"]["path"]).name: line
        for line in map(json.loads, out.read_text().splitlines())
        if "entry" in line
    }
    assert lines["long.gif"]["frames_skipped"] == 2
    assert [fault["code"] for fault in lines["long.gif"]["faults"]] == ["too_many_frames"]
    assert (lines["white.png"]["kind"], lines["white.png"]["no_hash"]) == ("file", "flat")
    done = hashaudit("hash", tree, "-a", "pdq", "--max-frames", "4", "-o", tmp_path / "list.txt")
    assert done.code == 0
    assert "white.png: no perceptual hash: flat" in done.err
    assert "long.gif: 2 frames beyond --max-frames not hashed" in done.err
    assert "1 file hashed, 0 faults" in done.err

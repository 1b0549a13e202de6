"""Images that decoders get wrong or pass over: each has the right hash, or a fault."""

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import pytest
from PIL import Image, ImageDraw

import odd_images
from hashaudit.content.images import more_codecs
from hashaudit.content.images.decode import Frame, SkippedFrames, decode
from hashaudit.content.images.iso_media import Aperture, clean_aperture
from hashaudit.content.images.limits import DecodeLimits
from hashaudit.content.perceptual import pdq
from hashaudit.content.perceptual.hash_image import HashOptions, Variants, hash_image
from hashaudit.content.perceptual.perceptual_registry import PDQ
from hashaudit.model.faults import Fault, FaultCode
from hashaudit.model.results import NoHash, PerceptualHash
from odd_images import (
    LazyFiles,
    chunk,
    decodable,
    encoded,
    lossless_jpeg,
    masked_bitmap,
    reduced,
    scene,
    tiff,
    undecodable,
)

LIMITS = DecodeLimits()
IMAGE = scene()
DECODABLE = LazyFiles(odd_images.DECODABLE, lambda: decodable(IMAGE))
UNDECODABLE = LazyFiles(odd_images.UNDECODABLE, lambda: undecodable(IMAGE))


def bits(image: Image.Image) -> int:
    transform = pdq.transform(np.asarray(image.convert("RGB")))
    assert transform is not None
    return int.from_bytes(transform.hash())


REFERENCE = bits(IMAGE)
FOUR_BITS = bits(Image.fromarray((np.asarray(IMAGE.convert("L"))[:, :-1] >> 4) * 17))


def frames_of(data: bytes) -> list[Frame]:
    items = list(decode(data, LIMITS))
    assert all(isinstance(item, Frame) for item in items), items
    return [item for item in items if isinstance(item, Frame)]


def distance(frame: Frame) -> int:
    return (bits(frame.colour or frame.luma) ^ REFERENCE).bit_count()


def hashed(data: bytes, variants: Variants = Variants.ALL) -> tuple[PerceptualHash, ...]:
    found = hash_image(data, [PDQ], HashOptions(variants))
    assert not found.faults
    return found.hashes


@pytest.mark.parametrize("name", DECODABLE.names)
def test_an_odd_file_of_an_image_has_its_hash(name: str) -> None:
    (frame,) = frames_of(DECODABLE[name])
    expected = FOUR_BITS if name == "runs-of-four-bits.bmp" else REFERENCE
    assert (bits(frame.colour or frame.luma) ^ expected).bit_count() <= 10
    assert not frame.truncated


@pytest.mark.parametrize("name", UNDECODABLE.names)
def test_a_file_without_decodable_content_is_a_fault(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(more_codecs, "is_installed", lambda: False)
    (fault,) = decode(UNDECODABLE[name], LIMITS)
    assert isinstance(fault, Fault)
    rare = name.startswith("x.") or name in {"jpeg-2000.tif", "lossless-16.jpg"}
    assert fault.code is (FaultCode.UNSUPPORTED_IMAGE if rare else FaultCode.DECODE_ERROR)


@pytest.mark.parametrize(
    "name",
    ["gbr.bmp", "white-is-zero-16.tif", "plain.pam", "colour.pfm", "tiles-16.tif", "plain.tga", "flat.psd", "444.bmp"],
)
def test_what_is_left_of_a_cut_file_is_marked(name: str) -> None:
    data = DECODABLE[name]
    if name.endswith(".tif"):
        # The directory stands behind the samples.
        pages = tiff(np.asarray(IMAGE.convert("L")).astype("<u2") * 257, photometric=1)
        at = int.from_bytes(pages[4:8], "little")
        data = pages[:at] + pages[at:].replace(
            struct.pack("<HHII", 273, 3, 1, 8), struct.pack("<HHII", 273, 3, 1, 60_000)
        )
    else:
        data = data[: len(data) * 2 // 3]
    (frame,) = frames_of(data)
    assert frame.truncated


def test_two_pages_of_different_kinds() -> None:
    plain = encoded(IMAGE, "TIFF", save_all=True, append_images=[IMAGE.rotate(180)])
    # The first page becomes one that only the samples show.
    odd = plain.replace(struct.pack("<HHI", 262, 3, 1) + b"\2\0", struct.pack("<HHI", 262, 3, 1) + b"\x63\0", 1)
    fault, frame = decode(odd, LIMITS)
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.UNSUPPORTED_IMAGE
    assert isinstance(frame, Frame)
    assert (bits(frame.colour or frame.luma) ^ bits(IMAGE.rotate(180))).bit_count() == 0


def test_a_page_that_viewers_show_of_a_raw_photograph_is_hashed_too() -> None:
    harmless = encoded(scene(seed=9), "JPEG")
    base = tiff(np.asarray(IMAGE), photometric=2)
    at = int.from_bytes(base[4:8], "little")
    count = int.from_bytes(base[at : at + 2], "little")
    entries = [base[at + 2 + 12 * index : at + 14 + 12 * index] for index in range(count)]
    # The values behind the directory move by three entries.
    moved = [
        entry[:8] + struct.pack("<I", int.from_bytes(entry[8:], "little") + 36) if entry[4:8] == b"\3\0\0\0" else entry
        for entry in entries
    ]
    end = at + 2 + 12 * count + 4
    preview_at = len(base) + 36
    new = [
        struct.pack("<HHII", 0xC612, 1, 4, 1),
        struct.pack("<HHII", 0x0201, 4, 1, preview_at),
        struct.pack("<HHII", 0x0202, 4, 1, len(harmless)),
    ]
    by_tag = {int.from_bytes(entry[:2], "little"): entry for entry in [*moved, *new]}
    ordered = b"".join(by_tag[tag] for tag in sorted(by_tag))
    data = base[:at] + struct.pack("<H", count + 3) + ordered + bytes(4) + base[end:] + harmless
    first, second = frames_of(data)
    assert (bits(first.colour or first.luma) ^ bits(scene(seed=9))).bit_count() <= 10
    assert distance(second) == 0


def test_a_colour_decode_of_a_lossless_jpeg() -> None:
    (frame,) = decode(lossless_jpeg(np.asarray(IMAGE.convert("L"))), LIMITS, colour=True)
    assert isinstance(frame, Frame)
    assert frame.colour is not None


def test_pixels_of_a_jpeg_are_counted_after_scaling() -> None:
    data = encoded(IMAGE.resize((2600, 2400)), "JPEG")
    (frame,) = decode(data, DecodeLimits(max_pixels=650 * 600))
    assert isinstance(frame, Frame)
    assert frame.luma.size == (650, 600)
    (fault,) = decode(data, DecodeLimits(max_pixels=650 * 599))
    assert isinstance(fault, Fault)
    assert fault.code is FaultCode.TOO_MANY_PIXELS


def test_transparency_is_seen_in_three_ways() -> None:
    faint = IMAGE.convert("RGBA")
    mask = Image.new("L", IMAGE.size, 0)
    ImageDraw.Draw(mask).ellipse((60, 40, 200, 200), fill=255)
    faint.putalpha(mask)
    data = encoded(faint, "PNG")
    (frame,) = frames_of(data)
    assert [name for name, _ in frame.others] == ["black", "no_alpha"]
    views = {one.view for one in hashed(data)}
    assert views >= {"", "black", "no_alpha", "negative"}
    nearest = min((int(one.value, 16) ^ REFERENCE).bit_count() for one in hashed(data) if one.view == "no_alpha")
    assert nearest == 0
    assert {one.view for one in hashed(data, Variants.NONE)} == {""}


def test_an_opaque_alpha_channel_is_one_way() -> None:
    assert frames_of(encoded(IMAGE.convert("RGBA"), "PNG"))[0].others == ()


def test_a_white_drawing_on_transparency_has_a_hash() -> None:
    drawing = Image.new("RGBA", (200, 160), (255, 255, 255, 0))
    ImageDraw.Draw(drawing).line((10, 10, 180, 60, 20, 140, 150, 150), fill=(255, 255, 255, 255), width=9)
    (found,) = hashed(encoded(drawing, "PNG"), Variants.NONE)
    assert found.view == ""


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.new("RGB", (90, 90), (9, 9, 9)), NoHash.FLAT),
        (IMAGE.resize((4, 60)), NoHash.TOO_SMALL),
        (Image.new("RGBA", (90, 90), (9, 9, 9, 0)), NoHash.TRANSPARENT),
    ],
)
def test_an_intact_image_without_hash_has_a_reason(image: Image.Image, reason: NoHash) -> None:
    found = hash_image(encoded(image, "PNG"), [PDQ], HashOptions())
    assert (found.hashes, found.faults, found.no_hash) == ((), (), reason)


def test_an_image_with_a_hash_or_a_fault_has_no_reason() -> None:
    assert hash_image(encoded(IMAGE, "PNG"), [PDQ], HashOptions()).no_hash is None
    assert hash_image(UNDECODABLE["garbage.png"], [PDQ], HashOptions()).no_hash is None
    assert hash_image(b"text", [PDQ], HashOptions()).no_hash is None


def test_what_a_frame_leaves_behind_is_cleared() -> None:
    # The first frame is opaque; the second is a spot that is removed; the third draws nothing.
    data = gif(
        [
            (Image.new("L", (40, 40), 9), (0, 0), 1, None),
            (Image.new("L", (10, 10), 5), (5, 5), 2, None),
            (Image.new("L", (4, 4), 7), (30, 30), 1, None),
        ],
        (40, 40),
    )
    first, second, third = frames_of(data)
    assert int(first.plane[8, 8]) == 9
    assert int(second.plane[8, 8]) == 5
    assert int(third.plane[8, 8]) == 255
    assert int(third.plane[20, 20]) == 9


def test_a_frame_that_is_taken_back_shows_the_one_before() -> None:
    data = gif(
        [
            (Image.new("L", (40, 40), 9), (0, 0), 1, None),
            (Image.new("L", (10, 10), 5), (5, 5), 3, None),
            (Image.new("L", (4, 4), 7), (30, 30), 1, 7),
        ],
        (40, 40),
    )
    _, _, third = frames_of(data)
    assert np.ptp(third.plane) == 0


def test_stray_bytes_between_frames_are_skipped() -> None:
    pages = [(Image.new("L", (20, 20), level), (0, 0), 1, None) for level in (10, 20, 30)]
    assert len(frames_of(gif(pages, (20, 20), stray=b"\0\0\1"))) == 3


def test_a_damaged_frame_leaves_the_later_ones() -> None:
    pages = [(scene(40, 40, seed).convert("L"), (0, 0), 1, None) for seed in (1, 2, 3)]
    data = bytearray(gif(pages, (40, 40)))
    second = data.index(b"\x2c", data.index(b"\x2c") + 1)
    data[second + 11 : second + 60] = b"\xff" * 49
    items = list(decode(bytes(data), LIMITS))
    assert [item.number for item in items if isinstance(item, Frame) and not item.truncated][:1] == [0]
    assert any(isinstance(item, Frame) and item.number == 2 for item in items)


def gif(
    pages: Sequence[tuple[Image.Image, tuple[int, int], int, int | None]], screen: tuple[int, int], stray: bytes = b""
) -> bytes:
    """A GIF of grey pages: image, place, disposal and transparent level."""
    out = b"GIF89a" + struct.pack("<HH", *screen) + b"\xf7\0\0" + bytes(v for v in range(256) for _ in range(3))
    for image, place, disposal, clear in pages:
        packed = disposal << 2 | (clear is not None)
        out += b"!\xf9\4" + struct.pack("<BHB", packed, 0, clear or 0) + b"\0"
        alone = encoded(image, "GIF", optimize=False)
        at = alone.index(b"\x2c", 13 + (3 << ((alone[10] & 7) + 1)))
        indices = Image.open(io.BytesIO(alone))
        # Pillow orders a grey palette by level only if all levels are kept.
        content = alone[at + 10 :] if len(indices.getpalette() or []) >= 768 else _codes(image)
        out += b"\x2c" + struct.pack("<4H", *place, *image.size) + b"\0" + content.rstrip(b";") + stray
    return out + b";"


def _codes(image: Image.Image) -> bytes:
    """LZW without compression: each level as a code of nine bits, and a clear code before the table is full."""
    codes = []
    for number, level in enumerate(image.tobytes()):
        if number % 250 == 0:
            codes.append(256)
        codes.append(level)
    codes.append(257)
    word = sum(code << (9 * place) for place, code in enumerate(codes))
    body = word.to_bytes((9 * len(codes) + 7) // 8, "little")
    blocks = b"".join(bytes([len(body[at : at + 255])]) + body[at : at + 255] for at in range(0, len(body), 255))
    return b"\x08" + blocks + b"\0"


def test_a_cut_animation_gives_its_frames() -> None:
    pages = [scene(96, 80, seed) for seed in range(6)]
    webp = encoded(pages[0], "WEBP", save_all=True, append_images=pages[1:], lossless=True)
    items = frames_of(webp[: len(webp) * 6 // 10])
    assert len(items) == 3
    assert all(item.truncated for item in items)
    png = encoded(pages[0], "PNG", save_all=True, append_images=pages[1:])
    kept = [item for item in decode(png[: len(png) * 6 // 10], LIMITS) if isinstance(item, Frame)]
    assert len(kept) >= 3
    assert not kept[0].truncated


def test_a_clean_aperture_is_cut_out_and_the_whole_image_hashed_too() -> None:
    data = with_aperture(encoded(IMAGE, "AVIF", quality=95, speed=9), (160, 120), (-40, 20))
    (frame,) = frames_of(data)
    assert frame.luma.size == (160, 120)
    left, top = 160 - 80 - 40, 120 - 60 + 20
    shown = IMAGE.crop((left, top, left + 160, top + 120))
    assert (bits(frame.colour or frame.luma) ^ bits(shown)).bit_count() <= 10
    ((name, whole),) = frame.others
    assert name == "uncropped"
    assert (bits(whole().colour or whole().luma) ^ REFERENCE).bit_count() <= 10


@pytest.mark.parametrize(
    ("size", "expected"),
    [((160, 120), Aperture(80, 60, 240, 180)), ((0, 120), None), ((1000, 120), None), ((320, 240), None)],
)
def test_an_invalid_aperture_is_ignored(size: tuple[int, int], expected: Aperture | None) -> None:
    data = with_aperture(encoded(IMAGE, "AVIF", quality=50, speed=9), size, (0, 0))
    assert clean_aperture(data, *IMAGE.size) == expected


def with_aperture(avif: bytes, size: tuple[int, int], place: tuple[int, int]) -> bytes:
    """Adds a clean aperture to the only item of an AVIF file."""
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", size[0], 1, size[1], 1, place[0], 1, place[1], 1)
    data = bytearray(avif)
    added = len(clap) + 1
    ipco, ipma = data.index(b"ipco") - 4, data.index(b"ipma") - 4
    properties, at = 0, ipco + 8
    while at < ipma:
        properties, at = properties + 1, at + int.from_bytes(data[at : at + 4], "big")
    held = data[ipma + 18]
    end = ipma + 19 + held
    data[ipma + 18] = held + 1
    # The highest bit says that no decoder may ignore the property.
    data[end:end] = bytes([0x80 | properties + 1])
    data[ipma:ipma] = clap
    for name, more in ((b"ipco", len(clap)), (b"iprp", added), (b"meta", added)):
        start = data.index(name) - 4
        data[start : start + 4] = struct.pack(">I", int.from_bytes(data[start : start + 4], "big") + more)
    moved = data.index(b"ipma") - 4
    data[moved : moved + 4] = struct.pack(">I", int.from_bytes(data[moved : moved + 4], "big") + 1)
    # The position of the pixels follows the directory of items.
    stated = avif.index(b"mdat") + 4
    old = struct.pack(">I", stated)
    new = struct.pack(">I", stated + added)
    iloc = data.index(b"iloc")
    place_at = data.index(old, iloc)
    data[place_at : place_at + 4] = new
    return bytes(data)


def test_a_large_first_box_of_64_bits() -> None:
    avif = encoded(IMAGE, "AVIF", quality=90, speed=9)
    length = int.from_bytes(avif[:4], "big")
    box = struct.pack(">I4sQ", 1, b"ftyp", length + 8) + avif[8:length]
    data = bytearray(box + avif[length:])
    iloc = data.index(b"iloc")
    stated = avif.index(b"mdat") + 4
    at = data.index(struct.pack(">I", stated), iloc)
    data[at : at + 4] = struct.pack(">I", stated + 8)
    (frame,) = frames_of(bytes(data))
    assert distance(frame) <= 10


def test_a_file_without_signature_is_not_an_image_at_another_size() -> None:
    assert list(decode(UNDECODABLE["x.wbmp"] + b"\0", LIMITS)) == []


@pytest.mark.parametrize(
    "data",
    [
        b"P1 was the first of them\n",
        b"P7 of the list",
        b"<html><body><svg></svg></body></html>",
        b"<?xml version='1.0'?><rss/>",
        b"\0\0\2\0" + bytes(40),
        b"\0\0\0\2" * 20,
        b"\xff\xd8" + bytes(100),
        b"\x0a\5\1\x08" + bytes(10),
        b"\x1f\x8b\x08 not really",
        b"#define WIDTH_OF_THE_BOX 9\n#include <x>\n",
        bytes(4096),
        struct.pack("<8I", 40, 7, 9, 0, 0, 0, 0, 0),
    ],
)
def test_other_content_is_not_an_image(data: bytes) -> None:
    assert list(decode(data, LIMITS)) == []


def test_mutated_files_never_raise_an_error() -> None:
    random = np.random.default_rng(7)
    small = scene(48, 40)
    files = [data for _, data in (*decodable(small), *undecodable(small))]
    limits = DecodeLimits(max_pixels=20_000, max_frames_passed=50, timeout_s=5)
    for data in files:
        for _ in range(6):
            changed = bytearray(data)
            for place in random.integers(0, min(len(changed), 400), 5):
                changed[place] = random.integers(0, 256)
            cut = int(random.integers(1, len(changed) + 1)) if random.integers(0, 2) else len(changed)
            for item in decode(bytes(changed[:cut]), limits):
                assert isinstance(item, Frame | Fault | SkippedFrames)


def test_a_bitmap_with_a_real_alpha_channel_is_transparent() -> None:
    data = bytearray(masked_bitmap(np.asarray(IMAGE), (0xFF0000, 0xFF00, 0xFF, 0xFF000000), 32))
    data[-1] = 255
    (frame,) = frames_of(bytes(data))
    assert [name for name, _ in frame.others] == ["black", "no_alpha"]


def test_chunks_that_the_repair_keeps() -> None:
    palette = encoded(reduced(IMAGE, 64), "PNG")
    broken = palette[:33] + chunk(b"zTXt", b"Comment\0\7x") + palette[33:]
    assert zlib.crc32(palette) != zlib.crc32(broken)
    (frame,) = frames_of(broken)
    assert (bits(frame.colour or frame.luma) ^ bits(reduced(IMAGE, 64))).bit_count() == 0

"""What a worker needs is loaded before it is locked in: afterwards nothing is imported and no file opened by path."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

CHILD = """
import sys
from hashaudit.model.faults import FaultCode
from hashaudit.model.results import AlgorithmName
from hashaudit.content.perceptual.hash_image import HashOptions, hash_image
from hashaudit.workers.child.pictures import load_algorithms
from hashaudit.workers.protocol import PerceptualConfig

names = "pdq ahash phash phash_simple dhash dhash_vertical whash whash_db4 colorhash crop_resistant".split()
plan = PerceptualConfig(tuple(map(AlgorithmName, names)), {}, 50, 33, "all", 60.0, ())
contents = {path: open(path, "rb").read() for path in sys.argv[1:]}
algorithms = load_algorithms(plan)
seen = []

def watch(event, arguments):
    if event in {"import", "open", "ctypes.dlopen"}:
        seen.append((event, str(arguments[0])))

sys.addaudithook(watch)
for path, content in contents.items():
    # The slow ones on one picture: what they load does not depend on it.
    wanted, algorithms = algorithms, algorithms[:1]
    for data in content, content[: len(content) // 2]:
        found = hash_image(data, wanted, HashOptions())
        if data is content and (not found.hashes or found.faults):
            seen.append((path, found.faults))
print(seen)
"""


def picture(mode: str) -> Image.Image:
    gradient = Image.linear_gradient("L").rotate(20).resize((128, 128))
    if mode == "I;16":
        return Image.frombytes(mode, gradient.size, b"".join(bytes((level, level)) for level in gradient.tobytes()))
    return gradient.convert("RGB").convert(mode)


SAMPLES: list[tuple[str, str, str, dict[str, object]]] = [
    ("grey.jpg", "L", "JPEG", {}),
    ("colour.jpg", "RGB", "JPEG", {"progressive": True}),
    ("ink.jpg", "CMYK", "JPEG", {}),
    ("palette.png", "P", "PNG", {}),
    ("alpha.png", "RGBA", "PNG", {}),
    ("deep.png", "I;16", "PNG", {}),
    ("one-bit.png", "1", "PNG", {}),
    ("palette.gif", "P", "GIF", {}),
    ("lossy.webp", "RGB", "WEBP", {}),
    ("alpha.webp", "RGBA", "WEBP", {"lossless": True}),
    ("plain.bmp", "RGB", "BMP", {}),
    ("raw.tif", "RGB", "TIFF", {}),
    ("lzw.tif", "RGB", "TIFF", {"compression": "tiff_lzw"}),
    ("jpeg.tif", "RGB", "TIFF", {"compression": "jpeg"}),
    ("fax.tif", "1", "TIFF", {"compression": "group4"}),
    ("small.avif", "RGB", "AVIF", {"speed": 10}),
    ("small.jp2", "RGB", "JPEG2000", {}),
    ("small.ico", "RGBA", "ICO", {}),
]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no sandbox")
def test_decoding_and_hashing_load_nothing_any_more(tmp_path: Path) -> None:
    paths = []
    for name, mode, form, options in SAMPLES:
        paths.append(tmp_path / name)
        picture(mode).save(paths[-1], form, **options)
    done = subprocess.run([sys.executable, "-c", CHILD, *paths], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

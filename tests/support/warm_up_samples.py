"""Makes the images of hashaudit/content/images/samples: python tests/support/warm_up_samples.py.

One tiny image for each decoder and for each of its modes that loads code of its own.
"""

from pathlib import Path

from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "hashaudit" / "content" / "images" / "samples"


def main() -> None:
    """Writes every sample."""
    grey = Image.linear_gradient("L").rotate(20).resize((24, 20))
    flips = (grey.transpose(Image.Transpose.FLIP_LEFT_RIGHT), grey.transpose(Image.Transpose.FLIP_TOP_BOTTOM))
    colour = Image.merge("RGB", (grey, *flips))
    small, turned = colour.resize((8, 8)), colour.rotate(90).resize((8, 8))
    deep = Image.frombytes("I;16", (8, 8), bytes(range(128)))
    made: list[tuple[str, Image.Image, str, dict[str, object]]] = [
        ("grey.jpg", grey, "JPEG", {"quality": 30}),
        ("progressive.jpg", colour, "JPEG", {"quality": 30, "progressive": True}),
        ("cmyk.jpg", colour.convert("CMYK"), "JPEG", {"quality": 20}),
        ("two.mpo", colour, "MPO", {"save_all": True, "append_images": [grey.convert("RGB")], "quality": 20}),
        ("palette.png", colour.quantize(8), "PNG", {}),
        ("alpha.png", small.convert("RGBA"), "PNG", {}),
        ("grey-alpha.png", small.convert("LA"), "PNG", {}),
        ("deep.png", deep, "PNG", {}),
        ("one-bit.png", grey.convert("1"), "PNG", {}),
        ("animated.png", small, "PNG", {"save_all": True, "append_images": [turned]}),
        ("one.gif", small.quantize(4), "GIF", {}),
        (
            "animated.gif",
            colour.quantize(8),
            "GIF",
            {
                "save_all": True,
                "append_images": [colour.rotate(90).quantize(4)],
                "transparency": 0,
                "disposal": 2,
            },
        ),
        ("lossy.webp", colour, "WEBP", {"quality": 10}),
        ("alpha.webp", small.convert("RGBA"), "WEBP", {"lossless": True}),
        ("animated.webp", small, "WEBP", {"save_all": True, "append_images": [turned], "quality": 10}),
        ("colour.bmp", small, "BMP", {}),
        ("palette.bmp", small.quantize(4), "BMP", {}),
        ("plain.tif", small, "TIFF", {}),
        ("lzw.tif", small, "TIFF", {"compression": "tiff_lzw"}),
        ("jpeg.tif", colour, "TIFF", {"compression": "jpeg"}),
        ("fax.tif", grey.convert("1"), "TIFF", {"compression": "group4"}),
        ("cmyk.tif", small.convert("CMYK"), "TIFF", {}),
        ("colour.avif", small, "AVIF", {"speed": 10, "quality": 10}),
        ("colour.jp2", small, "JPEG2000", {}),
        ("alpha.ico", colour.convert("RGBA").resize((16, 16)), "ICO", {"sizes": [(16, 16)]}),
    ]
    SAMPLES.mkdir(exist_ok=True)
    for name, image, form, options in made:
        image.save(SAMPLES / name, form, **options)


if __name__ == "__main__":
    main()

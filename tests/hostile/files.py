"""Hostile and odd picture files, made from seeds: ``python tests/hostile/files.py FOLDER`` writes them all."""

import io
import random
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image, ImageCms

File = tuple[str, bytes]
"""A name and what the file holds."""

PHOTO = Image.effect_mandelbrot((41, 33), (-2, -1, 1, 1), 60).convert("RGB")
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SRGB = SRGB[:24] + bytes(12) + SRGB[36:]  # without the time at which it was made
ENDINGS = {"PNG": "png", "JPEG": "jpg", "GIF": "gif", "WEBP": "webp", "TIFF": "tif", "BMP": "bmp", "PPM": "ppm"}
TIFFS = ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")


def files() -> Iterator[File]:
    """All of them; each name once."""
    for family in (
        whole,
        truncated,
        flipped,
        exif,
        png_chunks,
        bombs,
        profiles,
        modes,
        tiffs,
        sequences,
        sizes,
        misnamed,
        nothing,
    ):
        for name, data in family():
            yield f"{family.__name__}-{name}", data


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def whole() -> Iterator[File]:
    """The pictures that the others are made of: they are read."""
    for kind, ending in ENDINGS.items():
        yield f"photo.{ending}", encoded(PHOTO, kind)
    for compression in TIFFS:
        yield f"{compression}.tif", encoded(PHOTO, "TIFF", compression=compression)


def truncated() -> Iterator[File]:
    """Cut off after a share of their bytes."""
    for name, data in whole():
        for percent in (1, 20, 50, 80, 99):
            yield f"{percent}-{name}", data[: len(data) * percent // 100]


def flipped() -> Iterator[File]:
    """Up to eight bytes wrong, most of them in the header."""
    chance = random.Random(0)
    for name, data in whole():
        for number in range(10):
            wrong = bytearray(data)
            for _ in range(chance.randint(1, 8)):
                wrong[chance.randrange(chance.choice([16, 64, 256, len(data)]) % len(data) + 1)] = chance.randrange(256)
            yield f"{number}-{name}", bytes(wrong)


def tags(*entries: tuple[int, int, int, bytes], following: int = 0, order: str = "<") -> bytes:
    """A TIFF header and directory: tag, type, count, four bytes of value."""
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, len(entries))
    for tag, kind, count, value in entries:
        head += struct.pack(order + "HHI", tag, kind, count) + value.ljust(4, b"\0")[:4]
    return head + struct.pack(order + "I", following)


def exif() -> Iterator[File]:
    """Orientations of every type and count, tables that point to themselves, headers that are none."""
    found: dict[str, bytes] = {}
    for kind in range(15):
        for count in (0, 1, 2, 2**31):
            found[f"orientation-{kind}-{count}"] = tags((274, kind, count, b"\6"))
    for value in (0, 9, 255, 65535):
        found[f"turned-{value}"] = tags((274, 3, 1, struct.pack("<H", value)))
    for tag in (0x8769, 0x8825, 0xA005, 0x014A):
        found[f"loop-{tag:x}"] = tags((tag, 4, 1, struct.pack("<I", 8)))
        found[f"far-{tag:x}"] = tags((tag, 4, 1, struct.pack("<I", 2**32 - 1)))
        found[f"text-{tag:x}"] = tags((tag, 2, 4, b"ab"))
    found["loop-next"] = tags((271, 2, 4, b"abc"), following=8)
    found["many"] = tags(*[(271, 2, 4, b"abc")] * 3000)
    found["big-endian"] = tags((274, 3, 1, b"\0\6"), order=">")
    found["no-header"], found["cut"], found["empty"] = b"abcdefgh", b"II*\0\x08\0\0\0\xff\xff", b""
    for name, data in found.items():
        yield f"{name}.jpg", encoded(PHOTO, "JPEG", exif=b"Exif\0\0" + data)
    for name in ("orientation-2-1", "orientation-5-1", "loop-8769", "many", "no-header", "cut"):
        yield f"{name}.png", encoded(PHOTO, "PNG", exif=found[name])
        yield f"{name}.webp", encoded(PHOTO, "WEBP", exif=found[name])


def chunk(kind: bytes, data: bytes, length: int | None = None) -> bytes:
    size = struct.pack(">I", len(data) if length is None else length)
    return size + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, *chunks: bytes, depth: int = 8, colour: int = 2, data: bytes | None = None) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    if data is None:
        channels = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}.get(colour, 3)
        data = zlib.compress((b"\0" + bytes((width * channels * depth + 7) // 8)) * height, 9)
    return b"\x89PNG\r\n\x1a\n" + b"".join([chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")])


def png_chunks() -> Iterator[File]:
    """Chunks that lie, are too large, or should not be there."""
    much = zlib.compress(bytes(3_000_000), 9)
    for depth in (0, 1, 2, 3, 4, 8, 16, 32):
        for colour in range(8):
            yield f"depth-{depth}-colour-{colour}.png", png(9, 7, depth=depth, colour=colour)
    cases = {
        "profile-bomb": (chunk(b"iCCP", b"x\0\0" + much),),
        "text-bomb": (chunk(b"zTXt", b"x\0\0" + much),),
        "long-text": (chunk(b"tEXt", b"x\0" + b"y" * 500_000),),
        "length": (chunk(b"tEXt", b"x\0y", length=2**31 - 1),),
        "negative-length": (chunk(b"tEXt", b"x\0y", length=2**32 - 1),),
        "unknown": (chunk(b"vpAg", b"abc"),),
        "critical": (chunk(b"ABCD", b"abc"),),
        "gamma": (chunk(b"gAMA", bytes(4)),),
        "transparency": (chunk(b"tRNS", b"a"),),
        "no-frames": (chunk(b"acTL", bytes(8)),),
        "many-frames": (chunk(b"acTL", struct.pack(">II", 2**31 - 1, 0)),),
        "frame-outside": (
            chunk(b"acTL", struct.pack(">II", 2, 0)),
            chunk(b"fcTL", struct.pack(">IIIII", 0, 9, 7, 9, 9)),
        ),
    }
    for name, chunks in cases.items():
        yield f"{name}.png", png(9, 7, *chunks)
    for name, data in {
        "no-data": b"",
        "no-zlib": b"abc",
        "too-much": much,
        "too-little": zlib.compress(b"abc"),
    }.items():
        yield f"{name}.png", png(9, 7, data=data)


def bombs() -> Iterator[File]:
    """A few bytes that claim, or hold, hundreds of millions of pixels."""
    little = zlib.compress(bytes(1000))
    for width, height in (
        (20000, 20000),
        (2**31 - 1, 2**31 - 1),
        (0, 9),
        (2**31 - 1, 1),
        (1, 2**31 - 1),
        (50000, 3000),
    ):
        yield f"{width}x{height}.png", png(width, height, data=little)
        yield f"{width}x{height}.ppm", b"P6 %d %d 255\n" % (width, height)
        yield (
            f"{width}x{height}.bmp",
            struct.pack("<2sIIIIiiHHIIiiII", b"BM", 54, 0, 54, 40, width, height, 1, 24, *[0] * 6),
        )
        yield f"{width}x{height}.tif", tiff(width, height)
    for width, height in ((65535, 65535), (20000, 10000), (0, 0), (65535, 1)):
        screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0x80, 0, 0) + bytes(6)
        frame = struct.pack("<BHHHHB", 0x2C, 0, 0, width, height, 0) + b"\2\2\x4c\1\0;"
        yield f"{width}x{height}.gif", screen + frame
        small = struct.pack("<6sHHBBB", b"GIF89a", 9, 9, 0x80, 0, 0) + bytes(6)
        yield f"frame-{width}x{height}.gif", small + frame
    yield "one-bit.png", png(30000, 20000, depth=1, colour=0, data=little)


def profiles() -> Iterator[File]:
    """Colour profiles that are huge, none, or another colour space's."""
    chance = random.Random(1)
    cases = {
        "huge": SRGB + chance.randbytes(3_000_000),
        "large": SRGB + bytes(900_000),
        "noise": chance.randbytes(5000),
        "one-byte": b"x",
        "cut": SRGB[:100],
        "grey": SRGB[:16] + b"GRAY" + SRGB[20:],
        "cmyk": SRGB[:16] + b"CMYK" + SRGB[20:],
    }
    for name, profile in cases.items():
        yield f"{name}.jpg", encoded(PHOTO, "JPEG", icc_profile=profile)
        yield f"{name}.tif", encoded(PHOTO, "TIFF", icc_profile=profile)
        yield f"{name}-inks.jpg", encoded(PHOTO.convert("CMYK"), "JPEG", icc_profile=profile)
    yield "noise.webp", encoded(PHOTO, "WEBP", icc_profile=cases["noise"])
    yield "huge.png", encoded(PHOTO, "PNG", icc_profile=cases["huge"])


def modes() -> Iterator[File]:
    """Every mode of Pillow's in every format that takes it."""
    for mode in (
        "1",
        "L",
        "LA",
        "P",
        "PA",
        "RGB",
        "RGBA",
        "RGBX",
        "CMYK",
        "YCbCr",
        "HSV",
        "I",
        "F",
        "I;16",
        "I;16B",
    ):
        try:
            image = PHOTO.convert("RGBA").convert(mode) if mode in ("LA", "PA", "RGBA") else PHOTO.convert(mode)
        except ValueError:
            image = PHOTO.convert("L").convert("I").convert(mode)
        for kind, ending in {**ENDINGS, "TGA": "tga", "ICO": "ico", "SGI": "sgi", "DDS": "dds", "IM": "im"}.items():
            if mode == "I" and kind in ("PNG", "ICO"):
                continue  # it is I;16 there
            try:
                data = encoded(image, kind)
            except (OSError, ValueError, KeyError):
                continue
            yield f"{mode.replace(';', '-')}.{ending}", data
    for white in (float("nan"), float("inf"), -1.0, 1e30, 0.0):
        yield f"float-{white}.tif", encoded(Image.new("F", (40, 40), white), "TIFF")


def tiff(
    width: int, height: int, *more: tuple[int, int, int, bytes], without: tuple[int, ...] = (), **other: int
) -> bytes:
    """An uncompressed TIFF with up to 3 kB of grey pixels; tags of one SHORT or LONG may be set by number."""
    values = {256: width, 257: height, 258: 8, 259: 1, 262: 1, 273: 200, 277: 1, 278: height, 279: 3000}
    values |= {int(name[1:]): value for name, value in other.items()}
    entries = [(tag, 4, 1, struct.pack("<I", value)) for tag, value in values.items() if tag not in without]
    return tags(*sorted([*entries, *more])).ljust(200, b"\0") + bytes(range(250)) * 12


def tiffs() -> Iterator[File]:
    """Tags that lie, are of another type, or point somewhere else."""
    for tag in (256, 257, 258, 259, 262, 273, 277, 278, 279):
        yield f"without-{tag}.tif", tiff(40, 40, without=(tag,))
        for value in (0, 7, 65535, 2**32 - 1):
            yield f"{tag}-{value}.tif", tiff(40, 40, **{f"t{tag}": value})
        yield f"{tag}-text.tif", tiff(40, 40, (tag, 2, 4, b"abc"), without=(tag,))
    for compression in (2, 3, 4, 5, 6, 7, 8, 32773, 32946, 34676, 34925, 50000, 50001):
        yield f"compressed-{compression}.tif", tiff(40, 40, t259=compression)
    for photometric in range(10):
        yield f"photometric-{photometric}.tif", tiff(30, 30, t262=photometric, t277=3)
    ycbcr = encoded(PHOTO.convert("YCbCr"), "TIFF")
    yield "ycbcr.tif", ycbcr
    yield "ycbcr-cut.tif", ycbcr[:-900]
    yield "orientation-text.tif", tiff(40, 40, (274, 2, 4, b"abc"))
    yield "orientation-rational.tif", tiff(40, 40, (274, 5, 1, b"\x08"))
    yield "planar.tif", tiff(30, 30, (284, 3, 1, b"\2"), t262=2, t277=3)
    for channels in (2, 3, 4):
        deep = {"t258": 16, "t277": channels, "t262": 1 if channels == 2 else 2}
        cases = {
            "whole": {},
            "float": {"t258": 32, "t339": 3},
            "long": {"t278": 2**31},
            "cut": {"t257": 4000, "t278": 4000},
            "wide": {"t256": 2**32 - 1},
            "high": {"t257": 2**32 - 1},
            "tile": {"t322": 2**24, "t323": 16, "t324": 200, "t325": 3000},
            "tiles": {"t322": 16, "t323": 16, "t324": 200, "t325": 3000},
            "no-tile": {"t322": 0},
            "planar": {"t284": 2},
            "turned": {"t274": 6},
            "far": {"t274": 2**32 - 1, "t317": 2**32 - 1},
            **{f"predictor-{value}": {"t317": value} for value in (0, 2, 3, 7)},
            **{f"float-predictor-{value}": {"t258": 32, "t339": 3, "t317": value} for value in (2, 3)},
            **{f"extra-{value}": {"t338": value} for value in (0, 1, 2, 9)},
            **{f"compressed-{value}": {"t259": value} for value in (5, 7, 8, 50000)},
        }
        for name, case in cases.items():
            yield f"deep-{channels}-{name}.tif", tiff(20, 12, **{**deep, **case})
    yield "loop.tif", tiff(40, 40)[:116] + struct.pack("<I", 8) + tiff(40, 40)[120:]
    yield "big.tif", b"II+\0\x08\0\0\0" + struct.pack("<Q", 16) + bytes(60)


def sequences() -> Iterator[File]:
    """Several pictures in one file."""
    frames = [PHOTO.rotate(90 * k) for k in range(4)]
    for kind, ending in {"GIF": "gif", "PNG": "png", "WEBP": "webp", "TIFF": "tif"}.items():
        data = encoded(PHOTO, kind, save_all=True, append_images=frames)
        yield f"frames.{ending}", data
        yield f"cut.{ending}", data[: len(data) * 2 // 3]
    yield "phone.jpg", encoded(PHOTO, "MPO", save_all=True, append_images=frames[:1])


def sizes() -> Iterator[File]:
    """Thin, tiny and large pictures; flat ones."""
    for width, height in ((1, 1), (2, 1), (1, 9), (3, 3), (1, 65500), (65500, 1), (3, 20000), (31, 33), (1000, 1000)):
        yield f"{width}x{height}.png", encoded(PHOTO.resize((width, height)), "PNG")
        yield f"{width}x{height}.jpg", encoded(PHOTO.resize((width, height)), "JPEG")
    for name, colour in {"black": (0, 0, 0, 255), "white": (255,) * 4, "transparent": (9, 9, 9, 0)}.items():
        yield f"{name}.png", encoded(Image.new("RGBA", (50, 40), colour), "PNG")


def misnamed() -> Iterator[File]:
    """One kind of file under another's name."""
    kinds = list(ENDINGS.items())
    for number, (kind, _) in enumerate(kinds):
        yield f"{kind.lower()}.{kinds[(number + 1) % len(kinds)][1]}", encoded(PHOTO, kind)
    for ending in ("heic", "cr2", "nef", "dng", "jxl", "svg", "pdf"):
        yield f"tiff.{ending}", encoded(PHOTO, "TIFF")
        yield f"text.{ending}", b"Dear diary,\n"


def nothing() -> Iterator[File]:
    """No pictures at all."""
    chance = random.Random(2)
    contents: dict[str, Callable[[], bytes]] = {
        "empty": lambda: b"",
        "zero": lambda: bytes(4096),
        "noise": lambda: chance.randbytes(4096),
        "text": lambda: b"Dear diary,\n",
        "svg": lambda: b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n(x) run\n",
        "zip": lambda: b"PK\3\4" + bytes(60),
    }
    for name, make in contents.items():
        for ending in ("png", "jpg", "tif", "gif"):
            yield f"{name}.{ending}", make()
    for ending, start in {
        "png": b"\x89PNG\r\n\x1a\n",
        "jpg": b"\xff\xd8\xff\xe0",
        "gif": b"GIF89a",
        "tif": b"II*\0",
    }.items():
        for number in range(5):
            yield f"start-{number}.{ending}", start + chance.randbytes(10**number)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files():
        (folder / name).write_bytes(data)

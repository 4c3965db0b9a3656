"""Decoding picture files. One that is not a picture, damaged or too large gets a one-line error."""

import io
import logging
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.deep_png import is_deep_png, png_samples
from dreamclean.pictures.deep_tiff import DeepTiff, as_wide, deep_tiff, tiff_samples
from dreamclean.pictures.foreign import foreign, remedy
from dreamclean.pictures.memory import megapixels_carried
from dreamclean.pictures.raw import is_raw, raw_is_read, raw_samples
from dreamclean.pictures.tiff_pages import directories

_LOCK = threading.RLock()
"""Pillow's limits, Python's warnings and the process's standard error are the same for all threads."""
SEQUENCES = ("AVIF", "FLI", "GIF", "PNG", "TIFF", "WEBP")
"""Formats whose other frames are separate pictures, not layers or previews of the first."""
_PHOTOMETRIC, _YCBCR = 262, 6
_log = logging.getLogger(__name__)
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what Pillow logs of a damaged file is printed


@cache
def formats() -> list[str]:
    """The formats that are read: without EPS, which runs Ghostscript, and formats that Pillow cannot decode alone."""
    Image.init()
    return [kind for kind in Image.OPEN if kind not in ("EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5")]


class Decoded(NamedTuple):
    """What a file holds."""

    image: Image.Image
    """The picture, with its metadata."""
    samples: np.ndarray | None = None
    """The pixels (H, W, C), uint16 or float32, where ``image`` cannot hold them."""


@contextmanager
def decoded(path: Path | str, max_megapixels: float | None = None) -> Iterator[Decoded]:
    """The picture of a file, the first if it holds several, which is logged.

    DreamCleanError if it is none, is damaged, or has more than ``max_megapixels`` millions of pixels (None: what
    fits into memory).
    """
    with refusing(path, max_megapixels), contents(path) as found:
        if found.image.format in SEQUENCES and getattr(found.image, "is_animated", False):
            _log.warning("%s holds several pictures; only the first is taken", path)
        yield found


@contextmanager
def refusing(path: Path | str, max_megapixels: float | None = None) -> Iterator[None]:
    """Where a file is read: within the limit; whatever goes wrong is a DreamCleanError of one line."""
    limit = check_limit(max_megapixels)
    try:
        with _LOCK, warnings.catch_warnings(), at_most(limit):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            yield
    except FileNotFoundError:
        raise DreamCleanError(f"there is no file {path}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DreamCleanError(f"{path} unpacks to {_too_much(error, limit, max_megapixels)}") from None
    except Exception as error:  # of a damaged file a decoder may raise anything
        kind = foreign(_named(path))
        if kind:
            raise DreamCleanError(f"{path} is {kind}, which is not read; {remedy([_named(path).name])}") from None
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DreamCleanError(f"{path} cannot be read as a picture ({reason})") from None


def check_limit(max_megapixels: float | None) -> float:
    """``max_megapixels``, or what fits into memory; DreamCleanError unless it is more than 0."""
    limit = megapixels_carried() if max_megapixels is None else max_megapixels
    if not limit > 0:
        raise DreamCleanError(f"max_megapixels {limit:g} lets no picture through; give more than 0")
    return limit


def _too_much(error: Exception, limit: float, said: float | None) -> str:
    """The message for too many megapixels, with what to do."""
    found = re.search(r"\d+", str(error))
    size = f"{int(found[0]) / 1e6:.4g} megapixels, " if found else ""
    whose = "that this machine's memory carries" if said is None else "of --max-megapixels"
    return f"{size}more than the {limit:.4g} megapixels {whose}; scale it down, or raise the limit (--max-megapixels)"


@contextmanager
def at_most(megapixels: float) -> Iterator[None]:
    """Pillow's own limit, which Pillow checks in every part of a file. It is the process's: one thread at a time changes it."""
    with _LOCK:
        before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, megapixels * 1e6  # type: ignore[assignment]
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


@contextmanager
def contents(path: Path | str | BinaryIO) -> Iterator[Decoded]:
    """The first picture, by whatever reads it at its full depth. Errors are the decoder's own."""
    if is_raw(_named(path)) and raw_is_read():
        samples = raw_samples(_named(path))
        yield Decoded(Image.fromarray((samples >> 8).astype(np.uint8)), samples)
        return
    how, data = _deep_tiff(path)
    with _limit_of(how), _wide(data, how) if how else opened(path) as image:
        deep = is_deep_png(image)
        load(image)
        if how:
            planes = [np.asarray(image), *(_loaded(_wide(data, how, plane)) for plane in range(1, how.planes))]
            yield Decoded(image, tiff_samples(planes, how, "<" if data[:2] == b"II" else ">"))
        elif deep:
            with _file(path) as file:
                yield Decoded(image, png_samples(image, file.read()))
        else:
            yield Decoded(image)


@contextmanager
def _file(path: Path | str | BinaryIO) -> Iterator[BinaryIO]:
    """The file, from its start; an open one stays open."""
    if isinstance(path, Path | str):
        with open(path, "rb") as file:
            yield file
    else:
        path.seek(0)
        yield path
        path.seek(0)


def _deep_tiff(path: Path | str | BinaryIO) -> tuple[DeepTiff | None, bytes]:
    """How the file is stored, and all of it, if it is a TIFF that Pillow cannot hold."""
    with _file(path) as file:
        first = [] if is_raw(_named(path)) else directories(file)[:1]
        how = deep_tiff(file, first[0]) if first else None
        file.seek(0)
        return how, file.read() if how else b""


@contextmanager
def _limit_of(how: DeepTiff | None) -> Iterator[None]:
    """Pillow's limit, checked here, as one for the grey picture that ``_wide`` opens."""
    if how:
        Image._decompression_bomb_check((how.padded, how.height))
    with at_most(how.padded * how.height * how.halves / 1e6) if how else nullcontext():
        yield


def _wide(data: bytes, how: DeepTiff, plane: int = 0) -> Image.Image:
    """The TIFF, or a plane of it, as a grey picture."""
    return Image.open(io.BytesIO(as_wide(data, how, plane)), formats=["TIFF"])


def _loaded(image: Image.Image) -> np.ndarray:
    with image:
        load(image)
        return np.asarray(image)


def opened(path: Path | str | BinaryIO) -> Image.Image:
    """The file, not decoded yet."""
    image = Image.open(path, formats=formats())
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if is_raw(_named(path)):
            image.close()
            raise OSError("its first picture is a preview")
        if image.tag_v2.get(_PHOTOMETRIC) == _YCBCR and not image.use_load_libtiff:
            before, TiffImagePlugin.READ_LIBTIFF = TiffImagePlugin.READ_LIBTIFF, True
            try:
                image._setup()  # again, for libtiff: Pillow's own reader takes uncompressed YCbCr for RGBX
            finally:
                TiffImagePlugin.READ_LIBTIFF = before
    return image


def check_opens(file: BinaryIO, kind: str) -> None:
    """OSError, ValueError or SyntaxError unless Pillow opens the encoded picture (its metadata too, not its pixels)."""
    with at_most(float("inf")):
        how, data = _deep_tiff(file)
        with _wide(data, how) if how else Image.open(file, formats=[kind]):
            pass


def _named(path: object) -> Path:
    """The file's name; an open file may have none."""
    return Path(path) if isinstance(path, str | Path) else Path()


def load(image: Image.Image) -> None:
    """Decode it; lines that libtiff prints about it become part of the error."""
    if image.format != "TIFF":
        image.load()
        return
    said: list[str] = []
    try:
        with _standard_error_into(said):
            image.load()
    except OSError as error:
        raise OSError("; ".join([str(error), *said[:1]])) from None


@contextmanager
def _standard_error_into(said: list[str]) -> Iterator[None]:
    """Collect in ``said`` the lines that C code prints on standard error: libtiff gives Pillow no other way."""
    try:
        if sys.stderr:
            sys.stderr.flush()
        kept = os.dup(2)
    except (OSError, ValueError):  # there is none
        yield
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said += file.read(4096).decode(errors="replace").splitlines()

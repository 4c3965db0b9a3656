"""Decoding picture files. One that is not a picture, damaged or too large gets a one-line error."""

import logging
import os
import re
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import BinaryIO

from PIL import Image, TiffImagePlugin

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.foreign import RAW, foreign
from dreamclean.pictures.memory import megapixels_carried

_LOCK = threading.RLock()
"""Pillow's limits, Python's warnings and the process's standard error are the same for all threads."""
_SEQUENCES = ("AVIF", "FLI", "GIF", "PNG", "TIFF", "WEBP")
"""Formats whose other frames are separate pictures, not layers or previews of the first."""
_PHOTOMETRIC, _YCBCR = 262, 6
_log = logging.getLogger(__name__)
logging.getLogger("PIL").addHandler(logging.NullHandler())  # else what Pillow logs of a damaged file is printed


@cache
def formats() -> list[str]:
    """The formats that are read: without EPS, which runs Ghostscript, and formats that Pillow cannot decode alone."""
    Image.init()
    return [kind for kind in Image.OPEN if kind not in ("EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5")]


@contextmanager
def decoded(path: Path | str, max_megapixels: float | None = None) -> Iterator[Image.Image]:
    """The picture of a file, the first if it holds several, which is logged.

    DreamCleanError if it is none, is damaged, or has more than ``max_megapixels`` millions of pixels (None: what
    fits into memory).
    """
    limit = check_limit(max_megapixels)
    try:
        with _LOCK, warnings.catch_warnings(), _at_most(limit):
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with _opened(path) as image:
                _load(image)
                if image.format in _SEQUENCES and getattr(image, "is_animated", False):
                    _log.warning("%s holds several pictures; only the first is taken", path)
                yield image
    except FileNotFoundError:
        raise DreamCleanError(f"there is no file {path}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DreamCleanError(f"{path} unpacks to {_too_much(error, limit, max_megapixels)}") from None
    except Exception as error:  # of a damaged file a decoder may raise anything
        kind = foreign(_named(path))
        if kind:
            raise DreamCleanError(f"{path} is {kind}, which is not read; make it a PNG, TIFF or JPEG first") from None
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
def _at_most(megapixels: float) -> Iterator[None]:
    """Pillow's own limit, which Pillow checks in every part of a file."""
    before, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, megapixels * 1e6  # type: ignore[assignment]
    try:
        yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def _opened(path: Path | str) -> Image.Image:
    image = Image.open(path, formats=formats())
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        if _named(path).suffix.lower() in RAW:
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
    with _LOCK, _at_most(float("inf")), Image.open(file, formats=[kind]):
        pass


def _named(path: object) -> Path:
    """The file's name; an open file may have none."""
    return Path(path) if isinstance(path, str | Path) else Path()


def _load(image: Image.Image) -> None:
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

"""The pictures of an animation, or the pages of a file."""

import io
import logging
import struct
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.decoding import SEQUENCES, Decoded, check_limit, contents, load, opened, refusing
from dreamclean.pictures.deep import DeepImage
from dreamclean.pictures.deep_tiff import deep_tiff
from dreamclean.pictures.exif import exif_of
from dreamclean.pictures.picture import Picture
from dreamclean.pictures.raw import is_raw
from dreamclean.pictures.tiff_pages import directories, page_first

TIMING = ("duration", "loop")
"""How long a frame is seen, in milliseconds, and how often an animation is played (0: for ever), in ``Image.info``."""
_SHARE = 25
"""How many times the largest picture all pictures of a file may be: they wait at 8 bytes a pixel (BYTES_A_PIXEL)."""
_DEEP = 3
"""How many pixels of 8 bits one of 16 bits counts as: it is held at 16 bits, and at 8 to look at."""
_log = logging.getLogger(__name__)


def holds_pages(path: Path) -> bool:
    """Whether the file is a TIFF of several pages."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with refusing(path, float("inf")):
            with open(path, "rb") as file:
                places = directories(file)
            if places:
                return len(places) > 1
            with Image.open(path, formats=["TIFF"]) as image:
                return getattr(image, "n_frames", 1) > 1
    except DreamCleanError:
        return False


def frames_of(path: Path | str, max_megapixels: float | None = None) -> list[Image.Image]:
    """All pictures of a file, as PIL images; none if it holds one.

    Of a damaged file those before the damage, which is logged. DreamCleanError as for a file of one picture, and if
    together they are more than 25 times ``max_megapixels``.
    """
    if not Path(path).is_file() or is_raw(Path(path)):
        return []
    with refusing(path, max_megapixels):
        most = check_limit(max_megapixels) * _SHARE
        data, places = _deep_pages(path)
        if places:
            return _all(_pages(data, places), len(places), path, most)
        try:
            image = opened(path)
        except Exception:  # of a damaged file a decoder may raise anything; whoever reads it as one picture says what
            return []
        with image:
            if image.format not in SEQUENCES or not getattr(image, "is_animated", False):
                return []
            return _all(_frames(image), getattr(image, "n_frames", 1), path, most)


def _all(stills: Iterator[Image.Image], count: int, path: Path | str, most: float) -> list[Image.Image]:
    pixels = 0.0
    found: list[Image.Image] = []
    try:
        for still in stills:
            pixels += still.width * still.height / 1e6 * (_DEEP if isinstance(still, DeepImage) else 1)
            if pixels > most:
                raise DreamCleanError(f"it holds {count} pictures, more than {most:.4g} megapixels in all; split it")
            found.append(still)
    except (OSError, EOFError, ValueError, SyntaxError, struct.error) as error:
        if not found:
            raise
        _log.warning("%s is damaged after picture %d of %d (%s)", path, len(found), count, error)
    return found


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    """Those of a file as Pillow reads them."""
    for number in range(1 if image.info.get("default_image") else 0, getattr(image, "n_frames", 1)):
        image.seek(number)  # not the first of an APNG that is shown where APNG is not known
        load(image)
        yield _still(image)


def _deep_pages(path: Path | str) -> tuple[bytes, list[int]]:
    """The file and where its pages are, if it is a TIFF of several, at least one of which Pillow cannot hold."""
    with open(path, "rb") as file:
        places = directories(file)
        if len(places) < 2 or not any(deep_tiff(file, place) for place in places):
            return b"", []
        file.seek(0)
        return file.read(), places


def _pages(data: bytes, places: list[int]) -> Iterator[Image.Image]:
    """Those of a TIFF, each at its full depth."""
    for place in places:
        with contents(io.BytesIO(page_first(data, place))) as found:
            still = _still(found.image) if found.samples is None else _deep(found)
        yield still


def _deep(page: Decoded) -> Image.Image:
    picture = Picture.from_pil(page.image, page.samples)
    return picture.with_pixels(picture.pixels)


def _still(image: Image.Image) -> Image.Image:
    still = image.copy()
    if image.format == "TIFF":  # whose EXIF data are not in ``info``
        still.info["exif"] = exif_of(image) or b""
    return still

"""The pictures of an animation, or the pages of a file."""

import logging
from pathlib import Path

from PIL import Image

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.decoding import SEQUENCES, check_limit, load, opened, refusing
from dreamclean.pictures.exif import exif_of
from dreamclean.pictures.raw import is_raw

TIMING = ("duration", "loop")
"""How long a frame is seen, in milliseconds, and how often an animation is played (0: for ever), in ``Image.info``."""
_SHARE = 25
"""How many times the largest picture all pictures of a file may be: they wait at 8 bytes a pixel (BYTES_A_PIXEL)."""
_log = logging.getLogger(__name__)


def holds_pages(path: Path) -> bool:
    """Whether the file is a TIFF of several pages."""
    if path.suffix.lower() not in (".tif", ".tiff"):
        return False
    try:
        with refusing(path, float("inf")), Image.open(path, formats=["TIFF"]) as image:
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
        try:
            image = opened(path)
        except Exception:  # of a damaged file a decoder may raise anything; whoever reads it as one picture says what
            return []
        with image:
            if image.format not in SEQUENCES or not getattr(image, "is_animated", False):
                return []
            return _all(image, path, check_limit(max_megapixels) * _SHARE)


def _all(image: Image.Image, path: Path | str, most: float) -> list[Image.Image]:
    count, pixels = getattr(image, "n_frames", 1), 0.0
    found: list[Image.Image] = []
    for number in range(1 if image.info.get("default_image") else 0, count):  # what APNG shows where it is not known
        try:
            image.seek(number)
            load(image)
        except (OSError, EOFError, ValueError, SyntaxError) as error:
            if not found:
                raise
            _log.warning("%s is damaged after picture %d of %d (%s)", path, len(found), count, error)
            break
        pixels += image.width * image.height / 1e6
        if pixels > most:
            raise DreamCleanError(f"it holds {count} pictures, more than {most:.4g} megapixels in all; split it")
        found.append(_still(image))
    return found


def _still(image: Image.Image) -> Image.Image:
    still = image.copy()
    if image.format == "TIFF":  # whose EXIF data are not in ``info``
        still.info["exif"] = exif_of(image) or b""
    return still

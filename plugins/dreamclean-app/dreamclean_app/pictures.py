"""Uploaded pictures: checked as the command line checks them, and shown small."""

from pathlib import Path

from PIL import Image

from dreamclean import DreamCleanError, Picture
from dreamclean_app.limits import Limits

SHOWN = 1600
"""Longest side in pixels of what is shown while nothing is restored yet."""


def opened(path: Path, name: str, limits: Limits) -> Picture:
    """The picture of an uploaded file. DreamCleanError, which calls it ``name``, if it is none or too large."""
    size = path.stat().st_size
    if size > limits.bytes_a_file:
        raise DreamCleanError(f"{name} has {size / 1e6:.4g} MB; at most {limits.megabytes:g} MB are taken")
    try:
        return Picture.open(path, limits.megapixels)
    except DreamCleanError as error:
        said = str(error).replace(str(path), name)
        raise DreamCleanError(said.replace("raise the limit (--max-megapixels)", "ask who runs this page")) from None


def shown_small(image: Image.Image, target: Path, longest: int = SHOWN) -> Path:
    """Write ``image`` as WebP, at most ``longest`` pixels long, for a browser to show."""
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA") else None
    small = image.convert("RGBA" if "A" in image.mode else "RGB") if image.mode != "I;16" else _eight_bit(image)
    small.thumbnail((longest, longest))
    small.save(target, "WEBP", quality=90, icc_profile=profile)
    return target


def _eight_bit(image: Image.Image) -> Image.Image:
    return image.point(lambda value: value / 256).convert("L").convert("RGB")

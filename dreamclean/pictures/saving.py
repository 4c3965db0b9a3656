"""Pictures into files, whole or not at all."""

import io
import logging
import os
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import combinations
from pathlib import Path

from PIL import Image, PngImagePlugin, TiffImagePlugin

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.colour import to_srgb
from dreamclean.pictures.decoding import check_opens, formats
from dreamclean.pictures.fitted import WRITTEN, fitted, holds
from dreamclean.pictures.raw import is_raw, raw_is_read
from dreamclean.pictures.tiff_pages import as_pages
from dreamclean.pictures.xmp import XMP_KEY

RECIPE_KEY = "dreamclean"
_ANIMATIONS, _PAGES = ("AVIF", "GIF", "PNG", "TIFF", "WEBP"), ("TIFF",)
_METADATA = {"icc_profile": "its colour profile", "exif": "its EXIF data", "xmp": "its XMP data"}
_log = logging.getLogger(__name__)


@cache
def _extensions() -> dict[str, str]:
    return Image.registered_extensions()


def is_picture(path: Path) -> bool:
    """Whether it is a file whose name says that it is a picture that can be read."""
    return names_picture(path) and path.is_file()


def names_picture(path: Path) -> bool:
    """Whether the name says that it is a picture that can be read; there need not be such a file."""
    return raw_is_read() if is_raw(path) else _extensions().get(path.suffix.lower()) in formats()


def names_result(path: Path) -> bool:
    """Whether a result may have this name."""
    return _extensions().get(path.suffix.lower()) in WRITTEN


def check_free(path: Path, overwrite: bool) -> None:
    """DreamCleanError unless ``path`` is in a folder that is there, and no file that may not be replaced is at it."""
    if not path.parent.is_dir():
        raise DreamCleanError(f"there is no folder {path.parent}; make it first")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise DreamCleanError(f"nothing can be written in {path.parent}; choose another folder")
    if path.exists() and not overwrite:
        raise DreamCleanError(f"{path} is there already; choose another name or say --overwrite")


def check_target(path: Path, overwrite: bool) -> None:
    """DreamCleanError unless a picture may be written at ``path``."""
    if not names_result(path):
        raise DreamCleanError(
            f"cannot write a picture called {path.name}; give it an ending such as .png, .jpg or .tif"
        )
    check_free(path, overwrite)


def png_text(recipe: str | None, xmp: bytes | None) -> PngImagePlugin.PngInfo:
    """The text metadata of a PNG."""
    text = PngImagePlugin.PngInfo()
    if recipe:
        text.add_itxt(RECIPE_KEY, recipe)
    if xmp:
        text.add_itxt(XMP_KEY, xmp.decode())
    return text


def save(image: Image.Image, path: Path, recipe: str | None = None, frames: Sequence[Image.Image] = ()) -> None:
    """Write ``image`` beside ``path`` and move it there; a PNG carries the recipe as text metadata.

    ``frames``: the pictures of an animation, with ``duration`` in their ``info``, or of a file of several pages, where
    the format has a place for them; ``image`` is the first of them.
    """
    kind = _extensions()[path.suffix.lower()]
    if len(frames) > 1 and kind not in (_ANIMATIONS if "duration" in frames[0].info else _PAGES):
        more = "a TIFF (.tif) holds all pages; a PNG or a WebP all frames of an animation"
        _log.warning("%s holds the first of %d pictures; %s", path, len(frames), more)
        frames = ()
    if not holds(image, kind):
        _log.warning("%s holds no transparency, so the picture is on white; a PNG keeps it", path)
    image, frames = fitted(image, kind), [fitted(frame, kind) for frame in frames]
    data = _encoded(image, kind, recipe, path, frames)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DreamCleanError(f"{path} could not be written ({error.strerror})") from error


def _encoded(image: Image.Image, kind: str, recipe: str | None, path: Path, frames: Sequence[Image.Image]) -> bytes:
    """The file's bytes. If Pillow cannot write its metadata or open them again, without some of them, which is logged."""
    first: Exception | None = None
    for dropped in _subsets([name for name in _METADATA if name in image.info]):
        pixels, kept = image, {name: image.info.get(name) for name in _METADATA if name not in dropped}
        if "icc_profile" in dropped:
            pixels, kept["icc_profile"] = _in_srgb(image)
            frames = [_in_srgb(frame)[0] for frame in frames]
        try:
            data = _written(pixels, kind, kept, recipe, frames)
        except (OSError, ValueError, SyntaxError) as error:
            first = first or error
            continue
        if dropped:
            whole = (
                {**_METADATA, "icc_profile": "its own colour profile, in sRGB"} if kept["icc_profile"] else _METADATA
            )
            lost = " and without ".join(whole[name] for name in dropped)
            _log.warning("%s is written without %s (%s)", path, lost, first)
        return data
    raise DreamCleanError(f"{path} could not be written ({first}); a PNG holds every kind of picture") from first


def _subsets(names: list[str]) -> Iterator[tuple[str, ...]]:
    """All of them, the smaller first."""
    return (each for size in range(len(names) + 1) for each in combinations(names, size))


def _written(
    image: Image.Image, kind: str, kept: dict[str, bytes | None], recipe: str | None, frames: Sequence[Image.Image]
) -> bytes:
    """The file's bytes, with the metadata ``kept``, as far as this kind of file has a place for them."""
    xmp = kept.get("xmp")
    options: dict[str, object] = {"icc_profile": kept.get("icc_profile"), "exif": kept.get("exif") or b""}
    if kind == "PNG":
        options["pnginfo"] = png_text(recipe, xmp)
    elif kind == "TIFF" and xmp:
        exif = Image.Exif()
        exif.load(kept.get("exif") or b"")
        exif[TiffImagePlugin.XMP] = xmp
        options["exif"] = exif
    elif xmp:
        options["xmp"] = xmp
    if kind == "JPEG":
        options.update(quality=95, subsampling=0)
    if kind == "TIFF" and len(frames) > 1:
        others = [_file(page, kind, {**options, "exif": b""}) for page in frames[1:]]
        data = as_pages([file.getvalue() for file in (_file(image, kind, options), *others)])
        check_opens(io.BytesIO(data), kind)
        return data
    if len(frames) > 1:
        options.update(save_all=True, append_images=list(frames[1:]), **_timing(frames, kind))
    file = _file(image, kind, options)
    check_opens(file, kind)
    return file.getvalue()


def _file(image: Image.Image, kind: str, options: dict[str, object]) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file


def _timing(frames: Sequence[Image.Image], kind: str) -> dict[str, object]:
    """How an animation is played."""
    if "duration" not in frames[0].info:
        return {}
    loop = frames[0].info.get("loop", None if kind == "GIF" else 1)  # a GIF that says nothing is played once
    timing: dict[str, object] = {"duration": [int(frame.info.get("duration", 0)) for frame in frames]}
    return timing if loop is None else {**timing, "loop": loop}


def _in_srgb(image: Image.Image) -> tuple[Image.Image, bytes | None]:
    """A picture in sRGB, with its profile; if its own profile cannot be applied, unchanged and without a profile."""
    if not image.mode.startswith("RGB"):
        return image, None
    converted, profile = to_srgb(image.convert("RGB"), image.info.get("icc_profile"))
    if image.mode == "RGBA":
        converted.putalpha(image.getchannel("A"))
    return converted, profile


def write_atomically(path: Path, data: bytes) -> None:
    """Write ``data`` to a hidden file beside ``path``, then move it into place."""
    handle, temporary = tempfile.mkstemp(prefix=".dreamclean-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise

"""Pictures in and out: any mode in, the same size, alpha, orientation and colour profile out.

torch is imported only when a picture is read: a command with nothing left to do does not need it.
"""

from __future__ import annotations

import io
import logging
import os
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, PngImagePlugin

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.colour import to_srgb
from dreamclean.pictures.decoding import check_opens, decoded, formats
from dreamclean.pictures.exif import exif_of, turn_of
from dreamclean.pictures.jpeg_file import Settings, jpeg_settings, turned

if TYPE_CHECKING:
    from torch import Tensor

RECIPE_KEY = "dreamclean"
_log = logging.getLogger(__name__)
_BAND = 256
"""Rows that are converted at once."""


@dataclass(frozen=True)
class Picture:
    """A picture: its ``pixels`` (1, 3, H, W) in [0, 1], and the data that the restoration does not change."""

    pixels: Tensor
    grey: bool = False
    alpha: Image.Image | None = None
    sixteen_bit: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None
    jpeg: Settings | None = None
    """How its file was compressed, for the picture upright: settings of the operator ``jpeg``; None: it says nothing."""

    @classmethod
    def of(cls, image: Path | str | Image.Image, max_megapixels: float | None = None) -> Picture:
        """A picture file, of at most ``max_megapixels``, or a PIL image."""
        return cls.from_pil(image) if isinstance(image, Image.Image) else cls.open(image, max_megapixels)

    @classmethod
    def open(cls, path: Path | str, max_megapixels: float | None = None) -> Picture:
        """Read a picture file, upright; of several pictures the first.

        DreamCleanError if it is none, is truncated, or unpacks to more than ``max_megapixels`` (None: what fits
        into this machine's memory).
        """
        with decoded(path, max_megapixels) as image:
            return cls.from_pil(image)

    @classmethod
    def from_pil(cls, image: Image.Image) -> Picture:
        """Any PIL image: grey, palette, alpha, CMYK and 16-bit modes; EXIF orientation is applied."""
        import torch

        profile = image.info.get("icc_profile")
        exif, jpeg, size, turn = exif_of(image), jpeg_settings(image), image.size, turn_of(image)
        if turn is not None:
            image, jpeg = image.transpose(turn), jpeg and turned(jpeg, size, turn)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            values = np.asarray(image).astype(np.float32)
            if not np.isfinite(values).all():
                raise DreamCleanError("some of the picture's values are not finite numbers; replace them first")
            pixels = torch.from_numpy((values / _white(image.mode, values.max())).clip(0, 1))
            return cls(pixels.expand(1, 3, -1, -1).clone(), True, None, True, profile, exif)
        if image.mode == "CMYK":
            image, profile = to_srgb(image, profile)
        alpha = None
        if image.has_transparency_data:
            image = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
            alpha = image.getchannel("A")
        grey = image.mode in ("1", "L", "LA")
        return cls(_pixels(image.convert("RGB")), grey, alpha, False, profile, exif, jpeg)

    @property
    def hidden(self) -> bool:
        """Whether all of it is transparent, so that nothing can be seen."""
        return self.alpha is not None and self.alpha.getextrema() == (0, 0)

    def with_pixels(self, pixels: Tensor, keep_grey: bool = True) -> Image.Image:
        """A PIL image of ``pixels`` (1, C, H, W), clipped to [0, 1], with this picture's mode, alpha and metadata."""
        grey = pixels.shape[1] == 1 or (self.grey and keep_grey)
        sixteen_bit = grey and self.sixteen_bit
        height, width = pixels.shape[-2:]
        stored = np.empty((height, width) if grey else (height, width, 3), np.uint16 if sixteen_bit else np.uint8)
        for top in range(0, height, _BAND):  # in bands: a large picture's memory is that of the result
            values = pixels[0, :, top : top + _BAND].detach().clamp(0, 1).float().cpu()
            values = values.mean(0) if grey else values.permute(1, 2, 0)
            stored[top : top + _BAND] = (values * (65535 if sixteen_bit else 255)).round().numpy()
        image = Image.fromarray(stored)
        if sixteen_bit:
            return self._tagged(image)
        if self.alpha is not None:
            image.putalpha(
                self.alpha.resize(image.size, Image.Resampling.BICUBIC) if self.alpha.size != image.size else self.alpha
            )
        return self._tagged(image)

    def _tagged(self, image: Image.Image) -> Image.Image:
        spaces = (b"RGB ",) if image.mode.startswith("RGB") else (b"GRAY", b"RGB ")
        if self.icc_profile and self.icc_profile[16:20] in spaces:  # else the picture has another colour space now
            image.info["icc_profile"] = self.icc_profile
        if self.exif:
            image.info["exif"] = self.exif
        return image


def _pixels(image: Image.Image) -> Tensor:
    """An RGB image as (1, 3, H, W) in [0, 1]; a flat one takes no memory."""
    import torch

    extrema = image.getextrema()
    if all(low == high for low, high in extrema):  # type: ignore[misc]
        colour = torch.tensor([low for low, _ in extrema]).float() / 255  # type: ignore[misc]
        return colour.view(1, 3, 1, 1).expand(1, 3, image.height, image.width)
    return (
        torch.empty(1, 3, image.height, image.width).copy_(torch.from_numpy(np.array(image)).permute(2, 0, 1)).div_(255)
    )


def _white(mode: str, brightest: float) -> int:
    """The value of white: 65535 in 16-bit modes; in 32-bit modes it depends on the brightest pixel."""
    return 65535 if mode.startswith("I;16") or brightest > 255 else 255 if brightest > 1 else 1


@cache
def _extensions() -> dict[str, str]:
    return Image.registered_extensions()


def is_picture(path: Path) -> bool:
    """Whether it is a file whose name says that it is a picture that can be read."""
    return names_picture(path) and path.is_file()


def names_picture(path: Path) -> bool:
    """Whether the name says that it is a picture that can be read; there need not be such a file."""
    return _extensions().get(path.suffix.lower()) in formats()


def check_target(path: Path, overwrite: bool) -> None:
    """DreamCleanError unless a picture may be written at ``path``."""
    if _extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise DreamCleanError(
            f"cannot write a picture called {path.name}; give it an ending such as .png, .jpg or .tif"
        )
    if path.exists() and not overwrite:
        raise DreamCleanError(f"{path} is there already; choose another name or say --overwrite")
    if not path.parent.is_dir():
        raise DreamCleanError(f"there is no folder {path.parent}; make it first")


def save(image: Image.Image, path: Path, recipe: str | None = None) -> None:
    """Write ``image`` beside ``path`` and move it there; a PNG carries the recipe as text metadata."""
    kind = _extensions()[path.suffix.lower()]
    options: dict[str, object] = {k: image.info[k] for k in ("icc_profile", "exif") if k in image.info}
    if kind == "PNG" and recipe:
        text = PngImagePlugin.PngInfo()
        text.add_itxt(RECIPE_KEY, recipe)
        options["pnginfo"] = text
    if kind == "JPEG":
        options.update(quality=95, subsampling=0)
        if image.mode == "I;16":
            image = Image.fromarray((np.asarray(image) / 257).round().astype(np.uint8))
    data = _encoded(image, kind, options, path)
    try:
        write_atomically(path, data)
    except OSError as error:
        raise DreamCleanError(f"{path} could not be written ({error.strerror})") from error


def _encoded(image: Image.Image, kind: str, options: dict[str, object], path: Path) -> bytes:
    """The file's bytes. If Pillow cannot write its profile or EXIF or open them again, in sRGB or without EXIF, which is logged."""
    first: Exception | None = None
    for plain, bare in ((False, False), (True, False), (False, True), (True, True)):
        if (plain and "icc_profile" not in options) or (bare and "exif" not in options):
            continue
        pixels, profile = _in_srgb(image) if plain else (image, options.get("icc_profile"))
        kept = {**options, "icc_profile": profile, "exif": b"" if bare else options.get("exif", b"")}
        try:
            file = io.BytesIO()
            pixels.save(file, kind, **kept)
            check_opens(file, kind)
        except (OSError, ValueError, SyntaxError) as error:
            first = first or error
            continue
        if plain or bare:
            lost = ["its own colour profile, in sRGB" if profile else "its colour profile"] * plain + [
                "its EXIF data"
            ] * bare
            _log.warning("%s is written without %s (%s)", path, " and without ".join(lost), first)
        return file.getvalue()
    raise DreamCleanError(f"{path} could not be written ({first}); a PNG holds every kind of picture") from first


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


def embedded_recipe(path: Path) -> str:
    """The recipe in the metadata of a PNG that DreamClean wrote; ValueError if there is none."""
    with decoded(path) as image:
        text = getattr(image, "text", {}).get(RECIPE_KEY)
    if text is None:
        raise ValueError("it carries none; give a PNG that dreamclean wrote, a .toml or a .json file")
    return str(text)

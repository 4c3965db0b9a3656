"""Pictures in and out: any mode in, the same size, alpha, orientation and colour profile out.

torch is imported when a picture is read: a command that finds nothing left to do needs none.
"""

from __future__ import annotations

import io
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image, ImageCms, ImageOps, PngImagePlugin

from dreamclean.contracts.errors import DreamCleanError

if TYPE_CHECKING:
    from torch import Tensor

RECIPE_KEY = "dreamclean"


@dataclass(frozen=True)
class Picture:
    """A picture: its ``pixels`` (1, 3, H, W) in [0, 1], and what is carried around the restoration."""

    pixels: Tensor
    grey: bool = False
    alpha: Image.Image | None = None
    sixteen_bit: bool = False
    icc_profile: bytes | None = None
    exif: bytes | None = None

    @classmethod
    def of(cls, image: Path | str | Image.Image) -> Picture:
        """A picture file, or a PIL image."""
        return cls.from_pil(image) if isinstance(image, Image.Image) else cls.open(image)

    @classmethod
    def open(cls, path: Path | str) -> Picture:
        """Read a picture file, upright. DreamCleanError if it is none, is truncated, or is a decompression bomb."""
        with _loaded(path) as image:
            return cls.from_pil(image)

    @classmethod
    def from_pil(cls, image: Image.Image) -> Picture:
        """Any PIL image: grey, palette, alpha, CMYK and 16-bit modes; EXIF orientation is applied."""
        import torch

        profile = image.info.get("icc_profile")
        exif = _exif(image)
        image = ImageOps.exif_transpose(image)
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            values = np.asarray(image).astype(np.float32)
            pixels = torch.from_numpy((values / _white(image.mode, values.max())).clip(0, 1))
            return cls(pixels.expand(1, 3, -1, -1).clone(), True, None, True, profile, exif)
        if image.mode == "CMYK":
            image, profile = _cmyk_to_srgb(image, profile)
        alpha = None
        if image.has_transparency_data:
            image = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
            alpha = image.getchannel("A")
        grey = image.mode in ("1", "L", "LA")
        rgb = torch.from_numpy(np.array(image.convert("RGB"))).float() / 255
        return cls(rgb.permute(2, 0, 1)[None].contiguous(), grey, alpha, False, profile, exif)

    def with_pixels(self, pixels: Tensor, keep_grey: bool = True) -> Image.Image:
        """A PIL image of ``pixels`` (1, C, H, W), clipped to [0, 1], with this picture's mode, alpha and metadata."""
        values = pixels[0].detach().clamp(0, 1).float().cpu()
        if values.shape[0] == 1 or (self.grey and keep_grey):
            values = values.mean(0)
            if self.sixteen_bit:
                return self._tagged(Image.fromarray((values * 65535).round().numpy().astype(np.uint16)))
            image = Image.fromarray((values * 255).round().byte().numpy())
        else:
            image = Image.fromarray((values * 255).round().byte().permute(1, 2, 0).contiguous().numpy())
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


@contextmanager
def _loaded(path: Path | str) -> Iterator[Image.Image]:
    """The picture of a file. DreamCleanError if it is none, is truncated, or is a decompression bomb."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=_formats()) as image:
                image.load()
                yield image
    except FileNotFoundError:
        raise DreamCleanError(f"there is no file {path}") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        limit = f"{(Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f} megapixels"
        raise DreamCleanError(f"{path} unpacks to more than {limit}; scale it down first") from None
    except Exception as error:  # of a damaged file a decoder may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DreamCleanError(f"{path} cannot be read as a picture ({reason})") from None


def _white(mode: str, brightest: float) -> int:
    """The value of white: 65535 in 16-bit modes; of 32-bit ones the brightest pixel tells."""
    return 65535 if mode.startswith("I;16") or brightest > 255 else 255 if brightest > 1 else 1


_DESCRIPTIVE = {270, 271, 272, 305, 306, 315, 33432, 34665, 34853}  # not how a TIFF is stored


def _exif(image: Image.Image) -> bytes | None:
    """The EXIF data without the orientation; of a TIFF's tags those that say what is on it, by whom and when."""
    exif = Image.Exif()
    exif.load(image.getexif().tobytes())
    for tag in list(exif):
        if tag == ExifTags.Base.Orientation or (image.format == "TIFF" and tag not in _DESCRIPTIVE):
            del exif[tag]
    return exif.tobytes() if exif else None


def _cmyk_to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """Through the picture's own profile where it has one; the result is sRGB."""
    if not profile:
        return image.convert("RGB"), None
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), None
    return converted or image.convert("RGB"), srgb.tobytes()


@cache
def _extensions() -> dict[str, str]:
    return Image.registered_extensions()


@cache
def _formats() -> list[str]:
    """The formats that are read: not EPS, which runs Ghostscript, nor those that Pillow cannot decode by itself."""
    Image.init()
    return [kind for kind in Image.OPEN if kind not in ("EPS", "WMF", "MPEG", "BUFR", "GRIB", "HDF5")]


def is_picture(path: Path) -> bool:
    """Whether the file's name says that it is a picture that can be read."""
    return _extensions().get(path.suffix.lower()) in _formats() and path.is_file()


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
    file = io.BytesIO()
    try:
        image.save(file, kind, **options)
    except (OSError, ValueError) as error:
        raise DreamCleanError(f"{path} could not be written ({error}); a PNG holds every kind of picture") from error
    try:
        write_atomically(path, file.getvalue())
    except OSError as error:
        raise DreamCleanError(f"{path} could not be written ({error.strerror})") from error


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
    with _loaded(path) as image:
        text = getattr(image, "text", {}).get(RECIPE_KEY)
    if text is None:
        raise ValueError("it carries none; give a PNG that dreamclean wrote, a .toml or a .json file")
    return str(text)

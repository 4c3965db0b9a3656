"""Pictures in and out: any mode in, the same size, depth, alpha, orientation and colour profile out.

torch is imported only when a picture is read: a command with nothing left to do does not need it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.colour import to_srgb
from dreamclean.pictures.decoding import decoded, opened, refusing
from dreamclean.pictures.deep import WHITE, DeepImage
from dreamclean.pictures.exif import TURNS, exif_of, turn_of
from dreamclean.pictures.jpeg_file import Settings, jpeg_settings, turned
from dreamclean.pictures.saving import RECIPE_KEY, check_target, is_picture, names_result, save, write_atomically
from dreamclean.pictures.xmp import xmp_of

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "RECIPE_KEY",
    "Picture",
    "check_target",
    "embedded_recipe",
    "is_picture",
    "names_result",
    "save",
    "write_atomically",
]
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
    xmp: bytes | None = None
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
        with decoded(path, max_megapixels) as file:
            return cls.from_pil(file.image, file.samples)

    @classmethod
    def from_pil(cls, image: Image.Image, samples: np.ndarray | None = None) -> Picture:
        """Any PIL image: grey, palette, alpha, CMYK and 16-bit modes; EXIF orientation is applied.

        ``samples`` (H, W, C): the pixels of ``image`` with more than 8 bits, where it cannot hold them.
        """
        profile = image.info.get("icc_profile")
        exif, xmp, jpeg = exif_of(image), xmp_of(image), jpeg_settings(image)
        size, turn = image.size, turn_of(image)
        if isinstance(image, DeepImage):
            samples = image.samples
        if image.mode in ("I", "F") or image.mode.startswith("I;16"):
            samples = _grey_samples(image) if samples is None else samples
        if samples is not None:
            values, alpha = _scaled(samples if turn is None else TURNS[turn](samples))
            return cls(_deep_pixels(values), values.shape[-1] == 1, alpha, True, profile, exif, xmp)
        if turn is not None:
            image, jpeg = image.transpose(turn), jpeg and turned(jpeg, size, turn)
        if image.mode == "CMYK":
            image, profile = to_srgb(image, profile)
        alpha = None
        if image.has_transparency_data:
            image = image.convert("LA" if image.mode in ("1", "L", "LA") else "RGBA")
            alpha = image.getchannel("A")
        grey = image.mode in ("1", "L", "LA")
        return cls(_pixels(image.convert("RGB")), grey, alpha, False, profile, exif, xmp, jpeg)

    @property
    def hidden(self) -> bool:
        """Whether all of it is transparent, so that nothing can be seen."""
        return self.alpha is not None and self.alpha.getextrema() == (0, 0)

    @property
    def colourless(self) -> bool:
        """Whether it has no colour anywhere, in whatever mode it is stored."""
        red, green, blue = self.pixels[0]
        return bool(red.equal(green) and green.equal(blue))

    def with_pixels(self, pixels: Tensor, keep_grey: bool = True) -> Image.Image:
        """A PIL image of ``pixels`` (1, C, H, W), clipped to [0, 1], with this picture's mode, alpha and metadata.

        ``keep_grey``: a picture without colour stays without.
        """
        grey = pixels.shape[1] == 1 or (self.grey and keep_grey)
        colourless = grey or (keep_grey and self.colourless)
        height, width = pixels.shape[-2:]
        stored = np.empty((height, width, 1 if grey else 3), np.uint16 if self.sixteen_bit else np.uint8)
        for top in range(0, height, _BAND):  # in bands: a large picture's memory is that of the result
            values = pixels[0, :, top : top + _BAND].detach().clamp(0, 1).float().cpu()
            values = values.mean(0, keepdim=True) if colourless else values
            stored[top : top + _BAND] = (values.permute(1, 2, 0) * np.iinfo(stored.dtype).max).round().numpy()
        alpha = self.alpha
        if alpha and alpha.size != (width, height):
            alpha = alpha.resize((width, height), Image.Resampling.BICUBIC)
        if self.sixteen_bit and (alpha or not grey):
            planes = [stored, np.asarray(alpha)[..., None]] if alpha else [stored]
            return self._tagged(DeepImage(np.concatenate(planes, -1)))
        image = Image.fromarray(stored[..., 0] if grey else stored)
        if alpha:
            image.putalpha(alpha)
        return self._tagged(image)

    def _tagged(self, image: Image.Image) -> Image.Image:
        spaces = (b"RGB ",) if image.mode.startswith("RGB") else (b"GRAY", b"RGB ")
        if self.icc_profile and self.icc_profile[16:20] in spaces:  # else the picture has another colour space now
            image.info["icc_profile"] = self.icc_profile
        if self.exif:
            image.info["exif"] = self.exif
        if self.xmp:
            image.info["xmp"] = self.xmp
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


def _deep_pixels(values: np.ndarray) -> Tensor:
    """Grey or RGB (H, W, C) in [0, 1] as (1, 3, H, W)."""
    import torch

    height, width, _ = values.shape
    return (
        torch.from_numpy(values)
        .permute(2, 0, 1)[None]
        .expand(1, 3, height, width)
        .clone(memory_format=torch.contiguous_format)
    )


def _grey_samples(image: Image.Image) -> np.ndarray:
    """The values (H, W, 1) of a deep grey image; (H, W, 2) with alpha if the file says which value is transparent."""
    values = np.asarray(image)
    key = image.info.get("transparency")
    if not isinstance(key, int) or values.dtype.itemsize != 2:
        return values[..., None]
    return np.stack([values, np.where(values == key, 0, WHITE).astype(values.dtype)], -1)


def _scaled(samples: np.ndarray) -> tuple[np.ndarray, Image.Image | None]:
    """Colours (H, W, 1 or 3) in [0, 1], and alpha of 16 bits if there is a second or a fourth channel."""
    count = samples.shape[-1]
    colours = _in_unit(samples[..., : count - (count + 1) % 2])
    if count % 2:
        return colours, None
    return colours, Image.fromarray((_in_unit(samples[..., -1]) * WHITE).round().astype(np.uint16))


def _in_unit(samples: np.ndarray) -> np.ndarray:
    """``samples`` over white, clipped to [0, 1].

    White is 65535 in 16 bits. Of 32 bits the brightest pixel tells it: more than 255: 65535; more than 8: 255; else
    1, over which floating-point pictures keep highlights. (Of integers, more than 1: 255.)
    """
    if not np.isfinite(samples).all():
        raise DreamCleanError("some of the picture's values are not finite numbers; replace them first")
    brightest, floats = samples.max(), samples.dtype.kind == "f"
    white = WHITE if samples.dtype.itemsize == 2 or brightest > 255 else 255 if brightest > (8 if floats else 1) else 1
    return (samples.astype(np.float32) / white).clip(0, 1)


def embedded_recipe(path: Path) -> str:
    """The recipe in the metadata of a PNG that DreamClean wrote; ValueError if there is none."""
    with refusing(path, float("inf")), opened(path) as image:  # its pixels, however many, are not decoded
        text = image.info.get(RECIPE_KEY)
    if text is None:
        raise ValueError("it carries none; give a PNG that dreamclean wrote, a .toml or a .json file")
    return str(text)

"""Pictures of 16 bits in colour or with alpha, which a PIL image cannot hold."""

from __future__ import annotations

import io
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dreamclean.pictures.deep_png import write_png
from dreamclean.pictures.deep_tiff import as_tiff

WHITE = 65535


class DeepImage(Image.Image):
    """A PIL image of 8 bits, to look at, of a picture of 16 bits, which ``samples`` holds.

    As a PNG or a TIFF it is written at 16 bits, in other formats at 8. What Pillow makes of it (``resize``,
    ``convert``, ...) has 8 bits.
    """

    def __init__(self, samples: np.ndarray) -> None:
        super().__init__()
        shown = Image.fromarray(((samples.astype(np.uint32) * 255 + WHITE // 2) // WHITE).astype(np.uint8))
        self.im, self._mode, self._size = shown.im, shown.mode, shown.size
        self._samples = samples

    @property
    def samples(self) -> np.ndarray | None:
        """Grey and alpha (C = 2), RGB (3), or RGB and alpha (4) of uint16, (H, W, C); None if Pillow has changed its
        size or mode (``thumbnail``, ``putalpha``)."""
        same = (self.height, self.width, len(self.getbands())) == self._samples.shape
        return self._samples if same else None

    def save(self, fp: Any, format: str | None = None, **params: Any) -> None:
        """As ``PIL.Image.Image.save``."""
        ending = Path(fp).suffix.lower() if isinstance(fp, str | PathLike) else ""
        kind = format or Image.registered_extensions().get(ending)
        samples = self.samples
        if samples is None or kind not in ("PNG", "TIFF"):
            super().save(fp, format, **params)
            return
        options = {**self.info, **getattr(self, "encoderinfo", {}), **params}
        data = _png(samples, options) if kind == "PNG" else _tiff(samples, options)
        if isinstance(fp, str | PathLike):
            Path(fp).write_bytes(data)
        else:
            fp.write(data)

    def __getstate__(self) -> list[Any]:
        return [*super().__getstate__(), self._samples]

    def __setstate__(self, state: list[Any]) -> None:
        *shown, self._samples = state
        super().__setstate__(shown)


def _png(samples: np.ndarray, options: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    write_png(samples, file, **{name: options.get(name) for name in ("icc_profile", "exif", "pnginfo")})
    return file.getvalue()


def _tiff(samples: np.ndarray, options: dict[str, Any]) -> bytes:
    file, (height, width, channels) = io.BytesIO(), samples.shape
    kept = {name: options[name] for name in ("icc_profile", "exif", "tiffinfo") if options.get(name)}
    Image.fromarray(samples.reshape(height, width * channels)).save(file, "TIFF", **kept)
    return as_tiff(file.getvalue(), width, channels)

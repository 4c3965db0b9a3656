"""Pictures of any size: overlapping tiles, their estimates blended at every step."""

import logging
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Ask, Model
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.padding import pad_to_multiple
from dreamclean.method.asking import fitted

SIZE_FREE_TILE = 768
"""Side in pixels of the tiles for a prior without a native size."""
_SMALLEST = 64
_LEAST = 16
_log = logging.getLogger(__name__)


class Tiles:
    """A model that is evaluated tile by tile; a picture that fits into one tile is not cut.

    At every evaluation the noise estimates of overlapping tiles are averaged, with weights that fall smoothly towards
    the tile's edge, so neighbours agree step by step and no seam appears (cf. MultiDiffusion, Bar-Tal et al. 2023).
    Memory inside the model is that of one tile. If even that is too much, the batch is halved, then the tile, and one
    line is logged.

    Args:
        tile: side in pixels; None: the model's native size, or 768 where it has none.
        overlap: of neighbours, in pixels; None: a quarter of the tile, at most 96.
        batch: tiles evaluated at once; None: as many as there are images.
    """

    def __init__(
        self, model: Model, tile: int | None = None, overlap: int | None = None, batch: int | None = None
    ) -> None:
        if tile is not None and tile < _LEAST:
            raise DreamCleanError(f"a tile has at least {_LEAST} pixels a side, not {tile}; 0: never cut")
        self.model, self.overlap = fitted(model), overlap
        self._tile = tile or model.geometry.native_size or SIZE_FREE_TILE
        self._batch = batch

    @property
    def side(self) -> int:
        """Side of a tile in pixels, as it is now."""
        return self._tile

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps of the whole of ``x`` (B, C, H, W)."""
        return self._fitting(self.model.predict, x, level)

    def invert(self, x: Tensor, level: Level) -> Tensor:
        """The same on the way up."""
        return self._fitting(self.model.invert or self.model.predict, x, level)

    def _fitting(self, ask: Ask, x: Tensor, level: Level) -> Tensor:
        """``ask`` about all of x, in pieces that fit into memory."""
        while True:
            try:
                return self._blended(ask, x, level)
            except (MemoryError, RuntimeError) as error:
                if not lacks_memory(error):
                    raise
                self._shrink(x)

    def _blended(self, ask: Ask, x: Tensor, level: Level) -> Tensor:
        batch, (height, width) = self._batch or len(x), x.shape[-2:]
        side = self._elements
        if max(height, width) <= side and batch >= len(x):
            return ask(x, level)
        grid = self.model.grid
        padded = pad_to_multiple(x, grid)
        eps = torch.zeros_like(padded)
        for places in _chunks(self._places(padded, side, grid), batch):
            crops = torch.cat([padded[place] for place, _ in places])
            found = ask(crops, level)
            for (place, weight), part in zip(places, found, strict=True):
                eps[place] += weight.to(part) * part
        return eps[..., :height, :width]

    @property
    def _elements(self) -> int:
        """Side of a tile in elements of x, a multiple of what the model needs."""
        multiple = self.model.geometry.multiple
        return max(self._tile // multiple, 1) * multiple // self.model.codec.scale_factor

    def _places(self, x: Tensor, side: int, grid: int) -> Iterator[tuple[tuple[slice, ...], Tensor]]:
        """The positions of the tiles, and the weight (h, w) of each; the weights at any element sum to 1."""
        overlap = min(self._tile // 4, 96) if self.overlap is None else min(self.overlap, self._tile // 2)
        shared = overlap // self.model.codec.scale_factor
        sides = [
            side if self.model.geometry.native_size else snug(length, side, shared, grid) for length in x.shape[-2:]
        ]
        rows, columns = (spans(*axis, shared, grid) for axis in zip(x.shape[-2:], sides, strict=True))
        for image in range(len(x)):
            for top, down in rows:
                for left, across in columns:
                    lines, dots = slice(top, top + len(down)), slice(left, left + len(across))
                    yield (slice(image, image + 1), slice(None), lines, dots), down[:, None] * across

    def _shrink(self, x: Tensor) -> None:
        """Half the batch, else half the tile; DreamCleanError if both are at their smallest."""
        batch = self._batch or len(x)
        if batch > 1:
            self._batch = batch // 2
            _log.warning("out of memory: going on with %d tiles at once", self._batch)
            return
        side = min(self._tile, max(x.shape[-2:]) * self.model.codec.scale_factor)
        if side // 2 < max(_SMALLEST, self.model.geometry.multiple):
            raise DreamCleanError(f"out of memory even with a tile of {side} pixels; free some, or choose --device cpu")
        self._tile = side // 2
        _log.warning("out of memory: going on with tiles of %d pixels", self._tile)


def snug(length: int, side: int, overlap: int, grid: int = 1) -> int:
    """The smallest side that covers ``length`` with no more tiles than ``side`` needs, a multiple of ``grid``."""
    count = _count(length, side, overlap)
    return min(side, math.ceil((length + (count - 1) * overlap) / count / grid) * grid)


def _count(length: int, side: int, overlap: int) -> int:
    return 1 if side >= length else math.ceil((length - overlap) / (side - overlap))


def spans(length: int, side: int, overlap: int, grid: int = 1) -> list[tuple[int, Tensor]]:
    """Start and weights (side,) of the tiles along an axis: starts are multiples of ``grid``, weights sum to 1.

    ``length`` and ``side`` are multiples of ``grid``. Neighbours share at least ``overlap`` elements, less
    what the grid takes.
    """
    side = min(side, length)
    count = _count(length, side, overlap)
    starts = [round(k * (length - side) / max(count - 1, 1) / grid) * grid for k in range(count)]
    edge = torch.arange(side, dtype=torch.float32) + 0.5
    window = torch.minimum(edge, side - edge).div(max(overlap, 1)).clamp(max=1)
    window = window.mul(math.pi / 2).sin().square()
    total = torch.zeros(length)
    for start in starts:
        total[start : start + side] += window
    return [(start, window / total[start : start + side]) for start in starts]


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch

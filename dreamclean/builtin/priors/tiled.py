"""Pictures of any size: overlapping tiles, their estimates blended at every step."""

import logging
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import torch
from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr
from torch import Tensor

from dreamclean.contracts.component import validated
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.levels import Level, Schedule
from dreamclean.contracts.prior import Prior, pad_to_multiple

if TYPE_CHECKING:
    from dreamclean.builtin.planners.diagnosis.calibration import Calibration

SIZE_FREE_TILE = 768
"""Side in pixels of the tiles for a prior that has no size of its own."""
_SMALLEST = 64
_log = logging.getLogger(__name__)


def _made(spec: Any) -> Any:
    """The prior of a nested config form."""
    from dreamclean.host.host import host

    return host().make("prior", spec)


class Tiled(Prior):
    """Another prior, asked tile by tile; a picture that fits into one tile is given to it whole.

    Where tiles overlap their noise estimates are averaged with weights that fall smoothly to the tile's edge,
    at every evaluation, so that neighbours agree step by step and no seam can grow (cf. MultiDiffusion,
    Bar-Tal et al. 2023). Memory inside the prior is that of one tile. Where even that is too much, the batch
    is halved, then the tile, and one line is logged.
    """

    name = "tiled"
    prior: Annotated[Prior, BeforeValidator(_made), PlainSerializer(lambda prior: prior.spec())] = Field(
        description="The prior that sees the tiles: its name, a table with name and settings, or an object"
    )
    tile: int | None = Field(default=None, ge=16, description="Side in pixels; none: the prior's native size, else 768")
    overlap: int | None = Field(default=None, ge=0, description="Of neighbours, in pixels; none: a quarter, at most 96")
    batch: int | None = Field(
        default=None, ge=1, description="Tiles evaluated at once; none: as many as there are images"
    )
    _tile: int = PrivateAttr(0)
    _batch: int | None = PrivateAttr(None)

    def model_post_init(self, context: Any) -> None:
        self._tile = self.tile or self.prior.native_size or SIZE_FREE_TILE
        self._batch = self.batch

    @property
    def space(self) -> Any:  # type: ignore[override]
        return self.prior.space

    @property
    def pixel_scale(self) -> float:  # type: ignore[override]
        return self.prior.pixel_scale

    @property
    def schedule(self) -> Schedule:
        return self.prior.schedule

    @property
    def multiple(self) -> int:
        return self.prior.multiple

    @property
    def scale_factor(self) -> int:
        return self.prior.scale_factor

    @property
    def calibration_file(self) -> Path | None:
        return self.prior.calibration_file

    @property
    def calibration(self) -> "Calibration | None":
        return self.prior.calibration

    def recommended(self, known_operator: bool) -> dict[str, Any]:
        return self.prior.recommended(known_operator)

    def prepare(self, device: torch.device, dtype: torch.dtype) -> None:
        self.prior.prepare(device, dtype)

    def encode(self, image: Tensor) -> Tensor:
        return self.prior.encode(image)

    def decode(self, x: Tensor) -> Tensor:
        return self.prior.decode(x)

    @property
    def side(self) -> int:
        """Side of a tile in pixels, as it is now."""
        return self._tile

    def predict(self, x: Tensor, level: Level) -> Estimate:
        return self._fitting(self.prior.predict, x, level)

    def invert(self, x: Tensor, level: Level) -> Estimate:
        return self._fitting(self.prior.invert, x, level)

    def _fitting(self, ask: Predict, x: Tensor, level: Level) -> Estimate:
        """``ask`` about all of x, in pieces that fit into memory."""
        while True:
            try:
                return self._blended(ask, x, level)
            except (MemoryError, RuntimeError) as error:
                if not _lacks_memory(error):
                    raise
                self._shrink(x)

    def _blended(self, ask: Predict, x: Tensor, level: Level) -> Estimate:
        batch, (height, width) = self._batch or len(x), x.shape[-2:]
        side = self._elements
        if max(height, width) <= side and batch >= len(x):
            return ask(x, level)
        grid = max(1, self.prior.multiple // self.prior.scale_factor)
        padded = pad_to_multiple(x, grid)
        eps = torch.zeros_like(padded)
        for places in _chunks(self._places(padded, side, grid), batch):
            crops = torch.cat([padded[place] for place, _ in places])
            found = ask(crops, level).eps
            for (place, weight), part in zip(places, found, strict=True):
                eps[place] += weight.to(part) * part
        return Estimate.from_eps(x, level, eps[..., :height, :width])

    @property
    def _elements(self) -> int:
        """Side of a tile in elements of x, a multiple of what the prior needs."""
        return max(self._tile // self.prior.multiple, 1) * self.prior.multiple // self.prior.scale_factor

    def _places(self, x: Tensor, side: int, grid: int) -> Iterator[tuple[tuple[slice, ...], Tensor]]:
        """Where the tiles lie, and the weight (h, w) of each; the weights at any element sum to 1."""
        overlap = min(self._tile // 4, 96) if self.overlap is None else min(self.overlap, self._tile // 2)
        shared = overlap // self.prior.scale_factor
        sides = [side if self.prior.native_size else snug(length, side, shared, grid) for length in x.shape[-2:]]
        rows, columns = (spans(*axis, shared, grid) for axis in zip(x.shape[-2:], sides, strict=True))
        for image in range(len(x)):
            for top, down in rows:
                for left, across in columns:
                    lines, dots = slice(top, top + len(down)), slice(left, left + len(across))
                    yield (slice(image, image + 1), slice(None), lines, dots), down[:, None] * across

    def _shrink(self, x: Tensor) -> None:
        """Half the batch, else half the tile; DreamCleanError where both are at their smallest."""
        batch = self._batch or len(x)
        if batch > 1:
            self._batch = batch // 2
            _log.warning("out of memory: going on with %d tiles at once", self._batch)
            return
        side = min(self._tile, max(x.shape[-2:]) * self.prior.scale_factor)
        if side // 2 < max(_SMALLEST, self.prior.multiple):
            raise DreamCleanError(f"out of memory even with a tile of {side} pixels; free some, or choose --device cpu")
        self._tile = side // 2
        _log.warning("out of memory: going on with tiles of %d pixels", self._tile)


def tiled(prior: Prior, tile: int | None = None) -> Prior:
    """``prior`` for pictures of any size; itself if it cuts them already."""
    return prior if isinstance(prior, Tiled) else validated(Tiled, "tile", {"prior": prior, "tile": tile})


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


def _lacks_memory(error: Exception) -> bool:
    """Whether torch, or Python, says that there is no memory left."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in str(error)

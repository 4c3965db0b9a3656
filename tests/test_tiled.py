"""Pictures of any size: tiles and their blending."""

import logging
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import DDPMSchedule, DreamCleanError, Geometry, Level, Model, Prior, Restorer
from dreamclean.contracts.latent import Latent
from dreamclean.method.tiling import Tiles, snug, spans
from dreamclean.testing import loaded

LEVEL = DDPMSchedule.linear().at(100)


class Local(Prior):
    """Each pixel for itself, in a seven-pixel neighbourhood, on sides that are multiples of 8; keeps what it saw."""

    limit: int = 10**9
    size: int | None = None
    _seen: list[tuple[int, ...]] = PrivateAttr(default_factory=list)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return Model(DDPMSchedule.linear(), self.predict, geometry=Geometry(8, self.size))

    def predict(self, x: Tensor, level: Level) -> Tensor:
        if len(x) * x.shape[-1] * x.shape[-2] > self.limit:
            raise torch.OutOfMemoryError("out of memory")
        assert x.shape[-1] % 8 == x.shape[-2] % 8 == 0
        self._seen.append(tuple(x.shape))
        blurred = torch.nn.functional.avg_pool2d(x, 7, stride=1, padding=3, count_include_pad=False)
        return (x - level.alpha * blurred) / level.sigma


class Lost(Local):
    """Not finite below a timestep."""

    below: float = 0
    how: float = float("nan")

    def predict(self, x: Tensor, level: Level) -> Tensor:
        return x * self.how if level.t < self.below else super().predict(x, level)


class Guided(Local):
    """Half the noise, on the way down alone."""

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return replace(super().load(device, dtype), invert=super().predict)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        return super().predict(x, level) / 2


def picture(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("length", "side", "overlap", "grid"),
    [(100, 32, 8, 1), (96, 32, 8, 8), (32, 32, 8, 8), (24, 32, 8, 8), (104, 32, 0, 8), (1000, 64, 32, 8)],
)
def test_tiles_cover_an_axis_and_their_weights_sum_to_one(length: int, side: int, overlap: int, grid: int) -> None:
    total = torch.zeros(length)
    found = spans(length, side, overlap, grid)
    for start, weight in found:
        assert start % grid == 0 and len(weight) == min(side, length) and (weight > 0).all()
        total[start : start + side] += weight
    torch.testing.assert_close(total, torch.ones(length))
    starts = [start for start, _ in found]
    assert all(a + side - b >= overlap - grid for a, b in pairwise(starts))
    assert starts[-1] + min(side, length) == length


def test_tiles_of_a_size_free_prior_are_no_larger_than_their_number_needs() -> None:
    assert snug(1024, 768, 96, 8) == 560
    assert snug(768, 768, 96, 8) == snug(1440, 768, 96, 8) == 768
    assert snug(300, 768, 96, 1) == 300
    assert [start for start, _ in spans(1024, 560, 96, 8)] == [0, 464]


def test_tiles_weights_rise_smoothly_from_the_edge() -> None:
    """No jump from pixel to pixel where a neighbour comes in."""
    for _, weight in spans(256, 64, 32):
        assert weight.diff().abs().max() < 2 / 32


def test_tiles_are_what_a_planner_asks_in_too() -> None:
    """A large picture with outliers goes to the prior, but not all of it at once."""
    x = torch.nn.functional.interpolate(picture(1, 3, 12, 16), (192, 256), mode="bicubic").clamp(0.05, 0.95)
    salt = torch.rand(1, 1, 192, 256, generator=torch.Generator().manual_seed(1))
    x = torch.where(salt < 0.02, 0.0, torch.where(salt > 0.98, 1.0, x))
    inner = Local()
    found = Restorer(inner, planner="auto", tile=64, device="cpu", dtype="float32").plan(x).report
    assert found is not None and "salt and pepper" in found.words()
    assert inner._seen and max(side for shape in inner._seen for side in shape[2:]) <= 64


@pytest.mark.parametrize("shape", [(1, 3, 200, 136), (2, 3, 67, 130), (1, 3, 40, 300)])
@pytest.mark.parametrize("t", [0, 300])
def test_tiles_make_no_difference_to_a_local_prior(shape: tuple[int, ...], t: float) -> None:
    """Only the picture's own padding, and tile edges where their weight is small, may differ."""
    x, level = picture(*shape), DDPMSchedule.linear().at(t)
    inner = Local()
    whole = inner.predict(torch.nn.functional.pad(x, (0, -shape[3] % 8, 0, -shape[2] % 8), mode="reflect"), level)
    cut = Tiles(loaded(inner), tile=64, overlap=32).predict(x, level)
    assert len(inner._seen) > 2
    assert cut.shape == x.shape
    difference = (cut - whole[..., : shape[2], : shape[3]]).abs() * level.sigma
    assert difference.max() < 0.02
    assert difference.mean() < 5e-4


def test_tiles_are_not_cut_from_a_picture_that_fits() -> None:
    inner = Local()
    x = picture(2, 3, 64, 48)
    level = LEVEL
    assert torch.equal(Tiles(loaded(inner), tile=64).predict(x, level), inner.predict(x, level))
    assert inner._seen == [(2, 3, 64, 48)] * 2


@pytest.mark.parametrize("tile", [32, 128])
def test_tiles_take_the_way_up_that_is_the_priors_own(tile: int) -> None:
    x, level = picture(1, 3, 80, 72), DDPMSchedule.linear().at(100)
    plain, guided = Tiles(loaded(Local()), tile=tile), Tiles(loaded(Guided()), tile=tile)
    assert torch.equal(guided.invert(x, level), plain.predict(x, level))
    assert torch.equal(guided.predict(x, level), plain.predict(x, level) / 2)


@pytest.mark.parametrize(("size", "tile", "seen"), [(None, None, 800), (64, None, 64), (64, 32, 32), (64, 0, 800)])
def test_tile_is_the_users_else_the_priors_else_768(size: int | None, tile: int | None, seen: int) -> None:
    inner = Local(size=size)
    result = Restorer(inner, strength=50, steps=1, initializer="matched-level", corrector="none", tile=tile)(
        picture(1, 3, 64, 800)
    )
    widths = {shape[3] for shape in inner._seen}
    assert widths == ({448} if (size, tile) == (None, None) else {seen})  # 800 in two halves that share 96
    assert result.recipe.tile == (tile if tile is not None else size or 768)
    assert result.nfe == 1


def test_tiles_give_images_alike_alone_and_together() -> None:
    x, level = picture(3, 3, 80, 72), DDPMSchedule.linear().at(100)
    together = Tiles(loaded(Local()), tile=32, batch=4).predict(x, level)
    for index in range(3):
        alone = Tiles(loaded(Local()), tile=32).predict(x[index : index + 1], level)
        torch.testing.assert_close(alone[0], together[index])


def test_tiles_halve_the_batch_then_the_side_without_memory_and_say_so(caplog: pytest.LogCaptureFixture) -> None:
    inner = Local(limit=64 * 64)
    cut = Tiles(loaded(inner), tile=128)
    x, level = picture(2, 3, 128, 160), LEVEL
    with caplog.at_level(logging.WARNING):
        found = cut.predict(x, level)
    assert [record.message.split(":")[1] for record in caplog.records] == [
        " going on with 1 tiles at once",
        " going on with tiles of 64 pixels",
    ]
    torch.testing.assert_close(found, Tiles(loaded(Local()), tile=64, batch=1).predict(x, level))
    assert cut.side == 64
    cut.predict(x, level)
    assert len(caplog.records) == 2


def test_tiles_give_up_without_memory_for_the_smallest() -> None:
    with pytest.raises(DreamCleanError, match="out of memory even with a tile of 64 pixels"):
        Tiles(loaded(Local(limit=1)), tile=128).predict(picture(1, 3, 128, 128), LEVEL)


def test_tiles_do_not_take_other_errors_for_a_lack_of_memory() -> None:
    class Broken(Local):
        def predict(self, x: Tensor, level: Level) -> Tensor:
            raise RuntimeError("shapes differ")

    with pytest.raises(RuntimeError, match="shapes differ"):
        Tiles(loaded(Broken())).predict(picture(1, 3, 16, 16), LEVEL)


@pytest.mark.parametrize("how", [float("nan"), float("inf")])
@pytest.mark.parametrize(
    ("settings", "step"),
    [({"initializer": "matched-level", "steps": 4}, 3), ({"initializer": "ddim-inversion", "steps": 4}, 0)],
)
def test_evaluator_stops_at_values_that_are_not_finite(how: float, settings: dict[str, Any], step: int) -> None:
    """The prior breaks below t = 60: at the third of the steps down from 100, at once in the way up."""
    restorer = Restorer(Lost(below=60, how=how), strength=100, corrector="none", **settings)
    with pytest.raises(
        DreamCleanError, match=rf"^step {step} of 4: the prior's network \(t = {50 if step else 0}\) .*float32"
    ):
        restorer(picture(1, 3, 16, 16))


@pytest.mark.parametrize(
    ("part", "spec", "said"),
    [
        ("corrector", "corrector", r"step 1 of 2: corrector lossy \(t = 50\)"),
        ("sampler", "sampler", r"step 1 of 2: sampler lossy \(t = 50\)"),
        ("operator", "operator", "step 1 of 2: operator lossy"),
    ],
)
def test_evaluator_names_who_gave_values_that_are_not_finite(part: str, spec: str, said: str) -> None:
    from dreamclean import Corrector, Identity, Sampler

    class LossyCorrector(Corrector):
        name = "lossy"

        def __call__(self, latent: Latent, *_: Any) -> Latent:
            return latent.corrected(latent.x * float("nan"))

    class LossySampler(Sampler):
        name = "lossy"

        def __call__(self, latent: Latent, lower: Level, *_: Any) -> Latent:
            return latent.moved(latent.x / 0, lower)

    class LossyOperator(Identity):
        name = "lossy"

        def project(self, x0: Tensor, y: Tensor, std: float) -> Tensor:
            return x0 * float("nan") if std < 0.2 else x0

        def start(self, y: Tensor) -> Tensor:
            return y

    made = {"corrector": LossyCorrector(), "sampler": LossySampler(), "operator": LossyOperator(noise=0.1)}[part]
    settings: dict[str, Any] = {"corrector": "none", "initializer": "matched-level", **{part: made}}
    with pytest.raises(DreamCleanError, match=said):
        Restorer(Local(), strength=50, steps=2, **settings)(picture(1, 3, 16, 16))

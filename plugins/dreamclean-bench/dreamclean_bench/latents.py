"""Log-probability of latents: -1/N log q(x_t | x_0) compared with its entropy (paper, section 3.2 and A.4, Figures 5, 6, A2).

Of a latent x_t = a x_0 + s eps of the clean picture x_0, q(x_t | x_0) = N(a x_0, s^2 I). Its logarithm for each
of the N dimensions is -1/N log q = (1/2) log(2 pi s^2) + |x_t - a x_0|^2 / (2 s^2 N), in nats. For N in the
thousands it is the entropy H = (1/2) log(2 pi e s^2) for nearly every x_t that the model was trained on, to
1 / sqrt(2 N) (the typical set of Definition 2.1). A latent far from H is one that the prior never saw in training.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean import VPS, Corrector, Denoise, DreamCleanError, Latent, Level, NoCorrector, Restorer
from dreamclean.contracts.component import Spec
from dreamclean.contracts.latent import Noise
from dreamclean.pictures.picture import write_atomically
from dreamclean_bench.tasks import Task, find_task, shown

if TYPE_CHECKING:
    from dreamclean_bench.report.means import Stat

CLEAN, WITHOUT, WITH = "clean, without VPS", "degraded, without VPS", "degraded, with VPS"


def negative_log_probability(x: Tensor, x0: Tensor, level: Level) -> Tensor:
    """-1/N log q(x_t | x_0) in nats, shape (B,), of latents ``x`` and clean pictures ``x0`` (B, C, H, W)."""
    excess = (x - level.alpha * x0).double().square().flatten(1).mean(1)
    return 0.5 * math.log(2 * math.pi * level.sigma**2) + excess / (2 * level.sigma**2)


def entropy(level: Level) -> float:
    """H = (1/2) log(2 pi e s^2), in nats for each dimension."""
    return 0.5 * math.log(2 * math.pi * math.e * level.sigma**2)


@dataclass
class Curves:
    """-1/N log q over the levels of a run, for each of its three ways and each image."""

    levels: list[Level] = field(default_factory=list)
    """From the top down to the lowest with noise."""
    values: dict[str, list[list[float]]] = field(default_factory=dict)
    """By way (``CLEAN``, ``WITHOUT``, ``WITH``), for each image, at each level."""

    def stats(self, way: str) -> "list[Stat]":
        """Mean and standard error over images of -1/N log q - H, level by level."""
        from dreamclean_bench.report.means import stat

        columns = zip(*self.values[way], strict=True)
        return [stat(v - entropy(level) for v in column) for level, column in zip(self.levels, columns, strict=True)]

    def add(self, other: "Curves") -> None:
        """Add the images of ``other``, of the same levels."""
        self.levels = self.levels or other.levels
        for way, images in other.values.items():
            self.values.setdefault(way, []).extend(images)


class Watched(Corrector):
    """A corrector that records the latents that it passes to the sampler; before and after VPS are two runs."""

    inner: Corrector
    _seen: list[tuple[Level, Tensor]] = PrivateAttr(default_factory=list)

    @property
    def seen(self) -> list[tuple[Level, Tensor]]:
        """Levels from the top down, and the latents there."""
        return self._seen

    def __call__(self, latent: Latent, denoise: Denoise, noise: Noise) -> Latent:
        latent = self.inner(latent, denoise, noise)
        self._seen.append((latent.level, latent.x.to("cpu", copy=True)))
        return latent


def trajectory(
    picture: Tensor, prior: Spec | None, corrector: Corrector, seeds: Sequence[int], **settings: Any
) -> Watched:
    """Inversion up and sampling down of ``picture`` (B, 3, H, W) in [0, 1], blind, with ``corrector``; its latents.

    ``settings`` go to ``Restorer``; what they leave open is the paper's.
    """
    watched = Watched(inner=corrector)
    Restorer(prior, corrector=watched, **{"preset": "paper", **settings})(picture, seed=seeds)
    return watched


def trajectories(
    clean: Tensor, degraded: Tensor, prior: Spec | None, seeds: Sequence[int], gamma: float = 0.05, **settings: Any
) -> dict[str, list[tuple[Level, Tensor]]]:
    """The latents of the three ways, from the top down."""
    ways = {
        CLEAN: (clean, NoCorrector()),
        WITHOUT: (degraded, NoCorrector()),
        WITH: (degraded, VPS(gamma=gamma)),
    }
    return {
        way: trajectory(picture, prior, corrector, seeds, **settings).seen for way, (picture, corrector) in ways.items()
    }


def curves(x0: Tensor, ways: dict[str, list[tuple[Level, Tensor]]]) -> Curves:
    """The curves of ``trajectories``. ``x0``: the clean pictures in model space (B, C, H, W)."""
    found = Curves([level for level, _ in next(iter(ways.values()))])
    for way, seen in ways.items():
        by_level = [negative_log_probability(x, x0, level).tolist() for level, x in seen]
        found.values[way] = [list(image) for image in zip(*by_level, strict=True)]
    return found


def latents(
    images: Sequence[Tensor],
    task: Task | str,
    prior: Spec | None,
    folder: Path,
    *,
    gamma: float = 0.05,
    seed: int = 0,
    **settings: Any,
) -> list[Path]:
    """Run the three ways on every image and write latents.csv, curves and pictures into ``folder``; the paths.

    ``images``: clean ones, (1, 3, H, W) or (3, H, W) in [0, 1]; the first one's latents are drawn. ``settings``
    (strength, steps, initializer, device, ...) go to ``Restorer``; what they leave open is the paper's.
    Raises DreamCleanError for a task that cannot be restored blind.
    """
    from dreamclean_bench import latents_figures as figures

    task = find_task(task) if isinstance(task, str) else task
    operator = task.operator
    if operator is None or not task.sees_picture:
        raise DreamCleanError(f"task {task.name} makes no picture that could be inverted; choose another with --task")
    if not images:
        raise DreamCleanError("there are no pictures to look at; give some with --images")
    restorer = Restorer(prior, **{"preset": "paper", **settings})
    total, first = Curves(), None
    for index, image in enumerate(images):
        clean = image if image.ndim == 4 else image[None]
        measured = operator.measure(clean, torch.Generator().manual_seed(seed + index))
        degraded = shown(task, measured, clean.shape)
        ways = trajectories(clean, degraded, restorer.prior, [seed + index], gamma, **settings, model=restorer.model)
        total.add(curves(restorer.model.codec.encode(clean.to(restorer.device)).cpu(), ways))
        first = first or (clean, degraded, ways)
    assert first is not None
    drawn = figures.draw_curves(total, f"{task.title}, {len(images)} images, gamma = {gamma:g}")
    files = {
        "latents.csv": figures.as_csv(total).encode(),
        "latents-curves.svg": drawn["svg"],
        "latents-curves.png": drawn["png"],
        "latents-pictures.png": figures.draw_latents(*first, restorer.model, restorer.device),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            write_atomically(folder / name, data)
    except OSError as error:
        raise DreamCleanError(f"{folder} could not be written ({error.strerror}); choose another folder") from error
    return [folder / name for name in files]

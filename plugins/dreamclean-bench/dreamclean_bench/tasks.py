"""The tasks by name: a degradation with the papers' settings, and the side of the pictures."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import JPEG, Blur, Colorize, Downsample, DreamCleanError, FourierMagnitude, Identity, Inpaint, Operator
from dreamclean_bench.ddrm_blur import DDRMBlur
from dreamclean_bench.wide import DAMAGES, Damage, operator_of


@dataclass(frozen=True)
class Task:
    """A degradation: an operator, or a kind of damage, or known by examples alone: a folder of pairs, degraded and clean."""

    name: str
    title: str
    operator: Operator | None
    size: int = 256
    """Side in pixels of the pictures' centre crop, unless the run says otherwise."""
    turns: bool = False
    """Whether a picture turned by 180 degrees has the same measurement, so that no method can tell the two."""
    damage: Damage | None = None
    """The operator is then each picture's own."""

    @property
    def paired(self) -> bool:
        """Whether it is known by examples alone."""
        return self.operator is None and self.damage is None

    @property
    def sees_picture(self) -> bool:
        """Whether the measurement is a picture, so that it can be restored blind."""
        return self.operator is None or self.operator.viewable

    def measure(self, reference: Tensor, seed: int) -> "Measured":
        """What is measured of ``reference`` (1, 3, H, W). Not of a task that is known by examples."""
        if self.damage is not None:
            made = self.damage(reference, seed)
            y = made.shown if made.measurement is None else made.measurement
            return Measured(made.clean, y, made.shown, operator_of(made))
        assert self.operator is not None
        y = self.operator.measure(reference, torch.Generator().manual_seed(seed))
        return Measured(reference, y, shown(self, y, reference.shape), self.operator)


@dataclass(frozen=True)
class Measured:
    """A measurement, and what methods and metrics need beside it."""

    reference: Tensor
    """What a perfect restoration would be, (1, 3, H, W)."""
    measurement: Tensor
    shown: Tensor
    """The measurement as the picture that a person has, (1, 3, H, W)."""
    operator: Operator | None
    """None where nobody knows it."""


def _sr(factor: int, **noise: float) -> Operator:
    return Downsample(factor=factor, **noise)


_SIGMA = 0.05  # measurement noise of the paper's tables, [0, 1] scale
_ALL = (
    Task("sr4-noisy", "4x super-resolution, noise 0.05", _sr(4, noise=_SIGMA)),
    Task("jpeg-cascade", "JPEG 10, 20, 40 at shifts 0, 3, 6", JPEG(quality=(10, 20, 40), shift=(0, 3, 6))),
    Task("jpeg-cascade-sdxl", "JPEG 5, 10, 20 at shifts 0, 3, 6", JPEG(quality=(5, 10, 20), shift=(0, 3, 6)), 1024),
    Task("sr32-noisy", "32x super-resolution, noise 0.1", _sr(32, noise=0.1), 1024),
    Task("deblur-uniform", "uniform blur 9 x 9, noise 0.05", Blur(shape="uniform", size=9, noise=_SIGMA)),
    Task("deblur-gauss", "Gaussian blur 5 x 5, noise 0.05", Blur(shape="gaussian", size=5, std=(10.0,), noise=_SIGMA)),
    Task(
        "deblur-aniso", "blur 20 x 1, 9 taps, noise 0.05", Blur(shape="gaussian", size=9, std=(20.0, 1.0), noise=_SIGMA)
    ),
    Task("deblur-uniform-ddrm", "uniform blur as in DDRM's code, noise 0.05", DDRMBlur(shape="uniform", noise=_SIGMA)),
    Task("deblur-gauss-ddrm", "Gaussian blur as in DDRM's code, noise 0.05", DDRMBlur(shape="gaussian", noise=_SIGMA)),
    Task(
        "deblur-aniso-ddrm",
        "anisotropic blur as in DDRM's code, noise 0.05",
        DDRMBlur(shape="anisotropic", noise=_SIGMA),
    ),
    Task("colorize", "colorization, noise 0.05", Colorize(noise=_SIGMA)),
    Task("inpaint", "half of the pixels, noise 0.05", Inpaint(share=0.5, noise=_SIGMA)),
    Task("denoise", "Gaussian noise 25 of 255", Identity(noise=25 / 255)),
    *(Task(f"denoise-{n}", f"Gaussian noise {n} of 255", Identity(noise=n / 255)) for n in (10, 50, 100)),
    Task("jpeg-10", "JPEG 10", JPEG(quality=(10,))),
    Task("blur-mild", "Gaussian blur, standard deviation 1 pixel", Blur(shape="gaussian", size=7, std=(1.0,))),
    Task("clean", "nothing: the picture is clean", Identity()),
    Task("poisson", "Poisson noise, rate 1", Identity(poisson=1.0)),
    Task("sr4-gauss-poisson", "4x super-resolution, noise 0.05 and Poisson", _sr(4, noise=_SIGMA, poisson=1.0)),
    Task(
        "phase-retrieval", "Fourier magnitudes, noise 0.05", FourierMagnitude(oversample=2.0, noise=_SIGMA), turns=True
    ),
    *(Task(name, f"{name}, from pairs", None) for name in ("rain", "snow", "raindrop", "haze", "real-noise")),
    *(Task(name, damage.title, None, damage=damage) for name, damage in DAMAGES.items()),
)
TASKS: dict[str, Task] = {task.name: task for task in _ALL}


def find_task(name: str) -> Task:
    """The task called ``name``; DreamCleanError if there is none."""
    if name not in TASKS:
        raise DreamCleanError(f"there is no task '{name}'; there are {', '.join(TASKS)}")
    return TASKS[name]


def settled(task: Task, result: Tensor, reference: Tensor) -> Tensor:
    """``result`` the way round that lies nearer to ``reference``, where the measurement leaves that open."""
    turned = result.flip(-2, -1)
    nearer = (turned - reference).square().mean() < (result - reference).square().mean()
    return turned if task.turns and nearer else result


def shown(task: Task, measurement: Tensor, size: torch.Size) -> Tensor:
    """A measurement as the picture that a person has: enlarged pixel by pixel to ``size``, grey in three channels.

    Of a measurement that is not a picture nothing can be seen: mid-grey.
    """
    if not task.sees_picture:
        return torch.full(size, 0.5)
    return F.interpolate(measurement, size[-2:], mode="nearest").expand(-1, 3, -1, -1).clamp(0, 1)

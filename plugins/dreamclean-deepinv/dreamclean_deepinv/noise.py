"""deepinv's noise models as the noise of an operator."""

from typing import Any

from deepinv.physics import GaussianNoise, PoissonGaussianNoise, PoissonNoise, UniformNoise, ZeroNoise
from torch import Tensor

from dreamclean import DreamCleanError


def noise_of(model: Any) -> dict[str, float]:
    """The settings ``noise`` and ``poisson`` of an operator for deepinv's noise ``model``.

    deepinv's Poisson noise of gain g has variance g A x, ours A x / (255 rate), so rate = 1 / (255 g). Uniform noise in
    [-a, a] is taken as Gaussian of its variance, a^2 / 3.

    Raises:
        DreamCleanError: for any other noise, and for levels that differ within a batch.
    """
    if model is None or isinstance(model, ZeroNoise):
        return {}
    if isinstance(model, GaussianNoise):
        return {"noise": _one(model.sigma)}
    if isinstance(model, UniformNoise):
        return {"noise": _one(model.a) / 3**0.5}
    if isinstance(model, PoissonGaussianNoise):
        return {"noise": _one(model.sigma), "poisson": _rate(model.gain)}
    if isinstance(model, PoissonNoise) and model.normalize:
        return {"poisson": _rate(model.gain)}
    what = type(model).__name__
    raise DreamCleanError(f"noise {what} is none that DreamClean knows; say its standard deviation, noise=0.05")


def _rate(gain: Tensor) -> float:
    return 1 / (255 * _one(gain))


def _one(level: Tensor) -> float:
    """The level that is the same for all images."""
    if not (level == level.flatten()[0]).all():
        raise DreamCleanError("the physics' noise differs within the batch; restore its images one by one")
    return float(level.flatten()[0])

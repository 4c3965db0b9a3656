"""BM3D (Dabov, Foi, Katkovnik & Egiazarian, IEEE TIP 2007), by its authors' package."""

from importlib import import_module
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from dreamclean import DreamCleanError, Identity, Operator, Prior
from dreamclean_bench.method import Method, Problem

_SMALLEST = 16  # side in pixels; the package's blocks do not fit into less, and it crashes there


class BM3D(Method):
    """Block matching and 3-D filtering for white Gaussian noise of a known level.

    Poisson noise, and Gaussian noise with it, is made even before and after (the generalised Anscombe transform and its
    closed-form unbiased inverse, Makitalo & Foi 2011, 2013); of other noise that differs from pixel to pixel it gets the root mean square. It gets the unclipped measurement if
    that is the noisy image itself, else the picture shown. Uses the package ``bm3d`` (profile ``np``; ``bm3d_rgb``,
    or ``bm3d`` for equal channels, for which ``bm3d_rgb`` divides by zero). Its licence allows non-commercial use only.
    """

    name = "bm3d"
    paper: ClassVar[str] = "Image denoising by sparse 3-D transform-domain collaborative filtering (IEEE TIP 2007)"
    uses_prior: ClassVar[bool] = False
    sigma: float | None = Field(
        default=None, gt=0, le=255, description="Noise standard deviation, [0, 255] scale; none: the operator's"
    )

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        if operator is not None and not operator.viewable:
            return "needs a picture"
        known = operator is not None and (operator.noise > 0 or operator.poisson > 0)
        return "" if known or self.sigma else "needs the noise level; give sigma, on the [0, 255] scale"

    def restore(self, problem: Problem) -> Tensor:
        try:
            package = import_module("bm3d")
        except ImportError as error:
            raise DreamCleanError(
                'bm3d is not installed; install it with pip install "dreamclean-bench[bm3d]"'
            ) from error
        if self.sigma:
            sigma = self.sigma / 255
        else:
            assert problem.operator is not None
            sigma = float(torch.as_tensor(problem.operator.noise_variance(problem.y)).mean().sqrt())
        given = problem.y if isinstance(problem.operator, Identity) else problem.shown
        height, width = given.shape[2:]
        margin = (0, max(0, _SMALLEST - width), 0, max(0, _SMALLEST - height))
        noisy = F.pad(given, margin, mode="replicate").double().cpu().permute(0, 2, 3, 1).numpy()
        operator = problem.operator
        if isinstance(operator, Identity) and operator.poisson and not self.sigma:
            scale, read = 255 * operator.poisson, operator.noise * 255 * operator.poisson
            denoised = [_unstable(_even(package, _stable(image * scale, read)), read) / scale for image in noisy]
        else:
            denoised = [_denoised(package, image, sigma) for image in noisy]
        clean = torch.from_numpy(np.stack(denoised))
        return clean.permute(0, 3, 1, 2)[..., :height, :width].to(given)


def _stable(counts: np.ndarray, read: float) -> np.ndarray:
    """Counts with Poisson noise, and Gaussian noise ``read`` wide, to values whose noise is 1 wide."""
    return np.asarray(2 * np.sqrt(np.maximum(counts + 3 / 8 + read**2, 0)))


def _unstable(values: np.ndarray, read: float) -> np.ndarray:
    """The counts whose values have these means: the closed-form approximation of the exact unbiased inverse."""
    d = np.maximum(values, 2 * np.sqrt(3 / 8))
    root = np.sqrt(3 / 2)
    return np.asarray(d**2 / 4 + root / 4 / d - 11 / 8 / d**2 + 5 / 8 * root / d**3 - 1 / 8 - read**2)


def _even(package: Any, values: np.ndarray) -> np.ndarray:
    """Values whose noise is 1 wide, without it."""
    low, width = float(values.min()), float(np.ptp(values)) or 1.0
    return np.asarray(_denoised(package, (values - low) / width, 1 / width) * width + low)


def _denoised(package: Any, image: np.ndarray, sigma: float) -> np.ndarray:
    """``image`` (H, W, 3) without its noise."""
    if np.ptp(image, axis=2).any():
        return np.asarray(package.bm3d_rgb(image, sigma))
    grey = np.asarray(package.bm3d(image[..., 0], sigma))
    return grey.reshape(*image.shape[:2], 1).repeat(3, axis=2)

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

    If the noise differs from pixel to pixel, it gets the root mean square. It gets the unclipped measurement if
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
        clean = torch.from_numpy(np.stack([_denoised(package, image, sigma) for image in noisy]))
        return clean.permute(0, 3, 1, 2)[..., :height, :width].to(given)


def _denoised(package: Any, image: np.ndarray, sigma: float) -> np.ndarray:
    """``image`` (H, W, 3) without its noise."""
    if np.ptp(image, axis=2).any():
        return np.asarray(package.bm3d_rgb(image, sigma))
    grey = np.asarray(package.bm3d(image[..., 0], sigma))
    return grey.reshape(*image.shape[:2], 1).repeat(3, axis=2)

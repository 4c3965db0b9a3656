"""A mixture of Gaussians or Diracs around given images, with its exact score."""

from pathlib import Path
from typing import Literal

import torch
from pydantic import Field, PrivateAttr
from torch import Tensor

from dreamclean.contracts.codec import PixelCodec
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.levels import DDPMSchedule, FlowSchedule, Level, Schedule, VESchedule
from dreamclean.contracts.model import Model
from dreamclean.contracts.prior import Prior
from dreamclean.pictures.picture import Picture, is_picture

_SCHEDULES: dict[str, Schedule] = {"ddpm": DDPMSchedule.linear(), "ve": VESchedule(), "flow": FlowSchedule()}


class Mixture(Prior):
    """Equal mixture of isotropic Gaussians (or Diracs) around given images, with its exact score.

    For p(x0) = (1/K) sum_k N(m_k, w^2 I) the posterior mean at x_t = a x0 + s eps is
    E[x0|x_t] = sum_k p_k (m_k + a w^2 / v (x_t - a m_k)), v = a^2 w^2 + s^2,
    p_k proportional to exp(-|x_t - a m_k|^2 / 2v). For tests and teaching.
    """

    name = "mixture"
    path: str = Field(
        default="", description="Folder of images of one size; or build it in Python with Mixture.around(images)"
    )
    std: float = Field(default=0.0, ge=0, description="Standard deviation around each image, [0, 1] scale; 0: Diracs")
    family: Literal["ddpm", "ve", "flow"] = Field(default="ddpm", description="Family of noise levels")
    _means: Tensor | None = PrivateAttr(None)

    @classmethod
    def around(cls, images: Tensor, std: float = 0.0, family: Literal["ddpm", "ve", "flow"] = "ddpm") -> "Mixture":
        """A mixture around ``images`` (K, 3, H, W) in [0, 1]."""
        prior = cls(std=std, family=family)
        prior._means = PixelCodec().encode(images)
        return prior

    def from_python(self) -> bool:
        return not self.path and self._means is not None

    @property
    def schedule(self) -> Schedule:
        """The noise levels of its family."""
        return _SCHEDULES[self.family]

    @property
    def source(self) -> Path | None:
        return Path(self.path) if self.path and Path(self.path).exists() else None

    @property
    def means(self) -> Tensor:
        """The mixture's centres, shape (K, 3, H, W), in [-1, 1]."""
        return PixelCodec().encode(_read_folder(self.path)) if self._means is None else self._means

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        if self.path:
            return self.around(_read_folder(self.path), self.std, self.family).load(device, dtype)
        return Model(self.schedule, self.predict)

    def predict(self, x: Tensor, level: Level) -> Tensor:
        """eps of latents ``x`` (B, 3, H, W) at ``level``, sigma > 0."""
        means = self.means.to(x)
        if means.shape[1:] != x.shape[1:]:
            raise DreamCleanError(
                f"the mixture's images are {tuple(means.shape[1:])}, this one is {tuple(x.shape[1:])}; give images of one size"
            )
        w2 = (2 * self.std) ** 2
        v = level.alpha**2 * w2 + level.sigma**2
        offset = x[:, None] - level.alpha * means[None]
        weights = torch.softmax(-offset.square().flatten(2).sum(-1) / (2 * v), dim=1)
        x0 = torch.einsum("bk,bkchw->bchw", weights, means[None] + level.alpha * w2 / v * offset)
        return Estimate.from_x0(x, level, x0).eps


def _read_folder(path: str) -> Tensor:
    files = sorted(p for p in Path(path).glob("*") if is_picture(p)) if path else []
    if not files:
        raise DreamCleanError(f"no images in '{path}'; give mixture:path=FOLDER")
    images = [Picture.open(p).pixels for p in files]
    if len({i.shape for i in images}) > 1:
        raise DreamCleanError(f"the images in '{path}' differ in size; the mixture needs one size")
    return torch.cat(images)

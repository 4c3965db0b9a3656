"""DreamClean as a reconstructor of deepinv."""

from typing import Any

import deepinv
import torch
from torch import Tensor

from dreamclean import Restoration, Restorer
from dreamclean.contracts.component import Spec
from dreamclean.recipe.noise import parse_noise
from dreamclean_deepinv.physics import PhysicsOperator


class DreamClean(deepinv.models.Reconstructor):
    """Restores measurements of a linear physics, ``model(y, physics)``, with a prior; ``blind``: pictures, without it.

    Args:
        prior: as ``Restorer`` takes it; None: the installed default.
        blind: treat ``y`` as a picture (B, 3, H, W) with unknown damage, whatever the physics.
        clip: clip the images to [0, 1].
        device: where the prior is loaded. Measurements on another one are restored there, with the prior loaded anew.
        settings: any other of ``Restorer``: ``strength``, ``steps``, ``seed``, ``guidance``, ...
    """

    def __init__(
        self,
        prior: Spec | None = None,
        *,
        blind: bool = False,
        clip: bool = True,
        device: str | torch.device = "cpu",
        **settings: Any,
    ) -> None:
        super().__init__(device)
        self.blind, self.clip = blind, clip
        self.settings = {"device": str(device), **settings}
        self.restorer = self._restorer(prior)

    def _restorer(self, prior: Spec | None) -> Restorer:
        of_operators = () if self.blind else ("guidance", "noise")  # which there is not, before there is a physics
        return Restorer(prior, **{name: value for name, value in self.settings.items() if name not in of_operators})

    def restore(self, y: Tensor, physics: Any = None) -> Restoration[Tensor]:
        """The restoration, with its number of evaluations and its recipe; not clipped.

        DreamCleanError for a physics that is not linear.
        """
        if y.device != self.restorer.device:
            self.settings["device"] = str(y.device)
            self.restorer = self._restorer(self.restorer.prior)
        if self.blind or physics is None:
            return self.restorer(y)
        noise = self.settings.get("noise")
        operator, known = PhysicsOperator.of(physics, **({} if noise is None else parse_noise(noise))), self.restorer
        return Restorer(known.prior, model=known.model, operator=operator, **self.settings)(y)

    def forward(self, y: Tensor, physics: Any = None, **kwargs: Any) -> Tensor:
        """The restored images, (B, 3, H, W) in [0, 1]."""
        image = self.restore(y, physics).image
        return image.clamp(0, 1) if self.clip else image

"""Projection with an error that depends on the frequency."""

import torch
from pydantic import Field
from torch import Tensor

from dreamclean.builtin.noise.stationary import radial_nodes
from dreamclean.contracts.codec import Codec
from dreamclean.contracts.covariance import silent
from dreamclean.contracts.double import double, single
from dreamclean.contracts.estimate import Estimate, Predict
from dreamclean.contracts.guidance import Guidance
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator

HALVINGS = 2
"""Projections are made at r, r / 2 and r / 4; between them a frequency gets a mixture of its neighbours."""
NODES = 64
"""Radial frequencies at which the error is estimated."""


class SpectralProjection(Guidance):
    """Projection, with the error of x0 estimated at each spatial frequency from x0's own spectrum.

    ``projection`` takes r = s / a for the standard deviation of x0 at all frequencies. In smooth pictures there is
    far less than that to be wrong by at high ones, and an ill-conditioned A^-1 turns the difference into noise.
    The posterior mean of a Gaussian picture of power P(f) has the power Q = P^2 / (P + r^2) and an error of the variance
    v = P - Q = (sqrt(Q^2 + 4 Q r^2) - Q) / 2. Photographs are rougher here than there, so ``margin`` v is taken, and at most r^2:
    where the picture has enough of a frequency it is ``projection``.
    """

    name = "spectral-projection"
    margin: float = Field(default=6.0, ge=1, description="Variance of the error, as a multiple of a Gaussian picture's")

    def __call__(
        self, predict: Predict, x: Tensor, level: Level, operator: Operator, y: Tensor, codec: Codec
    ) -> Estimate:
        image = codec.decode(predict(x, level).x0)
        image = self._projected(image, operator, y, level.ratio * codec.pixel_scale)
        return Estimate.from_x0(x, level, codec.encode(image))

    def _projected(self, image: Tensor, operator: Operator, y: Tensor, r: float) -> Tensor:
        if silent(operator.noise_covariance(y)):  # the same whatever the error is
            return operator.project(image, y, r)
        halvings = self._halvings(image, r)
        made = image
        for k in range(HALVINGS + 1):
            weight = (1 - (halvings - k).abs()).clamp(min=0)
            if weight.any():
                step = operator.project(image, y, r / 2**k) - image
                made = made + (step if (weight == 1).all() else _filtered(step, weight))
        return made

    def _halvings(self, image: Tensor, r: float) -> Tensor:
        """How many times r is to be halved for the error, 0 to HALVINGS, at the frequencies (B, 1, 2H, W + 1)."""
        height, width = image.shape[2:]
        radius = radial_nodes(2 * height, 2 * width, NODES).flatten().to(image.device)
        power = double(torch.zeros(len(image), NODES, device=image.device))
        for n in range(image.shape[1]):
            transform = torch.fft.rfft2(_mirrored(image[:, n : n + 1]), norm="ortho")
            power.index_add_(1, radius, double(transform.abs().square().flatten(1)))
        power = power / (image.shape[1] * torch.bincount(radius, minlength=NODES).clamp(min=1))
        error = self.margin * ((power**2 + 4 * power * r**2).sqrt() - power) / 2
        halvings = (r / error.clamp(min=1e-12).sqrt()).log2().clamp(0, HALVINGS)
        return halvings.float()[:, radius].view(-1, 1, 2 * height, width + 1)


def _mirrored(image: Tensor) -> Tensor:
    """(B, C, 2H, 2W): the picture and its mirror images, so that it has no seams; at least in single precision."""
    image = single(image)
    image = torch.cat([image, image.flip(2)], 2)
    return torch.cat([image, image.flip(3)], 3)


def _filtered(image: Tensor, weight: Tensor) -> Tensor:
    """``image`` (B, C, H, W), its frequencies times ``weight`` (B, 1, 2H, W + 1)."""
    height, width = image.shape[2:]
    made = torch.empty_like(image)
    for n in range(image.shape[1]):  # channel by channel, for large pictures
        transform = torch.fft.rfft2(_mirrored(image[:, n : n + 1]))
        back = torch.fft.irfft2(transform * weight.to(transform.real), s=(2 * height, 2 * width))
        made[:, n : n + 1] = back[..., :height, :width]
    return made

"""Pictures of one tint: all their colours lie on a line, grey ones on that of the greys."""

from typing import NamedTuple

import torch
from torch import Tensor

OFF = 2.5
"""How far from its line a tinted picture's colour may be, in units: what rounding does."""


class Line(NamedTuple):
    """Colours ``centre`` + t ``direction``, both (3,); ``direction`` is of norm 1."""

    centre: Tensor
    direction: Tensor

    def along(self, x: Tensor) -> Tensor:
        """Where on the line (..., 1, H, W) the colours of ``x`` (..., 3, H, W) are nearest to."""
        weights = self.direction.to(x).view(3, 1, 1)
        return ((x - self.centre.to(x).view(3, 1, 1)) * weights).sum(-3, keepdim=True)

    def nearest(self, x: Tensor) -> Tensor:
        """``x`` (..., 3, H, W) moved to the line; to the greys so that the channels are equal."""
        if (self.direction == self.direction[0]).all():
            return x.mean(-3, keepdim=True).expand_as(x).contiguous()
        return self.centre.to(x).view(3, 1, 1) + self.along(x) * self.direction.to(x).view(3, 1, 1)


def line_of(image: Tensor, unit: float = 1 / 255) -> Line | None:
    """The line on which the colours of ``image`` (3, H, W) lie, to the ``unit`` of its rounding; None: colours, or flat."""
    if (image[0] == image[1]).all() and (image[0] == image[2]).all():
        return Line(torch.zeros(3), torch.full((3,), 3**-0.5))
    colours = image.flatten(1).cpu().double()
    centre = colours.mean(1, keepdim=True)
    power, axes = torch.linalg.eigh((colours - centre) @ (colours - centre).T / colours.shape[1])
    if power[2].sqrt() < 4 * unit or power[1].sqrt() > unit:
        return None
    line = Line(centre[:, 0].float(), axes[:, 2].float())
    return line if float((image - line.nearest(image)).abs().max()) <= OFF * unit else None

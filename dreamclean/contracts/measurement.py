"""What was measured of a picture."""

from typing import NamedTuple

from torch import Tensor

from dreamclean.contracts.codec import Codec
from dreamclean.contracts.operator import Operator


class Measurement(NamedTuple):
    """A measurement, and what made it."""

    operator: Operator
    y: Tensor
    """(B, ...), as ``operator.measure`` makes it from images in [0, 1]."""
    codec: Codec
    """Between latents and images in [0, 1]."""

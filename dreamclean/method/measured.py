"""A picture as a measurement."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator
from dreamclean.pictures.picture import Picture

EIGHT_BIT = 1 / 255 / 12**0.5
"""Standard deviation of the rounding to 8 bits: no picture file is more exact than this."""


def measured(pixels: Tensor, operator: Operator | None) -> tuple[Tensor, Operator | None]:
    """The measurement of ``operator`` in the pixels (B, 3, H, W) of a picture file, and the operator with its noise."""
    if operator is None:
        return pixels, None
    if not operator.viewable:
        raise DreamCleanError(f"a measurement of {operator.name} is not a picture; give it from Python as a tensor")
    noisy = operator.model_copy(update={"noise": max(operator.noise, EIGHT_BIT)})
    return operator.from_picture(pixels), noisy


NO_FILE: Mapping[str, Any] = MappingProxyType({"transparent": False, "jpeg": None})
"""What a planner learns about an image that comes from no file."""


def info_of(picture: Picture) -> dict[str, Any]:
    """What a planner learns about a picture's file.

    ``transparent``: whether it is so all over. ``jpeg``: the settings of the operator ``jpeg`` with which it was
    compressed (``tables``, ``subsampling``, ``shift``), as plain data; None where the file does not say.
    """
    return {"transparent": picture.hidden, "jpeg": picture.jpeg}

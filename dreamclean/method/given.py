"""What a restorer accepts, and checks of tensors."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamclean.contracts.brief import brief
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.trial import channel_advice
from dreamclean.pictures.picture import Picture
from dreamclean.recipe.recipe import Recipe, make_recipe, read_recipe

File = Path | str | Image.Image
"""A picture that comes back as a PIL image."""

Given = File | np.ndarray | Tensor
"""A picture, or a batch of images as a tensor."""

T = TypeVar("T")
FileT = TypeVar("FileT", bound=File)
ArrayT = TypeVar("ArrayT", np.ndarray, Tensor)
Several = list[T] | tuple[T, ...]
"""Pictures, and batches, that are restored one after the other."""

Seed = int | Sequence[int] | None
"""One for every image of a batch, or one for each; None: the recipe's."""

Seeds = Seed | Sequence[Seed]
"""Of a list of pictures: one seed for all, or one for each."""

_LONGEST = 4096
"""Characters of a path, more than most systems allow; longer text is a file's content."""


def opened(image: Path | str | Image.Image, max_megapixels: float | None = None) -> Picture:
    """The picture; DreamCleanError for anything else, named by its type and not by its content."""
    if isinstance(image, Path | str):
        return Picture.open(path_of(image), max_megapixels)
    if not isinstance(image, Image.Image):
        hint = "; open it with PIL.Image.open(io.BytesIO(...))" if isinstance(image, bytes | bytearray) else ""
        raise DreamCleanError(
            "a picture is a path, a PIL image, an array (H, W, 3), a tensor (B, 3, H, W), or a list of these, "
            f"not {brief(image)}{hint}"
        )
    return Picture.from_pil(image)


def recipe_of(recipe: Recipe | Mapping[str, Any] | Path | str | None) -> Recipe:
    """A recipe, its fields, or the file that holds it."""
    if isinstance(recipe, Recipe):
        return recipe
    if isinstance(recipe, Path | str):
        return read_recipe(path_of(recipe))
    if recipe is not None and not isinstance(recipe, Mapping):
        raise DreamCleanError(f"a recipe is a Recipe, its fields as a dict, or a file, not {brief(recipe)}")
    return make_recipe(**recipe or {})


def path_of(path: Path | str) -> Path:
    """The path; DreamCleanError if it is too long to be one."""
    if len(str(path)) > _LONGEST:
        raise DreamCleanError(f"a path of {len(str(path))} characters is not a file name; give the name of a file")
    return Path(path)


def check_values(image: Tensor, operator: Operator | None = None) -> None:
    """DreamCleanError unless the values are numbers and, for a picture (or a measurement that is one), near [0, 1]."""
    picture = operator is None or operator.viewable
    if image.is_complex():
        raise DreamCleanError("the tensor is complex; give its real and imaginary parts, as torch.view_as_real does")
    if not image.is_floating_point():
        raise DreamCleanError(f"the tensor is {image.dtype}; give floating-point values in [0, 1]")
    if not image.numel():
        return
    other = f"; if a measurement of {operator.name} is no picture, its class says viewable = False" if operator else ""
    if not image.isfinite().all() or (picture and image.abs().max() > 8):
        raise DreamCleanError(f"the tensor's values are not in [0, 1]; scale them (8-bit values: divide by 255){other}")
    if picture and _signed(image, operator.noise if operator else 0.0):
        raise DreamCleanError(
            f"the tensor's values look like [-1, 1]; scale them to [0, 1], which is (x + 1) / 2{other}"
        )


def _signed(image: Tensor, noise: float) -> bool:
    """Whether the values fill [-1, 1]: some means of 4 x 4 pixels are darker than noise could make them."""
    if image.ndim != 4 or not image.numel() or image.abs().max() > 1.01:
        return False
    means = F.avg_pool2d(image.float(), min(4, *image.shape[2:]))
    return bool(means.min() < -0.25 - 2 * noise)


def check_shape(y: Tensor, operator: Operator | None) -> None:
    """DreamCleanError unless ``y`` is a batch of colour pictures, or a measurement of ``operator``."""
    channels = "3" if operator is None else "C"
    if y.numel() == 0 or ((operator is None or operator.viewable) and y.ndim != 4):
        raise DreamCleanError(f"the tensor is {tuple(y.shape)}; give (B, {channels}, H, W), one image or more")
    if operator is None and y.shape[1] != 3:
        raise DreamCleanError(f"the tensor is {tuple(y.shape)}; give (B, 3, H, W)")
    if operator is not None:
        fitting = operator.degrade(torch.zeros(operator.image_shape(y), dtype=y.dtype, device=y.device)).shape
        if fitting != y.shape:
            advice = channel_advice(fitting, y) or "give what it makes"
            raise DreamCleanError(
                f"the measurement is {tuple(y.shape)}, {operator.name} makes {tuple(fitting)}; {advice}"
            )

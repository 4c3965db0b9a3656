"""A blur that is taken for less wide than it was."""

from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.operators.kernels import gaussian_size


def narrowed(blur: Blur, share: float) -> Blur:
    """``blur`` with ``share`` (below 1) of its width; of a box the next smaller one, as its side is an odd number."""
    if blur.shape == "motion":
        return blur.model_copy(update={"length": share * blur.length, "width": share * blur.width})
    if blur.shape == "defocus":
        return blur.model_copy(update={"radius": share * blur.radius})
    if blur.shape == "uniform":
        return blur.model_copy(update={"size": max(1, blur.size - 2)})
    std = share * blur.std[0]
    return blur.model_copy(update={"std": (std,), "size": gaussian_size(std)})

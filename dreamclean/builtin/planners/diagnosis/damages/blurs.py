"""Blur: of the lens, of the focus, of the hand."""

from torch import Tensor

from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.operators.kernels import gaussian_size
from dreamclean.builtin.planners.diagnosis.damage import blurred
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, eight_bit, noise_text, normal


def gaussian(x: Tensor, seed: int, std: float = 1.5, noise: float = 2.0) -> Damaged:
    """A Gaussian of ``std`` pixels, then white noise of ``noise`` of 255."""
    y = blurred(x, std) + noise / 255 * normal(x, seed)
    text = f"blur:shape=gaussian,size={gaussian_size(std)},std={std:.4g},{noise_text(noise / 255)}"
    return Damaged(eight_bit(y), x, text)


def defocus(x: Tensor, seed: int, radius: float = 2.5, noise: float = 2.0) -> Damaged:
    """Out of focus: a disc of ``radius`` pixels, then white noise of ``noise`` of 255."""
    y = Blur(shape="defocus", radius=radius).degrade(x) + noise / 255 * normal(x, seed)
    return Damaged(eight_bit(y), x, f"blur:shape=defocus,radius={radius:.4g},{noise_text(noise / 255)}")


def motion(x: Tensor, seed: int, length: float = 9.0, noise: float = 2.0, width: float = 0.0) -> Damaged:
    """A straight line of ``length`` pixels at an angle that the seed chooses, then white noise of ``noise`` of 255.

    ``width``: standard deviation across the line, in pixels.
    """
    blur = Blur(shape="motion", length=length, angle=seed * 37 % 180, width=width)
    across = f",width={width:.4g}" if width else ""
    text = f"blur:shape=motion,length={length:.4g},angle={blur.angle:.4g}{across},{noise_text(noise / 255)}"
    return Damaged(eight_bit(blur.degrade(x) + noise / 255 * normal(x, seed)), x, text)

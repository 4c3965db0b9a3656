"""What the scripts of the gallery share: the photograph, and pictures side by side."""

from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor

from dreamclean import Picture

PHOTO = Picture.open(Path(__file__).parents[2] / "contrib/demo/coffee.png").pixels
"""A cup of coffee by Rachel Michetti (CC0), as distributed with scikit-image: (1, 3, 384, 384) in [0, 1]."""


def dice(seed: int = 0) -> torch.Generator:
    """Random numbers that are the same every time."""
    return torch.Generator().manual_seed(seed)


def psnr(image: Tensor, reference: Tensor) -> float:
    """Peak signal-to-noise ratio in dB, of pictures in [0, 1]."""
    return float(-10 * (image - reference).square().mean().log10())


def panels(pictures: dict[str, Tensor], reference: Tensor | None = None) -> None:
    """Draw pictures (1, C, H, W) in [0, 1] side by side, and their PSNR if they have the size of a reference."""
    columns = 2 if len(pictures) in (2, 4) else 3
    rows = -(-len(pictures) // columns)
    _, axes = plt.subplots(rows, columns, figsize=(2.2 * columns, 2.6 * rows), squeeze=False, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, (title, picture) in zip(axes.flat, pictures.items(), strict=False):
        axis.set_title(labelled(title, picture, reference), fontsize=11)
        pixels = picture[0].clamp(0, 1).movedim(0, -1).float().numpy()
        axis.imshow(pixels, interpolation="nearest", cmap="grey", vmin=0, vmax=1)


def labelled(title: str, picture: Tensor, reference: Tensor | None) -> str:
    """The title, and how far the picture is from the reference, where the two can be compared."""
    if reference is None or picture is reference or picture.shape != reference.shape:
        return title
    return f"{title}\n{psnr(picture, reference):.1f} dB"

"""What is painted, as masks."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dreamclean import DreamCleanError

paint = pytest.importorskip(
    "dreamclean_app.page.paint", reason="gradio is not installed: make test-app runs these tests"
)


def layer(**strokes: tuple[slice, slice]) -> Image.Image:
    """A layer 20 x 10 with strokes of the two colours."""
    pixels = np.zeros((10, 20, 4), np.uint8)
    for name, place in strokes.items():
        colour = {"red": paint.REPAIR, "blue": paint.PROTECT}[name]
        pixels[place] = [*bytes.fromhex(colour[1:]), 255]
    return Image.fromarray(pixels)


def test_masks_are_of_the_picture_s_size_and_by_colour(tmp_path: Path) -> None:
    red, blue = (slice(0, 5), slice(0, 5)), (slice(5, 10), slice(10, 20))
    found = paint.masks({"layers": [layer(red=red, blue=blue)]}, (40, 20), tmp_path)
    masks = {name: np.asarray(Image.open(path)) == 255 for name, path in found.items()}
    assert {name: mask.shape for name, mask in masks.items()} == {"mask": (20, 40), "keep": (20, 40)}
    assert masks["mask"][:10, :10].all() and masks["mask"].sum() == 100
    assert masks["keep"][10:, 20:].all() and masks["keep"].sum() == 200


@pytest.mark.parametrize("painted", [None, {}, {"layers": []}, {"layers": [layer()]}, {"background": None}])
def test_masks_are_none_where_nothing_is_painted(painted, tmp_path: Path) -> None:
    assert paint.masks(painted, (40, 20), tmp_path) == {}


def test_masks_of_a_picture_without_a_layer_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match="still being loaded; press Restore again"):
        paint.masks({"background": layer(), "layers": [], "composite": layer()}, (40, 20), tmp_path)

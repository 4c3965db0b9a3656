"""Between the picture that was given and the restored one, without a new run."""

import io
import json
import shutil
from pathlib import Path

import torch.nn.functional as F

from dreamclean import DreamCleanError, Picture
from dreamclean.pictures.decoding import decoded
from dreamclean.pictures.picture import RECIPE_KEY, write_atomically
from dreamclean.pictures.saving import png_text

BLEND_KEY = "dreamclean_blend"
"""Text in a blended PNG, beside its recipe: the share of the restored picture, from 0 to 1."""


def blended(original: Path, restored: Path, share: float, target: Path) -> Path:
    """Write ``share`` of the ``restored`` PNG and the rest of ``original`` to ``target``; 1: the restored file itself.

    An original of another size is resized to that of the result. The recipe goes along.
    """
    if not 0 <= share <= 1:
        raise DreamCleanError(f"the share of the restored picture is from 0 to 1, not {share:g}")
    if share == 1:
        shutil.copyfile(restored, target)
        return target
    any_size = float("inf")  # it was found bearable before the picture was restored
    result, given = Picture.open(restored, any_size), Picture.open(original, any_size).pixels
    if given.shape[-2:] != result.pixels.shape[-2:]:
        size = result.pixels.shape[-2:]
        given = F.interpolate(given, size, mode="bicubic", antialias=True).clamp(0, 1)
    image = result.with_pixels(given + share * (result.pixels - given))
    with decoded(restored, any_size) as file:
        text = png_text(getattr(file.image, "text", {}).get(RECIPE_KEY), image.info.get("xmp"))
    text.add_itxt(BLEND_KEY, json.dumps(round(share, 4)))
    kept = {key: image.info[key] for key in ("icc_profile", "exif") if key in image.info}
    data = io.BytesIO()
    image.save(data, "PNG", pnginfo=text, **kept)
    write_atomically(target, data.getvalue())
    return target

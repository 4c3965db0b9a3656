"""A picture that explains a restoration: what was given, what was found, what is left of it, and the result."""

from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dreamclean.builtin.operators.inpaint import Inpaint
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.method.measured import measured
from dreamclean.pictures.picture import save

LOUDER = 4.0
"""Differences are shown so many times as strong, around middle grey."""
_GAP, _LINE, _SIZE = 8, 22, 14


def check(path: Path) -> None:
    """DreamCleanError unless ``draw`` can write ``path``."""
    if path.suffix.lower() != ".png":
        raise DreamCleanError(f"{path} cannot be drawn; choose a name that ends in .png")


def draw(given: Tensor, found: Diagnosis | None, result: Tensor, path: Path) -> None:
    """Four pictures (1, 3, H, W) in [0, 1] side by side, with ``found`` in words below, into the PNG file ``path``.

    Where the result has another size, ``given`` is shown at that size.
    """
    height, width = result.shape[-2:]
    shown = given if given.shape == result.shape else F.interpolate(given, (height, width), mode="bicubic").clamp(0, 1)
    panels = {
        "the picture": shown,
        **_evidence(given, found, result),
        f"taken away, x {LOUDER:g}": _difference(shown, result),
        "the result": result,
    }
    sheet = Image.new("RGB", (len(panels) * (width + _GAP) + _GAP, height + 2 * _LINE + 2 * _GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(_SIZE)
    for k, (title, pixels) in enumerate(panels.items()):
        left = _GAP + k * (width + _GAP)
        pen.text((left, 2), title, fill="black", font=font)
        sheet.paste(_image(pixels), (left, _LINE))
    words = found.words() if found else "nothing was looked for"
    pen.text((_GAP, height + _LINE + _GAP), words, fill="black", font=font)
    save(sheet, path)


def _evidence(given: Tensor, found: Diagnosis | None, result: Tensor) -> dict[str, Tensor]:
    """Where pixels are lost, in red; or what the operator does not explain."""
    operator = found.operator if found else None
    if operator is None:
        return {}
    if isinstance(operator, Inpaint):
        lost = operator.known(*given.shape[-2:]) == 0
        red = torch.tensor([1.0, 0.0, 0.0]).view(1, 3, 1, 1)
        return {"lost pixels": torch.where(lost.cpu(), red, given.cpu())}
    y, noisy = measured(given, operator)
    if noisy is None or y.shape != given.shape:
        return {}
    return {f"not explained, x {LOUDER:g}": _difference(y, noisy.degrade(result))}


def _difference(one: Tensor, other: Tensor) -> Tensor:
    return 0.5 + LOUDER * (one - other)


def _image(pixels: Tensor) -> Image.Image:
    values = (pixels[0].detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    return Image.fromarray(values)

"""Painting on the picture: red is what is to be repaired, blue what must not be touched."""

from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image

from dreamclean import DreamCleanError

REPAIR, PROTECT = "#e5484d", "#2f6feb"
_OPAQUE = 64

READY = """async (...values) => {
  while (!document.querySelector("#dc-paint [aria-label=Undo]")) await new Promise(done => setTimeout(done, 50));
  return values;
}"""
"""Before a picture is put under the brush: the editor is there. While it starts it would load the picture twice, and
the second time over a first stroke."""

TELL = "() => { window.editor?.notify('change'); return []; }"
"""Before the canvas is read: the editor is told of a change. It sends its given picture, without a layer, until it
has seen a change after loading that; so without a layer means not loaded."""


def editor() -> gr.ImageEditor:
    """The canvas with two brushes."""
    return gr.ImageEditor(
        show_label=False,
        height=600,
        type="pil",
        format="png",
        image_mode="RGBA",
        sources=(),
        transforms=(),
        layers=False,
        brush=gr.Brush(colors=[REPAIR, PROTECT], default_color=REPAIR, color_mode="fixed", default_size=16),
        canvas_size=(1200, 800),
        elem_id="dc-paint",
        buttons=["fullscreen"],
    )


def masks(painted: Any, size: tuple[int, int], folder: Path) -> dict[str, str]:
    """``mask`` and ``keep`` for a picture of ``size`` (width, height), as files in ``folder``; none for what is not painted.

    DreamCleanError where the editor gives its picture without a layer: it is not ready, and a stroke could be lost.
    """
    found = {}
    if painted and painted.get("background") is not None and not painted.get("layers"):
        raise DreamCleanError("the picture to paint on is still being loaded; press Restore again in a moment")
    layers = [np.asarray(layer.convert("RGBA")) for layer in (painted or {}).get("layers") or []]
    for name, chosen in (("mask", _red), ("keep", _blue)):
        parts = [chosen(layer) for layer in layers]
        if any(part.any() for part in parts):
            white = np.logical_or.reduce(parts).astype(np.uint8) * 255
            path = folder / f"{name}.png"
            Image.fromarray(white).resize(size, Image.Resampling.NEAREST).save(path)
            found[name] = str(path)
    return found


def _red(layer: np.ndarray) -> Any:
    return (layer[..., 3] > _OPAQUE) & (layer[..., 0].astype(int) > layer[..., 2])


def _blue(layer: np.ndarray) -> Any:
    return (layer[..., 3] > _OPAQUE) & (layer[..., 0].astype(int) <= layer[..., 2])

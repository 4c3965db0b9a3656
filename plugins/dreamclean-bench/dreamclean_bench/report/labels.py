"""Labels of points in a plot, placed so that they hide neither each other nor the points."""

from collections.abc import Sequence
from itertools import product
from typing import Any

Box = tuple[float, float, float, float]
"""Left, bottom, right, top in pixels."""


def place(axes: Any, points: Sequence[tuple[float, float, str]], size: float) -> None:
    """Write the label of each point (x, y, label) near it; a thin line leads to one that had to go further.

    The limits of ``axes`` (matplotlib) must be settled before.
    """
    figure = axes.figure
    renderer, scale = figure.canvas.get_renderer(), figure.dpi / 72
    pixels = [tuple(axes.transData.transform((x, y))) for x, y, _ in points]
    frame = axes.get_window_extent(renderer)
    taken: list[Box] = [_around(x, y, 5 * scale) for x, y in pixels]
    for index in sorted(range(len(points)), key=lambda i: -pixels[i][1]):
        (x, y), text = pixels[index], points[index][2]
        sample = axes.text(0, 0, text, fontsize=size, linespacing=1.0)
        extent = sample.get_window_extent(renderer)
        sample.remove()
        left, bottom = _spot(x, y, extent.width, extent.height, scale, taken, tuple(frame.extents))
        taken.append((left, bottom, left + extent.width, bottom + extent.height))
        centre = (left + extent.width / 2, bottom + extent.height / 2)
        far = abs(centre[1] - y) > extent.height * 1.2 or abs(centre[0] - x) > extent.width / 2 + 12 * scale
        axes.annotate(
            text,
            points[index][:2],
            ((centre[0] - x) / scale, (centre[1] - y) / scale),
            textcoords="offset points",
            ha="center",
            va="center",
            linespacing=1.0,
            fontsize=size,
            zorder=2.5,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "alpha": 0.8, "linewidth": 0},
            arrowprops={"arrowstyle": "-", "lw": 0.7, "color": "0.35", "shrinkA": 0, "shrinkB": 2} if far else None,
        )


def _spot(
    x: float, y: float, width: float, height: float, scale: float, taken: Sequence[Box], frame: Box
) -> tuple[float, float]:
    """The lower left corner of the nearest free place for a box, or of the least crowded one."""
    gap = 7 * scale
    sides = ((gap, -height / 2), (-gap - width, -height / 2), (-width / 2, gap), (-width / 2, -gap - height))
    shifts = sorted(product(range(-9, 10), range(-2, 3)), key=lambda s: abs(s[0]) + 2.5 * abs(s[1]))
    best: tuple[float, float, float] | None = None
    for (down, right), (dx, dy) in product(shifts, sides):
        left, bottom = x + dx + right * width * 0.6, y + dy + down * height * 0.75
        box = (left - 1, bottom - 1, left + width + 1, bottom + height + 1)
        overlap = sum(_overlap(box, other) for other in taken) + 4 * _outside(box, frame)
        if best is None or overlap < best[0]:
            best = (overlap, left, bottom)
        if overlap == 0:
            break
    assert best is not None
    return best[1:]


def _around(x: float, y: float, reach: float) -> Box:
    return x - reach, y - reach, x + reach, y + reach


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _outside(box: Box, frame: Box) -> float:
    """The part of ``box`` outside ``frame``, as an area."""
    return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, frame)

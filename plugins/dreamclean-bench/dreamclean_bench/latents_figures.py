"""Figures and numbers of ``latents``: the curves (paper, Fig. 5) and the latents themselves (Fig. 6, A2)."""

import io
from typing import Any

import torch
from torch import Tensor

from dreamclean import Evaluator, Level, Model
from dreamclean_bench.latents import CLEAN, WITH, WITHOUT, Curves, entropy
from dreamclean_bench.report.csv_files import csv_text
from dreamclean_bench.report.grid import Tile, sheet
from dreamclean_bench.report.plots import COLOURS, STYLE, save
from dreamclean_bench.runner import encode

_LOOKS = {CLEAN: (COLOURS[2], "-", "o"), WITHOUT: (COLOURS[1], "--", "s"), WITH: (COLOURS[0], "-", "^")}
_SIDE = 192
_TICKS = [sign * tick for tick in (0.25, 0.5, 1, 2, 5, 10, 20, 50, 100, 1000, 10000) for sign in (-1, 1)] + [0]


def as_csv(curves: Curves) -> str:
    """A line for each level: t, alpha, sigma, H; for each way mean and standard error of -1/N log q, and the distance to H."""
    columns = ("mean", "error", "difference")
    head = ["t", "alpha", "sigma", "entropy", "images", *(f"{way}: {c}" for way in curves.values for c in columns)]
    lines: list[list[Any]] = []
    stats = {way: curves.stats(way) for way in curves.values}
    for index, level in enumerate(curves.levels):
        line: list[Any] = [level.t, level.alpha, level.sigma, entropy(level), len(next(iter(curves.values.values())))]
        for found in stats.values():
            mean = found[index].mean
            line += [None if mean is None else mean + entropy(level), found[index].error, mean]
        lines.append(line)
    return csv_text(head, lines)


def draw_curves(curves: Curves, title: str = "") -> dict[str, bytes]:
    """-1/N log q over t with the entropy H, and beside it the difference of both, as ``svg`` and ``png``.

    Time runs as in sampling, from noise at the left to the picture at the right. Bands: standard error over images.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    with rc_context(STYLE):
        figure = Figure(figsize=(10.5, 4.4), dpi=110, layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        figure.suptitle(title, fontsize=10)
        times = [level.t for level in curves.levels]
        heights = torch.tensor([entropy(level) for level in curves.levels], dtype=torch.float64)
        left.plot(times, heights, color="0.45", linestyle=":", linewidth=2, label="entropy H")
        right.axhline(0, color="0.45", linestyle=":", linewidth=2, label="entropy H")
        for way in curves.values:
            stats = curves.stats(way)
            middle = torch.tensor([found.mean for found in stats], dtype=torch.float64)
            error = torch.tensor([found.error or 0.0 for found in stats], dtype=torch.float64)
            for axes, base in ((left, heights), (right, torch.zeros_like(heights))):
                _curve(axes, times, base + middle, error, way)
        left.set_ylabel("-1/N log q(x_t | x_0) in nats")
        right.set_ylabel("-1/N log q - H in nats (0: as in training)")
        right.set_yscale("symlog", linthresh=0.5, linscale=1.2)
        right.yaxis.set_major_locator(FixedLocator(_TICKS))
        right.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        right.yaxis.set_minor_locator(NullLocator())
        for axes in (left, right):
            axes.set_xlabel("t")
            axes.invert_xaxis()
            axes.grid(color="0.9", linewidth=0.6)
        left.legend(frameon=False)
        return save(figure)


def _curve(axes: Any, times: list[float], middle: Tensor, error: Tensor, way: str) -> None:
    colour, line, marker = _LOOKS[way]
    axes.fill_between(times, middle - error, middle + error, color=colour, alpha=0.2, linewidth=0)
    axes.plot(times, middle, color=colour, linestyle=line, marker=marker, markersize=3.5, linewidth=1.4, label=way)


@torch.no_grad()
def draw_latents(
    clean: Tensor,
    degraded: Tensor,
    ways: dict[str, list[tuple[Level, Tensor]]],
    model: Model,
    device: torch.device,
    columns: int = 5,
) -> bytes:
    """The first image's latents and the model's estimates of x_0 there, without and with VPS, as a PNG file.

    Columns: the pictures as they are, then ``columns`` levels from the top down.
    """
    evaluator = Evaluator(model)
    count = len(ways[WITHOUT])
    chosen = sorted({round(k * (count - 1) / max(1, columns - 1)) for k in range(columns)})
    heads = ["picture", *(f"t = {ways[WITHOUT][k][0].t:g}" for k in chosen)]
    aside = iter(
        [Tile(encode(degraded[:1]), "degraded: the input"), Tile(encode(clean[:1]), "clean"), Tile(None), Tile(None)]
    )
    rows = []
    for way in (WITHOUT, WITH):
        latent, estimate = [next(aside)], [next(aside)]
        for k in chosen:
            level, x = ways[way][k]
            x = x[:1].to(device)
            words = way.removeprefix("degraded, ")
            latent.append(Tile(_shown(model, x), f"x_t, {words}"))
            estimate.append(Tile(_shown(model, evaluator.prior(x, level).x0), f"estimate, {words}"))
        rows += [latent, estimate]
    file = io.BytesIO()
    sheet(heads, rows, _SIDE).save(file, "PNG")
    return file.getvalue()


def _shown(model: Model, x: Tensor) -> bytes:
    return encode(model.codec.decode(x).clamp(0, 1))

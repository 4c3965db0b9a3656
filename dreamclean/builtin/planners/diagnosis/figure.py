"""The curves of a diagnosis, for people."""

import io
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures.picture import write_atomically


def check(path: Path) -> None:
    """DreamCleanError unless ``draw`` can draw into ``path``."""
    if find_spec("matplotlib") is None:
        raise DreamCleanError('matplotlib is not there; install it with pip install "dreamclean[figures]"')
    if path.suffix.lower() not in (".png", ".svg"):
        raise DreamCleanError(f"{path} cannot be drawn; choose a name that ends in .png or .svg")


def draw(diagnoses: Mapping[str, Diagnosis], path: Path) -> None:
    """Width and correlation of the noise estimate over the levels, a line for each picture, into ``path``."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.2), layout="constrained")
    width, correlation = figure.subplots(1, 2)
    for name, found in diagnoses.items():
        (line,) = width.plot(found.ratios, found.rms, "o-", markersize=3, label=f"{name}: {found.family}")
        correlation.plot(found.ratios, found.correlation, "o-", markersize=3, color=line.get_color())
        if found.ratio is not None:
            for axes in (width, correlation):
                axes.axvline(found.ratio, color=line.get_color(), linestyle=":", linewidth=1)
    width.axhline(1, color="grey", linewidth=0.8)
    correlation.axhline(0, color="grey", linewidth=0.8)
    width.set_ylabel("rms of the noise estimate")
    correlation.set_ylabel("its correlation at lag 1")
    for axes in (width, correlation):
        axes.set_xscale("log")
        ticks = max((found.ratios for found in diagnoses.values()), key=len)  # one that was left alone has none
        axes.set_xticks(ticks, [f"{ratio:.2g}" for ratio in ticks])
        axes.minorticks_off()
        axes.set_xlabel("noise-to-signal ratio of the level (dotted: start)")
        axes.spines[["top", "right"]].set_visible(False)
    if len(diagnoses) <= 12:
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format=path.suffix[1:].lower(), dpi=130)
    write_atomically(path, file.getvalue())

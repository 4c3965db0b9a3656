"""The curves of a diagnosis, for people."""

import io
from collections.abc import Mapping
from pathlib import Path

from dreamclean.diagnosis.diagnose import Diagnosis
from dreamclean.errors import DreamCleanError
from dreamclean.pictures import write_atomically


def draw(diagnoses: Mapping[str, Diagnosis], path: Path) -> None:
    """Width and correlation of the noise estimate over the levels, a line for each picture, into ``path``."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise DreamCleanError('matplotlib is not there; install it with pip install "dreamclean[figures]"') from None
    figure = Figure(figsize=(9, 3.8), layout="constrained")
    width, correlation = figure.subplots(1, 2)
    for name, found in diagnoses.items():
        (line,) = width.plot(found.ratios, found.rms, "o-", markersize=3, label=f"{name}: {found.family}")
        correlation.plot(found.ratios, found.correlation, "o-", markersize=3, color=line.get_color())
        if found.ratio is not None:
            for axes in (width, correlation):
                axes.axvline(found.ratio, color=line.get_color(), linestyle=":", linewidth=1)
    width.axhline(1, color="grey", linewidth=0.8)
    correlation.axhline(0, color="grey", linewidth=0.8)
    width.set_ylabel("rms of the noise estimate (1: the typical set)")
    correlation.set_ylabel("its correlation with the next pixel")
    for axes in (width, correlation):
        axes.set_xscale("log")
        axes.set_xlabel("noise-to-signal ratio of the level asked (dotted: start)")
        axes.spines[["top", "right"]].set_visible(False)
    if len(diagnoses) <= 12:
        figure.legend(loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    file = io.BytesIO()
    try:
        figure.savefig(file, format=path.suffix.removeprefix(".") or "png", dpi=130)
    except ValueError as error:
        raise DreamCleanError(f"{path} cannot be drawn ({error}); choose a name that ends in .png or .svg") from error
    write_atomically(path, file.getvalue())

"""Quality against evaluations, all tasks in one figure, from the bench's cells.

python contrib/calibrate/nfe_figure.py docs/bench/nfe/cells.csv docs/images/quality-nfe.png
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

TITLES = {
    "denoise-10": "Gaussian noise 10",
    "denoise": "Gaussian noise 25",
    "denoise-50": "Gaussian noise 50",
    "poisson": "Poisson noise",
    "sr4-noisy": "noisy 4x downsampling",
    "jpeg-10": "JPEG 10",
    "jpeg-cascade": "JPEG cascade",
}


def main(cells: Path, target: Path) -> None:
    with cells.open() as file:
        rows = [row for row in csv.DictReader(file) if row["status"] == "done"]
    figure = Figure(figsize=(10, 4.4), layout="constrained")
    gain, distance = figure.subplots(1, 2)
    for task, title in TITLES.items():
        points = means([row for row in rows if row["task"] == task])
        before = points.pop(0)
        for paper, style, label in ((False, "o-", title), (True, "x:", None)):
            steps = [n for n in sorted(points) if (n >= 60) == paper]
            colour = f"C{list(TITLES).index(task)}"
            look = {"markersize": 4, "color": colour, "label": label}
            gain.plot(steps, [points[n][0] - before[0] for n in steps], style, **look)
            distance.plot(steps, [points[n][1] / before[1] for n in steps], style, **look)
    gain.set_ylabel("gain in PSNR over the input, dB")
    distance.set_ylabel("LPIPS over the input's")
    for axes, level in ((gain, 0), (distance, 1)):
        axes.set_xscale("log")
        axes.set_xticks([2, 4, 6, 10, 20, 30, 60, 90], ["2", "4", "6", "10", "20", "30", "60", "90"])
        axes.minorticks_off()
        axes.axhline(level, color="grey", linewidth=0.8)
        axes.set_xlabel("evaluations (crosses: the paper's settings)")
        axes.spines[["top", "right"]].set_visible(False)
    distance.set_yscale("log")
    distance.set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    distance.minorticks_off()
    handles, labels = gain.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    figure.savefig(target, dpi=120)


def means(rows: list[dict[str, str]]) -> dict[int, tuple[float, float]]:
    """Mean PSNR and LPIPS by evaluations; 0: the input."""
    found: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        found[round(float(row["nfe"]))].append((float(row["psnr"]), float(row["lpips"])))
    return {nfe: (sum(p for p, _ in v) / len(v), sum(q for _, q in v) / len(v)) for nfe, v in found.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

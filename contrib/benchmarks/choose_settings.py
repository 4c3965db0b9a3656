"""The best setting of each method on each task, out of a table of several: the one with the highest PSNR - 8 LPIPS.

    dreamclean bench run known-grid --images HELD-OUT --store grid.sqlite
    dreamclean bench report --store grid.sqlite -o grid
    python choose_settings.py grid/cells.csv

A line a task: its name, and the settings as ``dreamclean bench run --methods`` takes them. A setting counts only
if it has a figure for as many pictures as the method's others.
"""

import argparse
import csv
from collections import defaultdict
from pathlib import Path
from statistics import mean

WEIGHT = 8
"""PSNR in dB that an LPIPS lower by 1 is worth: by this the starter prior's recipes were chosen too."""


def chosen(cells: list[dict[str, str]]) -> dict[str, list[str]]:
    """Of each task the best setting of each method, by the methods' order in ``cells``."""
    figures: dict[tuple[str, str], list[float]] = defaultdict(list)
    for cell in cells:
        if cell["status"] == "done":
            figures[cell["task"], cell["method"]].append(float(cell["psnr"]) - WEIGHT * float(cell["lpips"]))
    families: dict[tuple[str, str], list[str]] = defaultdict(list)
    for task, method in figures:
        families[task, method.split(":")[0]].append(method)
    best: dict[str, list[str]] = defaultdict(list)
    for (task, _), methods in families.items():
        most = max(len(figures[task, method]) for method in methods)
        whole = [method for method in methods if len(figures[task, method]) == most]
        best[task].append(max(whole, key=lambda method: mean(figures[task, method])))
    return dict(best)


def main() -> None:
    parser = argparse.ArgumentParser(description="The best setting of each method on each task.")
    parser.add_argument("cells", type=Path, help="cells.csv of a report")
    with parser.parse_args().cells.open(newline="") as file:
        for task, methods in chosen(list(csv.DictReader(file))).items():
            print(task, ",".join(methods))


if __name__ == "__main__":
    main()

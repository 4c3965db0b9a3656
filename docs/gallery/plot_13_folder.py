"""
A folder of pictures
====================

Three pictures, damaged in different ways, in a folder. Each is diagnosed by itself; the report has a line for each.
On the command line: ``dreamclean restore scans -o clean --report report.csv``.
"""

import csv
from pathlib import Path
from tempfile import TemporaryDirectory

from panels import PHOTO, dice, panels
from typer.testing import CliRunner

from dreamclean import JPEG, Blur, Identity, Picture
from dreamclean.cli.main import app

photo = PHOTO[:, :, 100:228, 60:188]
damages = {"noisy": Identity(noise=0.1), "jpeg": JPEG(quality=15), "soft": Blur(shape="gaussian", std=1.5, noise=0.005)}

# %%
# The folder is written, restored and read again.

with TemporaryDirectory() as folder:
    scans, clean, report = (Path(folder) / name for name in ("scans", "clean", "report.csv"))
    scans.mkdir()
    for name, operator in damages.items():
        damaged = Picture(operator.measure(photo, dice()).clamp(0, 1))
        damaged.with_pixels(damaged.pixels).save(scans / f"{name}.png")
    done = CliRunner().invoke(app, ["restore", str(scans), "-o", str(clean), "--report", str(report)])
    before, after = ({f.stem: Picture.open(f).pixels for f in sorted(where.glob("*.png"))} for where in (scans, clean))
    lines = list(csv.DictReader(report.open()))

assert done.exit_code == 0, done.output
for line in lines:
    print(Path(line["input"]).name, line["status"], line["found"], line["nfe"], sep=" | ")

# %%
# Above as they came, below restored.

panels(before | {f"{name}, restored": picture for name, picture in after.items()}, reference=photo)

"""The paper's figures (DreamClean, ICLR 2024), to be shown beside ours: those that were really read, no others.

The tables themselves were not at hand. What is here: the NFE of 90 blind and 60 with a known operator, the 100
steps of DDRM and DDNM, and the baselines of the two blurs. Papers that ran DreamClean themselves (DIIP,
Invert2Restore) did so on settings of their own, so theirs are not here.
"""

from dataclasses import dataclass, field
from pathlib import Path

from dreamclean_bench.report.names import parts

MISSING = "not available here"
BLIND, KNOWN = "DreamClean, blind", "DreamClean, operator known"
BASELINE, NEAREST = "baseline (measurement)", "baseline (nearest)"


@dataclass(frozen=True)
class Figures:
    """What the paper reports in one row; None: not available here."""

    psnr: float | None = None
    ssim: float | None = None
    lpips: float | None = None
    nfe: float | None = None

    def __str__(self) -> str:
        said = [
            f"PSNR {self.psnr:.2f}" if self.psnr is not None else "",
            f"SSIM {self.ssim:.3f}" if self.ssim is not None else "",
            f"LPIPS {self.lpips:.3f}" if self.lpips is not None else "",
            f"NFE {self.nfe:g}" if self.nfe is not None else "",
        ]
        return ", ".join(filter(None, said)) or MISSING


@dataclass(frozen=True)
class PaperTable:
    """A table of the paper: by task, its rows."""

    data: str
    tasks: dict[str, dict[str, Figures]] = field(default_factory=dict)


_NONE = Figures()
_SR = {
    NEAREST: _NONE,
    "DGP": _NONE,
    "SNIPS": _NONE,
    "DPS": _NONE,
    "DDRM": Figures(nfe=100),
    "DDNM": Figures(nfe=100),
    "GDP": _NONE,
    "RED": _NONE,
    BLIND: Figures(nfe=90),
    KNOWN: Figures(nfe=60),
}
_JPEG = {"QGAC": _NONE, "FBCNN": _NONE, "DDNM": Figures(nfe=100), "DDRM-JPEG": _NONE, BLIND: Figures(nfe=90)}
_SCHEDULES = {"no corrector": _NONE, "Langevin": _NONE, "VPS": Figures(nfe=90)}
_INVERSE = {
    BASELINE: _NONE,
    "DPS": _NONE,
    "DDRM": Figures(nfe=100),
    "DDNM": Figures(nfe=100),
    KNOWN: Figures(nfe=60),
}
_INVERSE_TASKS = ("deblur-uniform-ddrm", "deblur-gauss-ddrm", "colorize", "inpaint")

TABLES: dict[str, PaperTable] = {
    "Table 1": PaperTable("CelebA 1K", {"sr4-noisy": _SR}),
    "Table 2": PaperTable("ImageNet 1K", {"sr4-noisy": _SR}),
    "Table 3": PaperTable("CelebA", {"jpeg-cascade": _JPEG}),
    "Table 4": PaperTable("LSUN bedroom", {"jpeg-cascade": _JPEG}),
    "Table 5": PaperTable("CelebA", {"sr4-noisy": _SCHEDULES}),
    "Table A1": PaperTable("SIDD", {"real-noise": {"BM3D": _NONE, BLIND: _NONE}}),
    "Tables A2, A3": PaperTable(  # it was not to be seen which of the two the blur baselines stand in
        "ImageNet, CelebA",
        {
            **{task: _INVERSE for task in _INVERSE_TASKS},
            "deblur-uniform-ddrm": {**_INVERSE, BASELINE: Figures(psnr=18.35)},
            "deblur-gauss-ddrm": {**_INVERSE, BASELINE: Figures(psnr=17.79)},
        },
    ),
}
"""Table -> task -> row -> figures."""

_ROWS = {
    "input": BASELINE,
    "pseudo-inverse": NEAREST,
    "snips": "SNIPS",
    "dps": "DPS",
    "ddrm": "DDRM",
    "ddrm-jpeg": "DDRM-JPEG",
    "ddnm": "DDNM",
    "ddnm-plus": "DDNM",
    "gdp": "GDP",
    "red": "RED",
    "bm3d": "BM3D",
    "dgp": "DGP",
    "dreamclean": BLIND,
    "dreamclean-known": KNOWN,
}
_CORRECTORS = {"none": "no corrector", "langevin": "Langevin", "vps": "VPS"}


def row_of(method: str, rows: dict[str, Figures]) -> str | None:
    """Which of the paper's ``rows`` a method of ours belongs beside, if any."""
    name, settings = parts(method)
    said = dict(item.partition("=")[::2] for item in settings)
    chosen = said.get("corrector", "")
    if name == "dreamclean" and chosen in _CORRECTORS and _CORRECTORS[chosen] in rows:
        return _CORRECTORS[chosen]
    if name == "network":
        file = Path(said.get("file", "")).stem.lower()
        return next((row for row in rows if row.lower() in file), None)
    row = _ROWS.get(name) if chosen in ("", "vps") else None
    return row if row in rows else None


def tables_with(task: str) -> dict[str, dict[str, Figures]]:
    """The rows of the paper's tables that have this task, by table; tables that are alike are one."""
    found: dict[str, dict[str, Figures]] = {}
    for name, table in TABLES.items():
        if task in table.tasks:
            rows, label = table.tasks[task], f"{name} ({table.data})"
            alike = next((other for other, others in found.items() if others == rows), None)
            found[f"{alike}, {label}" if alike else label] = found.pop(alike) if alike else rows
    return found

"""Named runs: which tasks, which methods. The paper's tables, and a quick look."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from dreamclean import DreamCleanError
from dreamclean_bench.tasks import TASKS
from dreamclean_bench.wide import DAMAGES

_KNOWN = ("dps", "ddrm", "ddnm-plus")


@dataclass(frozen=True)
class Suite:
    """Tasks and methods, with settings in the string form, and what limits a run unless the user says otherwise."""

    name: str
    title: str
    tasks: tuple[str, ...]
    methods: tuple[str, ...]
    more: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Methods of one task, by its name."""
    size: int | None = None
    limit: int | None = None


_SR = (
    *("pseudo-inverse", "bicubic", "lanczos"),
    *("dgp", "snips", "dps", "ddrm", "ddnm-plus", "gdp", "red"),
    *("dreamclean", "dreamclean:preset=paper"),
)
_JPEG = ("input", "ddrm-jpeg", "dreamclean", "dreamclean:preset=paper")
_INVERSE = ("pseudo-inverse", *_KNOWN, "dreamclean-known", "dreamclean-known:preset=paper")
_INVERSE_TASKS = ("deblur-uniform", "deblur-gauss", "colorize", "inpaint", "deblur-uniform-ddrm", "deblur-gauss-ddrm")
_BLIND = (
    "denoise-10",
    "denoise",
    "denoise-50",
    "poisson",
    "sr4-noisy",
    "jpeg-10",
    "jpeg-cascade",
    "blur-mild",
    "clean",
)
_NOT_QUICK = ("denoise-10", "denoise-50", "denoise-100", "jpeg-10", "blur-mild", "clean")
_GIVEN = (
    *("sr4-noisy", "deblur-uniform", "deblur-gauss", "deblur-aniso", "colorize", "inpaint"),
    *("denoise", "jpeg-cascade", "poisson", "phase-retrieval"),
)
_WITHOUT_STEPS = ("input", "pseudo-inverse", "bicubic", "lanczos", "bm3d", "one-step", "dreamclean", "dreamclean-known")
_STEPPED = ("dreamclean-known", "ddrm", "ddrm-jpeg", "ddnm-plus", "diffpir", "pigdm", "dps")
_PUBLISHED = (
    *(
        "ddrm:steps=20",
        "ddrm-jpeg",
        "ddnm-plus:steps=100",
        "diffpir:steps=100",
        "pigdm:steps=100",
        "red:iterations=200",
    ),
    *("dps:steps=1000", "dps:steps=1000,zeta=0.3", "gdp:steps=1000", "snips:steps=1086,repeats=3,c=0.018"),
)
"""The papers' and their code's numbers of evaluations and settings, those for pictures of this size where there are several."""


def _with_steps(steps: int) -> tuple[str, ...]:
    """The methods that go down a ladder of levels, and RED, with so many evaluations each."""
    return (*(f"{name}:steps={steps}" for name in _STEPPED), f"red:iterations={steps}")


_TUNED = {
    "dreamclean-known:steps=20": [f"sampler=soft-ddrm:eta={eta}" for eta in (0.2, 0.5, 0.8, 0.9, 1.0)],
    "ddrm:steps=20": ["eta=0.85", "eta=0.7", "eta=1", "strength=300,eta=0.85", "strength=300,eta=1"],
    "ddrm-jpeg:steps=20": ["eta_b=0.2", "eta_b=0.4", "eta_b=0.7", "eta_b=1", "eta=0.85"],
    "diffpir:steps=20": [
        *("lam=8", "lam=8,zeta=0.7", "strength=300,lam=8", "strength=300,lam=8,zeta=1", "strength=300,lam=16,zeta=1"),
    ],
    "pigdm:steps=20": [
        *("eta=1", "eta=0.5", "strength=300,eta=1", "strength=300,eta=0.5", "strength=300,eta=1,weight=score"),
    ],
    "dps:steps=20": ["zeta=1", "zeta=10", "strength=300,zeta=3", "strength=300,zeta=10", "strength=300,zeta=30"],
    "red:iterations=20": ["sigma_f=3.25", "sigma_f=10", "sigma_f=25", "sigma_f=10,lam=0.1", "sigma_f=25,lam=0.1"],
}
"""Five settings of each method, the published ones among them. DDNM+ without time travel is DDRM with eta_b = 1."""
_BLURRED = ("ddrm:steps=20,eta=0.7", "diffpir:strength=300,steps=20,zeta=1", "dps:strength=300,steps=20,zeta=30")
_LOST = ("diffpir:strength=300,steps=20,zeta=1", "pigdm:strength=300,steps=20")
_OURS = "dreamclean-known:sampler=soft-ddrm:eta="
_CHOSEN = {
    "sr4-noisy": (
        f"{_OURS}0.9,steps=20",
        *("ddrm:steps=20,eta=0.7", "diffpir:steps=20,zeta=0.7", "pigdm:steps=20"),
        *("dps:strength=300,steps=20,zeta=10", "red:iterations=20"),
    ),
    "deblur-uniform": (f"{_OURS}0.9,steps=20", *_BLURRED, "pigdm:steps=20,eta=0.5", "red:iterations=20,sigma_f=10"),
    "deblur-gauss": (f"{_OURS}1.0,steps=20", *_BLURRED, "pigdm:steps=20", "red:iterations=20,sigma_f=10"),
    "deblur-aniso": (f"{_OURS}1.0,steps=20", *_BLURRED, "pigdm:steps=20,eta=0.5", "red:iterations=20,sigma_f=10"),
    "colorize": (f"{_OURS}0.2,steps=20", *_LOST, "dps:strength=300,steps=20,zeta=10", "red:iterations=20"),
    "inpaint": (
        f"{_OURS}1.0,steps=20",
        *_LOST,
        *("ddrm:strength=300,steps=20,eta=1", "dps:strength=300,steps=20,zeta=30", "red:iterations=20"),
    ),
    "denoise": (
        f"{_OURS}0.9,steps=20",
        *("diffpir:strength=300,steps=20,zeta=1", "pigdm:strength=300,steps=20,eta=1,weight=score"),
        *("dps:strength=300,steps=20,zeta=10", "red:iterations=20,sigma_f=10"),
    ),
    "jpeg-cascade": (f"{_OURS}0.5,steps=20", "ddrm-jpeg:eta_b=0.2"),
    "poisson": (f"{_OURS}1.0,steps=20", *_LOST, "dps:strength=300,steps=20,zeta=10", "red:iterations=20,sigma_f=10"),
    "phase-retrieval": (f"{_OURS}0.9,steps=20", "dps:strength=300,steps=20,zeta=30"),
}
"""Of these the one of each method, DreamClean among them, with the highest PSNR - 8 LPIPS on photographs that are not the test's (docs/bench/known-grid)."""


_ALL = (
    Suite("table1", "Noisy 4x super-resolution, faces (the paper: CelebA)", ("sr4-noisy",), _SR),
    Suite("table2", "Noisy 4x super-resolution, any objects (the paper: ImageNet)", ("sr4-noisy",), _SR),
    Suite("table3", "Non-aligned JPEG cascade, faces (the paper: CelebA)", ("jpeg-cascade",), _JPEG),
    Suite("table4", "Non-aligned JPEG cascade, rooms (the paper: LSUN bedroom)", ("jpeg-cascade",), _JPEG),
    Suite(
        "table5",
        "The corrector: none, Langevin, VPS",
        ("sr4-noisy",),
        tuple(f"dreamclean:preset=paper,corrector={name}" for name in ("none", "langevin", "vps")),
    ),
    Suite(
        "tableA1", "Real noise (the paper: SIDD), from pairs", ("real-noise",), ("input", "bm3d:sigma=25", "dreamclean")
    ),
    Suite("tableA2", "Known operator (the paper: ImageNet)", _INVERSE_TASKS, _INVERSE),
    Suite("tableA3", "Known operator, faces (the paper: CelebA)", _INVERSE_TASKS, _INVERSE),
    Suite(
        "figure7",
        "Phase retrieval (the paper: Figure 7)",
        ("phase-retrieval",),
        ("input", "dps", "dreamclean-known", "dreamclean-known:preset=paper"),
    ),
    Suite(
        "figures1-A6-A8",
        "Heavy damage at 1024 x 1024, for a latent prior (the paper: Figures 1, A6 to A8)",
        ("jpeg-cascade-sdxl", "sr32-noisy"),
        ("input", "dreamclean:preset=paper"),
    ),
    Suite(
        "denoising",
        "The prior as a denoiser of Gaussian noise, beside BM3D",
        ("denoise-10", "denoise", "denoise-50", "denoise-100"),
        ("input", "bm3d", "one-step"),
    ),
    Suite(
        "restoration",
        "DreamClean, blind and with the operator",
        ("sr4-noisy", "jpeg-cascade", "denoise", "deblur-uniform", "deblur-gauss", "colorize", "inpaint"),
        ("input", "pseudo-inverse", "dreamclean", "dreamclean-known"),
    ),
    Suite(
        "blind",
        "The degradation is not given",
        _BLIND,
        ("input", "dreamclean", "dreamclean:preset=paper", "bm3d"),
    ),
    Suite(
        "blind-wide",
        "The degradation is not given: many kinds of damage, beside the same method told the operator and the noise",
        tuple(DAMAGES),
        ("input", "dreamclean", "dreamclean-known", "dreamclean:preset=paper"),
    ),
    Suite(
        "known",
        "The degradation is given: at 20 evaluations each",
        _GIVEN,
        (
            *_WITHOUT_STEPS,
            *("ddrm:steps=20", "ddrm:strength=300,steps=20", "ddrm-jpeg", "ddnm-plus:steps=20"),
        ),
        _CHOSEN,
    ),
    Suite(
        "known-100",
        "The degradation is given: at 100 evaluations each, and DreamClean's own number",
        _GIVEN,
        ("bm3d", "one-step", "dreamclean-known", *_with_steps(100), "dreamclean-known:steps=100,detail=1"),
    ),
    Suite(
        "known-grid",
        "The degradation is given: five settings of each method, to choose from on other pictures than the test's",
        _GIVEN,
        tuple(f"{method},{setting}" for method, settings in _TUNED.items() for setting in settings),
    ),
    Suite(
        "known-published",
        "The degradation is given: methods as published",
        _GIVEN,
        ("bm3d", "one-step", "dreamclean-known", "dreamclean-known:preset=paper", *_PUBLISHED),
        limit=2,
    ),
    Suite(
        "quick",
        "Tasks and methods of all kinds, few steps, small pictures",
        tuple(name for name, task in TASKS.items() if task.operator is not None and name not in _NOT_QUICK),
        (
            "input",
            "pseudo-inverse",
            "bicubic",
            "lanczos",
            "dgp",
            "bm3d",
            "one-step",
            "dreamclean",
            "dreamclean:preset=paper",
            "dreamclean-known",
            "ddrm:steps=20",
            "ddrm-jpeg",
            "ddnm:steps=20",
            "ddnm-plus:steps=20",
            "diffpir:steps=20",
            "dps:steps=50",
            "gdp:steps=50",
            "pigdm:steps=20",
            "red:iterations=20",
            "snips:strength=300,steps=40,repeats=2,c=0.4",
        ),
        size=128,
        limit=2,
    ),
)
SUITES: dict[str, Suite] = {suite.name: suite for suite in _ALL}


def find_suite(name: str) -> Suite:
    """The suite called ``name``; DreamCleanError if there is none."""
    if name not in SUITES:
        raise DreamCleanError(f"there is no suite '{name}'; there are {', '.join(SUITES)}")
    return SUITES[name]

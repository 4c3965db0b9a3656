"""The tasks of the suite ``blind-wide``: kinds of damage with settings, and clean pictures."""

import json
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from dreamclean import JPEG, DreamCleanError, Operator
from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.host.host import host


@dataclass(frozen=True)
class Damage:
    """A kind of damage with its settings. Its operator is known picture by picture: a mask, or an angle, is drawn."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)
    saved: int | None = None
    """Quality of the JPEG that the damaged picture was saved as; None: it was not."""

    def __call__(self, reference: Tensor, seed: int) -> Damaged:
        """``reference`` (1, 3, H, W), damaged."""
        made = KINDS[self.kind].make(reference, seed, **self.settings)
        return made if self.saved is None else _as_jpeg(made, self.saved)

    @property
    def clean(self) -> bool:
        return KINDS[self.kind].group == "clean"

    @property
    def title(self) -> str:
        said = ", ".join(f"{name} {value}" for name, value in self.settings.items())
        after = "" if self.saved is None else f", then JPEG {self.saved}"
        return f"{KINDS[self.kind].title}{said and ', '}{said}{after}"

    def spec(self) -> str:
        """Kind and settings as JSON."""
        return json.dumps(
            {"damage": self.kind, **self.settings, **({} if self.saved is None else {"saved": self.saved})}
        )


def _as_jpeg(made: Damaged, quality: int) -> Damaged:
    """``made`` as a JPEG, in whose rounding its own small noise is lost. What lies on the picture was compressed with it."""
    codec, before = JPEG(quality=(quality,)), operator_of(made)
    assert before is not None
    quiet = before.model_copy(update={"noise": 0.0})
    operator = codec @ quiet if made.lost is None else quiet @ codec
    return replace(made, shown=codec.degrade(made.shown), operator=str(operator), measurement=None)


def operator_of(damaged: Damaged) -> Operator | None:
    """The true operator; None where there is none, or this version of DreamClean has none."""
    if not damaged.operator:
        return None
    try:
        operator: Operator = host().make("operator", damaged.operator)
    except DreamCleanError:
        return None
    return operator


DAMAGES: dict[str, Damage] = {
    "white-25": Damage("white", {"std": 25.0}),
    "poisson-1": Damage("poisson", {"rate": 1.0}),
    "camera-noise": Damage("camera", {"shot": 0.004}),
    **{f"grey-noise-{std}": Damage("grey-noise", {"std": float(std)}) for std in (15, 25, 50)},
    "grain-10": Damage("grain", {"std": 10.0, "blur": 0.7}),
    "grain-20": Damage("grain", {"std": 20.0, "blur": 1.0}),
    "grain-25": Damage("grain", {"std": 25.0, "blur": 1.5}),
    "colour-grain-20": Damage("colour-grain", {"std": 20.0, "blur": 1.0}),
    **{f"jpeg-{quality}-png": Damage("jpeg", {"quality": quality}) for quality in (10, 30, 60)},
    "jpeg-twice": Damage("jpeg-twice", {"first": 20, "second": 50}),
    "noise-then-jpeg": Damage("noise-jpeg", {"std": 15.0, "quality": 50}),
    **{
        f"enlarged-{factor}-{method}": Damage("enlarged", {"factor": factor, "method": method})
        for factor, method in ((2, "bicubic"), (2, "nearest"), (3, "bilinear"), (4, "bicubic"), (4, "nearest"))
    },
    "small-jpeg": Damage("small-jpeg", {"factor": 2, "quality": 40}),
    **{f"blur-{std:g}": Damage("blur", {"std": std, "noise": noise}) for std, noise in ((1.0, 2.0), (1.5, 5.0), (2.5, 2.0))},
    "defocus": Damage("defocus", {"radius": 2.5, "noise": 2.0}),
    "motion": Damage("motion", {"length": 9.0, "noise": 2.0}),
    "soft-motion": Damage("motion", {"length": 9.0, "width": 1.0, "noise": 2.0}),
    **{f"salt-and-pepper-{n}": Damage("salt-and-pepper", {"share": n / 100}) for n in (2, 6, 10)},
    "random-impulses": Damage("random-impulses", {"share": 0.06}),
    "dead-pixels": Damage("dead-pixels"),
    "scratches": Damage("scratches", {"count": 6, "std": 8.0}),
    "dust": Damage("dust"),
    "stamped-date": Damage("date"),
    "rain-streaks": Damage("rain"),
    "snowfall": Damage("snow"),
    "scratches-jpeg": Damage("scratches", {"count": 6, "std": 0.0}, saved=85),
    "dust-jpeg": Damage("dust", saved=85),
    "salt-and-pepper-jpeg": Damage("salt-and-pepper", {"share": 0.02}, saved=85),
    "blur-jpeg": Damage("blur", {"std": 1.5, "noise": 0.0}, saved=85),
    "faded": Damage("faded"),
    "haze-drawn": Damage("haze"),
    "banding": Damage("banding"),
    "halo": Damage("halo"),
    **{f"clean-{kind.name}": Damage(kind.name) for kind in KINDS.values() if kind.group == "clean"},
}  # fmt: skip
"""By the name of the task."""

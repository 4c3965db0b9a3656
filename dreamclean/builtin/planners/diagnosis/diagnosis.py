"""What was found in a picture: the planner's report."""

import re
from dataclasses import dataclass, field
from typing import Any

from dreamclean.builtin.planners.diagnosis.advice import grey, named, way_out
from dreamclean.builtin.planners.diagnosis.rule import CANNOT_TELL, UNKNOWN
from dreamclean.contracts.operator import Operator

_LONG = re.compile(r"(bitmap|tables|bands|map)=[^,|\s]{24,}")

_SAYS_HOW_SURE = re.compile(r"\bsure\)|from the file")


@dataclass(frozen=True)
class Diagnosis:
    """What was found. Ratios are noise-to-signal ratios sigma / alpha of the prior's levels."""

    family: str
    """With an ``operator``: posterized, JPEG, outliers, enlarged, blurred or coloured noise; faded or haze, where that is said. By the prior's answers: clean, white noise,
    correlated noise, blocking, low resolution, mixed or unknown damage; unknown: the prior has no calibration.
    Without a look at it: too small, flat (of one colour), one-bit (of two tones) or transparent."""
    sure: float | None = None
    """Probability of the family; None where nothing says it."""
    operator: Operator | None = None
    """The degradation with its noise, where one explains the picture."""
    found: str = ""
    """What the operator does, in words."""
    probabilities: dict[str, float] = field(default_factory=dict)
    """Of each family, by the prior's calibration."""
    noise: float | None = None
    """Standard deviation of the noise on the [0, 1] scale, if it is white."""
    ratio: float | None = None
    """Where to start without an operator (``strength="nsr:..."``), a level that the prior has."""
    ratios: list[float] = field(default_factory=list)
    """The levels asked,"""
    rms: list[float] = field(default_factory=list)
    """the width of the noise estimate at each,"""
    correlation: list[float] = field(default_factory=list)
    """and its correlation with itself a pixel further."""
    nfe: int = 0
    """Evaluations of the prior, per image, of the whole picture or of its crops."""
    loudest: float | None = None
    """The ratio of the loudest parts, where noise is so uneven that each part should start at a level of its own."""
    otherwise: "Diagnosis | None" = None
    """What holds if the result of the restoration does not confirm the noise that was found."""
    darkest: float | None = None
    """The darkest tone, [0, 1] scale, where it is so far from black that the picture may have faded, or show haze."""

    @property
    def treated(self) -> bool:
        """Whether something can be done; if not, the picture is left as it is."""
        return self.operator is not None or self.ratio is not None

    def words(self) -> str:
        """In a line: what, how sure, how it is undone."""
        return self._told() + self._hint()

    def _told(self) -> str:
        if self.family == UNKNOWN:
            return f"{UNKNOWN}; {CANNOT_TELL}"
        if self.operator is not None:
            return f"{self._what()}; operator {_short_form(self.operator)}"
        said = self._what()
        if self.noise is not None:
            said += f", standard deviation {self.noise * 255:.1f} of 255"
        if self.ratio is None:
            return said + ", better left as it is" + way_out(self.family)
        if self.loudest is None:
            return said + f"; start at nsr:{self.ratio:.3g}"
        return said + f", uneven; start at nsr:{self.ratio:.3g}, its loudest parts at nsr:{self.loudest:.3g}"

    def summary(self) -> str:
        """In a few words, for the line about a restoration."""
        said = self.found or named(self.family) + ("" if self.treated else ", left as it is" + way_out(self.family))
        return said + self._hint()

    def _hint(self) -> str:
        """What a person may know that the picture does not tell."""
        return "" if self.darkest is None else f"; {grey(self.darkest)}"

    def spec(self) -> dict[str, Any]:
        """As JSON-ready values; the operator in the form that ``--operator`` takes."""
        told = {name: _short(value) for name, value in vars(self).items()}
        otherwise = self.otherwise.spec() if self.otherwise else None
        return {**told, "operator": str(self.operator) if self.operator else None, "otherwise": otherwise}

    def _what(self) -> str:
        said = self.found or named(self.family)
        return said if self.sure is None or _SAYS_HOW_SURE.search(said) else f"{said} ({self.sure:.0%} sure)"


def left_alone(family: str) -> Diagnosis:
    """The diagnosis of a picture that no prior need look at."""
    return Diagnosis(family)


def _short_form(operator: Operator) -> str:
    """The string form, with masks and tables of many numbers cut short."""
    return _LONG.sub(r"\1=...", str(operator))


def _short(value: Any) -> Any:
    """Numbers to four digits."""
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, list):
        return [_short(item) for item in value]
    return {key: _short(item) for key, item in value.items()} if isinstance(value, dict) else value

"""What a search of a picture for one kind of damage finds."""

from dataclasses import dataclass

from dreamclean.contracts.operator import Operator


@dataclass(frozen=True)
class Found:
    """A degradation that a picture shows, in the form in which it can be undone."""

    operator: Operator
    """The degradation with its settings and the noise that came after it."""
    sure: float
    """How sure, from 0 to 1: the share of such findings that were right on calibration pictures, roughly."""

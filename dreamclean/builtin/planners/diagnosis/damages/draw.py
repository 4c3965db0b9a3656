"""Damage at random, of all kinds and strengths and two at a time, and clean pictures among it: what a calibration draws."""

from collections.abc import Collection
from dataclasses import replace
from random import Random
from typing import NamedTuple

from torch import Tensor

from dreamclean.builtin.planners.diagnosis.damages.kind import Damaged, Kind
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS

KEPT_OUT = ("colour-grain", "snow", "small-jpeg")
"""Kinds that a calibration may leave out, to see how it fares with what it has never met."""
CLEAN, MIXED = 0.25, 0.15
"""Share of clean pictures, and of pictures with two kinds of damage."""
ORDER = ("blur", "tone", "resolution", "outliers", "weather", "grain", "noise", "compression")
"""In which damage comes on a picture; of two, no two are of one group."""


class Drawn(NamedTuple):
    """A picture, and what was done to it: first kind first."""

    kinds: tuple[str, ...]
    strengths: tuple[float, ...]
    damaged: Damaged


def draw(x: Tensor, seed: int, without: Collection[str] = ()) -> Drawn:
    """``x`` (1, 3, H, W) in [0, 1], clean or damaged as ``seed`` says, by no kind of ``without``.

    Groups are drawn alike often, then a kind of the group, then a strength between 0 (can hardly be seen) and 1.
    """
    rng = Random(f"draw {seed}")
    group: dict[str, list[Kind]] = {}
    for kind in KINDS.values():
        if kind.name not in without:
            group.setdefault(kind.group, []).append(kind)
    clean = group.pop("clean")
    if rng.random() < CLEAN:
        return _done(x, seed, [rng.choice(clean)], [rng.random()])
    names = [name for name in ORDER if name in group]
    chosen = sorted(rng.sample(names, 2 if rng.random() < MIXED else 1), key=ORDER.index)
    return _done(x, seed, [rng.choice(group[name]) for name in chosen], [rng.random() for _ in chosen])


def _done(x: Tensor, seed: int, kinds: list[Kind], strengths: list[float]) -> Drawn:
    """One after the other. Of two the true operator is not told, and what is lost is what the last one lost."""
    damaged, clean = kinds[0](x, seed, strengths[0]), None
    for kind, strength in zip(kinds[1:], strengths[1:], strict=True):
        clean = damaged.clean
        damaged = kind(damaged.shown, seed + 1, strength)
    if clean is not None:
        damaged = replace(damaged, clean=clean, operator="", measurement=None)
    return Drawn(tuple(kind.name for kind in kinds), tuple(strengths), damaged)

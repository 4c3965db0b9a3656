"""The suite of spacings."""

from itertools import pairwise
from typing import Any

import pytest

from dreamclean.contracts.levels import DDPMSchedule, FlowSchedule, Schedule, VESchedule
from dreamclean.testing.check import check
from dreamclean.testing.component import ComponentSuite

SCHEDULES: dict[str, Schedule] = {"ddpm": DDPMSchedule.linear(), "ve": VESchedule(), "flow": FlowSchedule()}
FAMILIES = pytest.mark.parametrize("family", SCHEDULES)
STEPS = pytest.mark.parametrize("steps", [1, 2, 30])


class SpacingSuite(ComponentSuite):
    """A spacing distributes the levels of any schedule between the picture and the top."""

    @FAMILIES
    @STEPS
    def test_timesteps_rise_from_the_lowest_to_the_top(self, subject: Any, family: str, steps: int) -> None:
        schedule = SCHEDULES[family]
        for ratio in ("nsr:0.3", "nsr:1"):
            top = schedule.resolve(ratio)
            found = list(subject(schedule, top, steps))
            check(len(found) == steps + 1, f"{family}: {len(found)} timesteps for {steps} steps; return steps + 1")
            ends = found[0] == schedule.lowest and found[-1] == top
            check(ends, f"{family}: they go from {found[0]:g} to {found[-1]:g}; start at schedule.lowest, end at top")
            check(all(a <= b for a, b in pairwise(found)), f"{family}: the timesteps do not rise")

    @FAMILIES
    @STEPS
    def test_there_is_a_ladder(self, subject: Any, family: str, steps: int) -> None:
        """Also where there are few levels: a model with whole timesteps has 26 between the picture and nsr:0.1."""
        schedule = SCHEDULES[family]
        for ratio in ("nsr:0.1", "nsr:1"):
            count = min(steps, schedule.most_steps(schedule.resolve(ratio)))
            levels = schedule.ladder(ratio, count, subject)
            rises = all(low.ratio < high.ratio for low, high in pairwise(levels))
            check(rises and len(levels) == count + 1, f"{family}: the levels do not rise; let the timesteps differ")

    def test_it_is_repeatable(self, subject: Any) -> None:
        schedule = SCHEDULES["ddpm"]
        check(list(subject(schedule, 300, 7)) == list(subject(schedule, 300, 7)), "two calls differ; keep no state")

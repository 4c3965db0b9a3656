"""Schedules and ladders against their formulas."""

import math

import pytest
import torch

from dreamclean import (
    DDPMSchedule,
    DreamCleanError,
    FlowSchedule,
    InvalidSetting,
    Karras,
    Level,
    Schedule,
    Uniform,
    VESchedule,
)
from dreamclean.contracts.levels import ascending, descending

SCHEDULES: list[Schedule] = [DDPMSchedule.linear(), VESchedule(), FlowSchedule()]


def check_linear(schedule: DDPMSchedule) -> None:
    """abar_t = prod_{i <= t} (1 - beta_i), beta from 1e-4 to 0.02 in T = 1000 equal steps."""
    abar = 1.0
    for t in range(1000):
        abar *= 1 - (1e-4 + (0.02 - 1e-4) * t / 999)
        level = schedule.at(t)
        assert level.alpha == pytest.approx(math.sqrt(abar), rel=1e-10)
        assert level.sigma == pytest.approx(math.sqrt(1 - abar), rel=1e-10)
        assert level.t == t


def test_schedule_linear_beta() -> None:
    check_linear(DDPMSchedule.linear())


def test_schedule_linear_beta_check_can_fail() -> None:
    """Stable Diffusion's betas are linear in their square roots."""
    betas = torch.linspace(1e-2, 0.02**0.5, 1000, dtype=torch.float64) ** 2
    with pytest.raises(AssertionError):
        check_linear(DDPMSchedule(torch.cumprod(1 - betas, 0)))


def test_ladder_of_the_paper() -> None:
    """t = 0, 10, ..., 300: 31 levels, the first of them the picture's own."""
    schedule = DDPMSchedule.linear()
    levels = schedule.ladder(300, 30, Uniform())
    assert [level.t for level in levels] == list(range(0, 301, 10))
    assert levels[0] == Level(0, 1.0, 0.0)
    assert levels[1:] == [schedule.at(t) for t in range(10, 301, 10)]
    assert levels[-1].ratio == pytest.approx(1.24, abs=0.005)


def test_schedule_scaled_linear_beta_has_less_noise_at_300() -> None:
    betas = torch.linspace(0.00085**0.5, 0.012**0.5, 1000, dtype=torch.float64) ** 2
    schedule = DDPMSchedule(torch.cumprod(1 - betas, 0))
    assert schedule.at(300).ratio == pytest.approx(0.83, abs=0.01)
    assert schedule.resolve("nsr:1.24") > 300


def test_ladder_of_steps_that_do_not_divide_the_strength() -> None:
    levels = DDPMSchedule.linear().ladder(250, 30, Uniform())
    assert len(levels) == 31
    assert levels[-1].t == 250
    assert {j.t - i.t for i, j in ascending(levels)} == {8, 9}


def test_schedule_variance_exploding() -> None:
    """a = 1, s = t = sigma; sigma_k = (low^(1/7) + k/N (high^(1/7) - low^(1/7)))^7, Karras et al. 2022, Eq. 5."""
    schedule = VESchedule(lowest=0.01, highest=50)
    assert schedule.at(3.0) == Level(3.0, 1.0, 3.0)
    levels = schedule.ladder(10, 4, Karras())
    roots = [0.01 ** (1 / 7) + k / 4 * (10 ** (1 / 7) - 0.01 ** (1 / 7)) for k in range(5)]
    assert levels[0] == Level(0.01, 1.0, 0.0)
    assert [level.sigma for level in levels[1:]] == pytest.approx([root**7 for root in roots[1:]])
    assert levels[-1].sigma == 10


def test_schedule_flow() -> None:
    """a = 1 - t, s = t, evenly spaced."""
    schedule = FlowSchedule()
    assert schedule.at(0.25) == Level(0.25, 0.75, 0.25)
    levels = schedule.ladder(0.6, 3, Uniform())
    low = schedule.lowest
    assert [level.t for level in levels] == pytest.approx([low + (0.6 - low) * k / 3 for k in range(4)])
    assert levels[0] == Level(low, 1.0, 0.0)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("ratio", [0.05, 0.5, 1.24, 10.0])
def test_strength_as_noise_to_signal_ratio(schedule: Schedule, ratio: float) -> None:
    """The level with that s/a; of whole timesteps the nearest."""
    t = schedule.resolve(f"nsr:{ratio}")
    off = abs(schedule.at(t).ratio - ratio)
    if isinstance(schedule, DDPMSchedule):
        assert off <= min(abs(schedule.at(t + step).ratio - ratio) for step in (-1, 1))
    else:
        assert off < 1e-9
    assert schedule.ladder(f"nsr:{ratio}", 5, Uniform())[-1] == schedule.at(t)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_ladder_climbs(schedule: Schedule) -> None:
    for strength in ("nsr:0.3", "nsr:3"):
        levels = schedule.ladder(strength, 12, Uniform())
        assert len(levels) == 13
        assert all(i.ratio < j.ratio and i.t < j.t and i.alpha >= j.alpha for i, j in ascending(levels))
        assert levels[0] == schedule.clean
        assert [(i, j) for j, i in reversed(list(descending(levels)))] == list(ascending(levels))


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("strength", [0, -1, 1e9, math.inf, math.nan, "nsr:0", "nsr:-1", "nsr:1e9", "nsr:nan"])
def test_strength_that_the_model_does_not_know(schedule: Schedule, strength: float | str) -> None:
    with pytest.raises(InvalidSetting, match=r"strength .* is outside what the prior knows") as caught:
        schedule.ladder(strength, 5, Uniform())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_strength_may_be_the_highest_level(schedule: Schedule) -> None:
    assert schedule.ladder(schedule.highest, 5, Uniform())[-1] == schedule.at(schedule.highest)
    highest = f"nsr:{schedule.at(schedule.highest).ratio}"
    assert schedule.resolve(highest) == pytest.approx(schedule.highest)


def test_ladder_of_more_steps_than_timesteps() -> None:
    with pytest.raises(DreamCleanError, match="30 steps do not fit between the timesteps 0 and 29"):
        DDPMSchedule.linear().ladder(29, 30, Uniform())
    assert len(DDPMSchedule.linear().ladder(30, 30, Uniform())) == 31


@pytest.mark.parametrize("schedule", SCHEDULES[1:])
def test_strength_below_the_lowest_level(schedule: Schedule) -> None:
    """A ladder never leads downwards."""
    with pytest.raises(DreamCleanError, match="do not fit"):
        schedule.ladder(f"nsr:{schedule.lowest / 10}", 5, Uniform())


def test_schedule_zero_terminal_snr() -> None:
    """Lin et al. 2024: betas rescaled so that nothing of the signal is left at T; levels with hardly any are left out."""
    root = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).sqrt()
    rescaled = (root - root[-1]) * root[0] / (root[0] - root[-1])
    schedule = DDPMSchedule(rescaled**2)
    assert schedule.highest == 997
    assert math.isfinite(schedule.at(schedule.highest).ratio)
    assert all(level.alpha > 0 for level in schedule.ladder(997, 20, Uniform()))
    with pytest.raises(DreamCleanError, match="at most 997"):
        schedule.resolve(999)


def test_level_without_signal() -> None:
    assert Level(999, 0.0, 1.0).ratio == math.inf
    assert Level(1, 0.8, 0.6).ratio == pytest.approx(0.75)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_model_is_asked_at_its_quietest_level_for_a_picture(schedule: Schedule) -> None:
    quietest = schedule.at(schedule.lowest)
    assert schedule.noisy(schedule.clean) == Level(quietest.t, 1.0, quietest.sigma)
    other = schedule.at(schedule.resolve("nsr:1"))
    assert schedule.noisy(other) == other


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule_refuses_a_timestep_that_it_has_not(schedule: Schedule) -> None:
    for t in (-1, schedule.highest + 1, math.nan, math.inf):
        with pytest.raises(DreamCleanError, match=r"there is no timestep .*; the prior knows"):
            schedule.at(t)
    assert schedule.at(schedule.highest).t == schedule.highest


def test_schedule_refuses_a_timestep_between_two() -> None:
    for asked in (DDPMSchedule.linear().at, DDPMSchedule.linear().resolve):
        with pytest.raises(DreamCleanError, match=r"timestep 250\.5 is between two of the prior's; choose 250 or 251"):
            asked(250.5)
    assert DDPMSchedule.linear().resolve(250.0) == 250


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_nearest_timestep_is_one_that_the_model_has(schedule: Schedule) -> None:
    assert schedule.timestep(1e6) == schedule.highest
    assert schedule.lowest <= schedule.timestep(0.0) <= schedule.lowest + 1


def test_ladder_to_the_highest_flow_level_stays_below_it() -> None:
    """lowest + (top - lowest) may round to more than top."""
    for first in range(1, 400):
        schedule = FlowSchedule(first / 1000, 0.9)
        assert schedule.ladder(0.9, 3, Uniform())[-1].t <= 0.9

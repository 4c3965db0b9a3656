"""A calibration carried over to new weights (contrib/calibrate/transfer.py)."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
import torch

from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration
from dreamclean.builtin.planners.diagnosis.features import NAMES

LEVELS = 2
SIZE = LEVELS * len(NAMES)


@pytest.fixture(scope="module")
def transfer() -> Iterator[ModuleType]:
    spec = importlib.util.spec_from_file_location(
        "transfer", Path(__file__).parents[1] / "contrib/calibrate/transfer.py"
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(Path(spec.origin or "").parent)  # as the command has it
        spec.loader.exec_module(module)
        yield module


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rules() -> Calibration:
    return Calibration(
        ratios=[0.1, 0.4],
        mean=numbers(SIZE, seed=1).tolist(),
        spread=(0.5 + numbers(SIZE, seed=2).abs()).tolist(),
        family=(0.3 * numbers(len(FAMILIES), SIZE + 1, seed=3)).tolist(),
        noise=(0.1 * numbers(2 * SIZE + 1, seed=4)).tolist(),
        level=[[] for _ in FAMILIES],
    )


def samples(transfer: ModuleType, count: int = 200) -> tuple[list[object], torch.Tensor, torch.Tensor]:
    """Their old features are a straight line of the new ones; every second has both."""
    slope, constant = 0.5 + numbers(SIZE, seed=5).abs(), numbers(SIZE, seed=6)
    made = []
    for k in range(count):
        new = numbers(SIZE, seed=100 + k)
        old = (slope * new + constant).reshape(LEVELS, -1) if k % 2 else None
        white = k % len(FAMILIES) == FAMILIES.index("white noise")
        made.append(transfer.Sample(k % len(FAMILIES), 0.1 if white else 0.0, new.reshape(LEVELS, -1), old))
    return made, slope, constant


def test_lines_are_those_from_new_features_to_old_ones(transfer: ModuleType) -> None:
    made, slope, constant = samples(transfer)
    found = transfer.lines(made)
    torch.testing.assert_close(found[0], slope)
    torch.testing.assert_close(found[1], constant)


def test_moved_rules_say_of_new_features_what_the_old_ones_said_of_old_features(transfer: ModuleType) -> None:
    made, slope, constant = samples(transfer)
    moved = transfer.moved(rules(), slope, constant)
    for one in made[1:20:2]:
        before, after = rules().probabilities(one.old), moved.probabilities(one.new)
        assert after == pytest.approx(before, rel=1e-2, abs=1e-3)
        assert moved.noise_std(one.new) == pytest.approx(rules().noise_std(one.old), rel=1e-2)


def test_refitted_rules_come_nearer_to_the_samples(transfer: ModuleType) -> None:
    made, _, _ = samples(transfer)
    before = rules()
    after = transfer.refitted(before, made)

    def loss(found: Calibration) -> float:
        chances = [list(found.probabilities(one.new).values())[one.family] for one in made]
        return float(-torch.tensor(chances).log().mean())

    def error(found: Calibration) -> float:
        return max(abs(found.noise_std(one.new) / one.noise - 1) for one in made if one.noise)

    assert loss(after) < 0.5 * loss(before)
    assert error(after) < 0.5 * error(before)

"""Diagnosis: what is made of the features, by rules and on priors where the answer is known."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import PrivateAttr, ValidationError
from torch import Tensor

from dreamclean import DDPMSchedule, Denoiser, Enlarged, Evaluator, Geometry, Level, Mixture, Model, Prior
from dreamclean.builtin.planners.diagnosis import answers
from dreamclean.builtin.planners.diagnosis.answers import CROP, _unless_faint, crops
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration
from dreamclean.builtin.planners.diagnosis.diagnose import _noise_of_small, diagnose_image
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.rule import read
from dreamclean.testing import loaded

RATIOS = [0.02, 0.04, 0.08, 0.16, 0.32, 0.64]


def white(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def images(count: int, side: int = 40) -> Tensor:
    """Smooth colour pictures (count, 3, side, side) in [0.1, 0.9]."""
    coarse = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    return 0.1 + 0.8 * F.interpolate(coarse, side, mode="bilinear")


def diagnosed(image: Tensor, prior: Prior) -> Diagnosis:
    return diagnose_image(image, {}, prior, Evaluator(loaded(prior)).model)


# ------------------------------------------------------------------------------------------- calibration


def calibration(
    family: str, noise: float = 0.1, ratio: float = 0.3, rules: dict[str, Any] | None = None
) -> Calibration:
    """At two levels: whatever the features, ``family``, white noise of ``noise``, a start at ``ratio``; and ``rules``."""
    flat = [0.0] * 32
    fields = {
        "ratios": [DDPMSchedule.linear().at(t).ratio for t in (26, 91)],
        "mean": [k / 10 for k in range(32)],
        "spread": [0.5 + k / 10 for k in range(32)],
        "family": [[*flat, 2.0 if name == family else 0.0] for name in FAMILIES],
        "noise": [*flat, *flat, math.log(noise)],
        "level": [[*flat, math.log(ratio if name == family else 9.0)] for name in FAMILIES],
    }
    return Calibration(**{**fields, **(rules or {})})


MEAN = torch.tensor([k / 10 for k in range(32)]).view(2, 16)


def test_calibration_rules() -> None:
    """Weights belong to the standardised features, level by level; then, for the noise, to their squares."""
    fourth, weights = 16 + 3, [0.0] * 64 + [math.log(0.1)]
    weights[fourth], weights[32 + fourth] = 0.3, 0.05
    start = [0.0] * 32 + [math.log(0.3)]
    start[fourth] = 0.5
    rules = calibration("blocking", rules={"noise": weights, "level": [[0.0] * 33] * 3 + [start] + [[0.0] * 33] * 3})
    assert rules.noise_std(MEAN) == pytest.approx(0.1)
    assert rules.best_ratio(MEAN, "blocking") == pytest.approx(0.3)
    assert rules.best_ratio(MEAN, "mixed") == pytest.approx(1)
    for off, believed in ((2, 2), (-1, -1), (1e6, 4), (-50, -4)):  # in standard deviations
        moved = MEAN.clone()
        moved[1, 3] += off * (0.5 + fourth / 10)
        assert rules.noise_std(moved) == pytest.approx(0.1 * math.exp(0.3 * believed + 0.05 * believed**2), rel=1e-5)
        assert rules.best_ratio(moved, "blocking") == pytest.approx(0.3 * math.exp(0.5 * believed), rel=1e-5)


def test_calibration_probabilities() -> None:
    found = calibration("low resolution").probabilities(MEAN)
    assert tuple(found) == FAMILIES
    assert sum(found.values()) == pytest.approx(1)
    assert found["low resolution"] == pytest.approx(math.e**2 / (math.e**2 + 6))
    assert found["clean"] == pytest.approx(1 / (math.e**2 + 6))


def test_calibration_is_a_json_file(tmp_path: Path) -> None:
    rules = calibration("mixed")
    (tmp_path / "calibration.json").write_text(rules.model_dump_json())
    assert Calibration.load(tmp_path / "calibration.json") == rules
    with pytest.raises(ValidationError, match="levels"):
        Calibration(**rules.model_dump(), levels=3)


@pytest.fixture(autouse=True)
def own_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "calibration_of", lambda prior: getattr(prior, "_rules", None))


class Calibrated(Mixture):
    """A mixture with rules for its features; notes the shapes it is asked about."""

    _rules: Calibration | None = PrivateAttr(None)
    _side: int | None = PrivateAttr(None)
    _asked: list[tuple[int, ...]] = PrivateAttr(default_factory=list)

    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        return replace(super().load(device, dtype), geometry=Geometry(native_size=self._side))

    def predict(self, x: Tensor, level: Level) -> Tensor:
        self._asked.append(tuple(x.shape))
        return x / level.sigma


def calibrated(**settings: Any) -> Calibrated:
    prior = Calibrated()
    prior._rules = calibration(**settings)
    return prior


def test_diagnosis_by_a_calibration() -> None:
    blocking = diagnosed(images(1), calibrated(family="blocking"))
    assert (blocking.family, blocking.noise, blocking.nfe) == ("blocking", None, 2)
    assert blocking.ratio == pytest.approx(0.3)
    assert blocking.sure == blocking.probabilities["blocking"] > 0.5
    noisy = diagnosed(images(1), calibrated(family="white noise", noise=0.1))
    assert noisy.noise == pytest.approx(0.1)
    assert noisy.ratio == pytest.approx(0.19)  # x has twice the scale of the image; 0.95 of the noise's level
    for family in ("clean", "low resolution"):
        assert diagnosed(images(1), calibrated(family=family)).ratio is None


@pytest.mark.parametrize(("loudest", "share"), [(None, 0.9875), (0.4, 0.95)])
def test_white_noise_starts_further_below_its_level_where_it_is_uneven(
    loudest: float | None, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_loudest", lambda *_: loudest)
    found = diagnosed(images(1), calibrated(family="white noise", noise=0.1))
    assert (found.ratio, found.loudest) == (pytest.approx(2 * share * 0.1), loudest)


@pytest.mark.parametrize(
    ("heard", "gain", "kept"),
    [(0.11, 1.0, False), (0.09, 1.0, True), (0.13, 1.0, True), (0.11, 4.0, True)],
    ids=["says more", "says less", "far more", "clipped"],
)
def test_white_noise_is_no_louder_than_the_spectrum_says_unless_it_is_clipped(
    heard: float, gain: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_loudest", lambda *_: None)
    noisy = (0.5 + gain * (images(1, 128) - 0.5) + 0.1 * white(1, 3, 128, 128)).clamp(0, 1)
    found = diagnosed(noisy, calibrated(family="white noise", noise=heard))
    assert found.noise is not None
    if kept:
        assert found.noise == pytest.approx(heard)
    else:
        assert found.noise == pytest.approx(0.1, rel=0.05)
        assert found.noise != pytest.approx(heard, rel=0.01)
    assert found.ratio == pytest.approx(2 * found.noise * (1 - 1.25 * found.noise**2))


@pytest.mark.parametrize(("logit", "sure", "family"), [(2.2, 0.600, "clean"), (2.1, 0.576, "unknown damage")])
def test_clean_has_to_be_earned(logit: float, sure: float, family: str) -> None:
    rows = [[*[0.0] * 32, logit if name == "clean" else 0.0] for name in FAMILIES]
    found = diagnosed(images(1), calibrated(family="clean", rules={"family": rows}))
    assert found.probabilities["clean"] == pytest.approx(sure, abs=0.001)
    assert (found.family, found.sure, found.treated) == (family, found.probabilities[family], False)
    rows.pop()  # of an older calibration, which knows no unknown damage
    older = diagnosed(images(1), calibrated(family="clean", rules={"family": rows, "level": [[]] * len(rows)}))
    assert older.family == "clean"


def test_diagnosis_start_is_a_level_that_the_prior_has() -> None:
    """The quietest level of linear beta has s / a = 0.01, the loudest 157."""
    assert diagnosed(images(1), calibrated(family="mixed", ratio=0.0076)).ratio is None
    assert diagnosed(images(1), calibrated(family="mixed", ratio=0.0114)).ratio == pytest.approx(0.0114)
    loudest = DDPMSchedule.linear().at(999).ratio
    assert diagnosed(images(1), calibrated(family="mixed", ratio=1e6)).ratio == pytest.approx(loudest)


def test_calibration_of_other_levels_is_not_used() -> None:
    prior = calibrated(family="mixed", rules={"ratios": [500.0, 600.0]})
    assert diagnosed(images(1), prior).probabilities == {}


# ----------------------------------------------------------------------------------------- fallback rule


@pytest.mark.parametrize("truth", [0.03, 0.1, 0.25, 0.5])
def test_rule_finds_the_level_where_the_estimate_is_as_wide_as_its_noise(truth: float) -> None:
    found, level = read(RATIOS, [truth / ratio for ratio in RATIOS], [0.02] * 6)
    assert found == "white noise"
    assert level == pytest.approx(truth, rel=0.1)


@pytest.mark.parametrize(
    ("rms", "family", "least", "most"),
    [
        ([0.9, 0.94, 0.96, 0.9, 0.5, 0.2], "white noise", 0.08, 0.16),  # never as wide as 1: its own peak
        ([0.3, 0.5, 0.68, 0.4, 0.2, 0.1], "mixed", 0.08, 0.16),
        ([9, 7, 5, 4, 3, 2], "white noise", 0.64, 0.64),  # louder than all that was asked
    ],
)
def test_rule_on_other_curves(rms: list[float], family: str, least: float, most: float) -> None:
    found, level = read(RATIOS, rms, [0.1] * 6)
    assert found == family
    assert level is not None and least <= level <= most


def test_rule_leaves_narrow_curves_alone() -> None:
    """A weak network's estimate of a clean picture may rise a little from level to level."""
    assert read(RATIOS, [0.6, 0.5, 0.4, 0.3, 0.2, 0.1], [0.1] * 6) == ("unknown", None)
    assert read(RATIOS, [0.34, 0.39, 0.42, 0.47, 0.51, 0.44], [-0.14, -0.12, -0.08, 0, 0.1, 0.1]) == ("unknown", None)
    assert read(RATIOS, [0.3, 0.5, 0.68, 0.4, 0.2, 0.1], [-0.1] * 6) == ("unknown", None)
    assert read([0.2], [1.5], [0.0]) == ("white noise", 0.2)


def test_rule_looks_at_the_correlation_at_the_level_itself() -> None:
    rms = [0.8, 1.1, 1.2, 1.0, 0.6, 0.3]
    assert read(RATIOS, rms, [0.1, 0.9, 0.5, 0.1, 0.9, 0.9]) == ("white noise", pytest.approx(0.16))
    assert read(RATIOS, rms, [0.1, 0.0, 0.0, 0.5, 0.0, 0.0]) == ("mixed", pytest.approx(0.16))
    assert read(RATIOS, rms, [0.3, 0.2, 0.1, 0.1, 0.1, 0.1]) == ("mixed", pytest.approx(0.16))


@pytest.mark.parametrize("family", ["ddpm", "ve", "flow"])
@pytest.mark.parametrize("sigma", [8, 25, 50])
def test_diagnosis_of_white_noise_around_known_pictures(family: Any, sigma: int) -> None:
    """A mixture of Diracs knows the picture below the noise exactly."""
    prior = Mixture.around(images(3), family=family)
    found = diagnosed(images(3)[1:2] + sigma / 255 * white(1, 3, 40, 40), prior)
    assert found.family == "white noise"
    assert found.noise == pytest.approx(sigma / 255, rel=0.15)
    assert found.ratio == pytest.approx(2 * sigma / 255, rel=0.15)
    assert (found.nfe, len(found.ratios), found.sure, found.probabilities) == (6, 6, None, {})
    clean = diagnosed(images(3)[1:2], prior)
    assert (clean.family, clean.ratio, clean.noise) == ("unknown", None, None)


def test_diagnosis_does_not_ask_levels_above_the_priors_own() -> None:
    clean = images(1)
    prior = Denoiser.of(lambda y, sigma: clean, lowest=0.005, highest=0.1)
    found = diagnosed(clean + 0.09 * white(*clean.shape), prior)
    assert found.ratios == pytest.approx([0.02, 0.04, 0.08, 0.16, 0.2])
    assert found.noise == pytest.approx(0.09, rel=0.15)
    assert diagnosed(clean + 0.3 * white(*clean.shape), prior).ratio == pytest.approx(0.2)


# ------------------------------------------------------------------------------------------ which pixels


@pytest.mark.parametrize(
    ("size", "corners"),
    [
        ((CROP, CROP), [(0, 0)]),
        ((20, 33), [(0, 0)]),
        ((300, 200), [(22, 0)]),
        ((456, 301), [(50, 22), (150, 22)]),
        ((1001, 40), [(186, 0), (559, 0)]),
        ((656, 456), [(100, 50), (100, 150), (300, 50), (300, 150)]),
    ],
)
def test_crops(size: tuple[int, int], corners: list[tuple[int, int]]) -> None:
    places = torch.stack([*torch.meshgrid(*map(torch.arange, size), indexing="ij"), torch.zeros(size)])[None]
    found = crops(places)
    assert found.shape == (len(corners), 3, min(size[0], CROP), min(size[1], CROP))
    assert [tuple(crop[:2, 0, 0].tolist()) for crop in found] == corners
    assert all(
        tuple(crop[:2, -1, -1] - crop[:2, 0, 0]) == (min(size[0], CROP) - 1, min(size[1], CROP) - 1) for crop in found
    )


def test_crops_smaller_than_the_signs_need_are_padded() -> None:
    prior = calibrated(family="mixed")
    prior._side = 20
    found = diagnosed(torch.rand(1, 3, 40, 300), prior)
    assert set(prior._asked) == {(4, 3, 20, 20)}
    assert all(map(math.isfinite, (*found.rms, *found.correlation)))


def test_crops_are_no_larger_than_the_model_was_made_for() -> None:
    prior = calibrated(family="mixed")
    prior._side = 64
    diagnosed(torch.rand(1, 3, 200, 50), prior)
    assert set(prior._asked) == {(2, 3, 64, 50)}
    prior._side = 512
    prior._asked.clear()
    diagnosed(torch.rand(1, 3, 300, 300), prior)
    assert set(prior._asked) == {(1, 3, CROP, CROP)}


@pytest.mark.parametrize(
    ("sure", "std", "loudest", "treated"),
    [
        (0.6, 3, None, False),
        (0.97, 3, None, True),
        (0.97, 3, 0.05, False),
        (None, 3, None, False),
        (0.6, 5, 0.05, True),
    ],
)
def test_diagnosis_leaves_faint_noise_alone_unless_it_is_sure_and_even(
    sure: float | None, std: float, loudest: float | None, treated: bool
) -> None:
    found = _unless_faint(Diagnosis("white noise", sure, noise=std / 255, ratio=0.02, loudest=loudest))
    assert found.treated is treated
    assert ("better left as it is" in found.words()) is not treated


@pytest.mark.parametrize(("side", "asked"), [(64, (32, 32)), (96, (48, 48)), (160, (40, 40)), (384, None)])
def test_noise_of_a_small_picture_is_asked_for_however_small_it_was(side: int, asked: tuple[int, int] | None) -> None:
    """Enlarged 4 times: from 16 pixels a side on, with its mirror images where there are fewer than 32; not of large ones."""
    shapes: list[tuple[int, ...]] = []

    def hear(small: Tensor) -> float:
        shapes.append(tuple(small.shape[-2:]))
        assert torch.equal(small[..., : side // 4, : side // 4], operator.small(image).clamp(0, 1))
        return 0.1

    operator = Enlarged(factor=4, method="nearest")
    image = operator.degrade(torch.rand(1, 3, side, side, generator=torch.Generator().manual_seed(0)))
    assert _noise_of_small(image, operator, hear) == (0.1 if asked else None)
    assert shapes == ([asked] if asked else [])

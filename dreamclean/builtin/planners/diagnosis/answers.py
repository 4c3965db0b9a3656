"""What a prior answers to a picture at a few noise levels, in six evaluations, and what that says by its calibration."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dreamclean.builtin.initializers.local_level import telling, unevenness
from dreamclean.builtin.planners.diagnosis.calibration import Calibration, calibration_of
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.exempt import SMALLEST
from dreamclean.builtin.planners.diagnosis.features import features
from dreamclean.builtin.planners.diagnosis.rule import read
from dreamclean.contracts.levels import Level, Schedule
from dreamclean.contracts.model import Model
from dreamclean.contracts.padding import pad_to_multiple
from dreamclean.contracts.prior import Prior

RATIOS = (0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
"""Noise-to-signal ratios asked of a prior without a calibration: noise of 2.5 to 82 of 255."""
CROP = 256
"""Side in pixels, unless the prior's native size is smaller; of a larger picture up to four crops are looked at."""
LOCAL, BELOW = 0.95, 1.25
"""White noise of std s starts at LOCAL s where it is uneven, else at s (1 - BELOW s^2), [0, 1] scale: LPIPS is best below its own level."""
AGREED = 0.85
"""Least share of the answers' standard deviation that another estimate may have: with less it is of the quiet parts alone."""
FAINT, SURE = 4 / 255, 0.95
"""White noise, [0, 1] scale, that hardly shows: it is left alone unless it is so sure, and even. Clean pictures look like it."""
EARNED = 0.6
"""Least probability of "clean": what is less probably clean, and nothing else that is known, is called unknown damage."""
UNEVEN = 1.5
"""Even noise looks by this factor louder in some parts (95 %) than in others (5 %), or by less."""
_LEFT_ALONE = ("clean", "low resolution", "unknown damage")
_WHITE = ("white noise", "mixed")
_NOISY = ("white noise", "correlated noise", "mixed")


def by_answers(image: Tensor, prior: Prior, model: Model) -> Diagnosis:
    """The diagnosis of one ``image`` (1, 3, H, W) in [0, 1] by the answers of ``model``, which ``prior`` loaded."""
    calibration, levels = _calibration(prior, model.schedule)
    answered = answers(crops(image, min(CROP, model.geometry.native_size or CROP)), model, levels)
    found = read_features(answered)
    ratios, rms, correlation = [level.ratio for level in levels], found[:, 0].exp().tolist(), found[:, 1].tolist()
    shared: dict[str, Any] = {"ratios": ratios, "rms": rms, "correlation": correlation, "nfe": len(levels)}
    if calibration is None:
        family, ratio = read(ratios, rms, correlation)
        noise = ratio * model.codec.pixel_scale if ratio and family == "white noise" else None
        diagnosis = Diagnosis(family, noise=noise, ratio=_known(ratio, model.schedule), **shared)
    else:
        diagnosis = _calibrated(calibration, found, model, shared)
    loudest = _loudest(diagnosis, answered, model.schedule)
    if calibration is not None and loudest is None and (noise := diagnosis.noise) is not None:
        diagnosis = replace(diagnosis, ratio=_start(noise, model))
    return _unless_faint(replace(diagnosis, loudest=loudest))


def no_louder(found: Diagnosis, std: float, model: Model) -> Diagnosis:
    """``found`` with even white noise of standard deviation ``std``, [0, 1] scale, where it says a little more."""
    if found.noise is None or found.ratio is None or found.loudest is not None:
        return found
    if not AGREED * found.noise < std < found.noise:
        return found
    return replace(found, noise=std, ratio=_start(std, model))


def _start(noise: float, model: Model) -> float | None:
    """Where even white noise of standard deviation ``noise``, [0, 1] scale, is removed from."""
    return _known(noise * (1 - BELOW * noise**2) / model.codec.pixel_scale, model.schedule)


def white_noise(image: Tensor, prior: Prior, model: Model) -> float | None:
    """Standard deviation, [0, 1] scale, of the white noise of a picture too small for its spectrum to tell.

    None where there probably is none, or ``prior`` has no calibration.
    """
    calibration, levels = _calibration(prior, model.schedule)
    if calibration is None:
        return None
    found = read_features(answers(image, model, levels))
    probabilities = calibration.probabilities(found)
    return calibration.noise_std(found) if sum(probabilities[family] for family in _WHITE) > 0.5 else None


def _calibration(prior: Prior, schedule: Schedule) -> tuple[Calibration | None, list[Level]]:
    """The prior's calibration, None if it has none for the levels of ``schedule``, and the levels to ask about."""
    calibration = calibration_of(prior)
    levels = spaced_levels(schedule, calibration.ratios if calibration else RATIOS)
    fits = calibration is not None and len(levels) == len(calibration.ratios)
    return (calibration if fits else None), levels


def answers(parts: Tensor, model: Model, levels: Sequence[Level]) -> list[Tensor]:
    """The model's noise estimates (N, C, h, w), level by level, of ``parts`` (N, 3, H, W) of a picture."""
    x = model.codec.encode(parts)
    return [model.predict(level.alpha * x, level) for level in levels]


def read_features(answered: Sequence[Tensor]) -> Tensor:
    """The features (levels, 16) of ``answers``, means over the parts."""
    return torch.stack([features(_large(eps)).mean(0) for eps in answered]).cpu()


def _calibrated(calibration: Calibration, found: Tensor, model: Model, shared: dict[str, Any]) -> Diagnosis:
    probabilities = calibration.probabilities(found)
    family = max(probabilities, key=probabilities.__getitem__)
    if family == "clean" and probabilities[family] < EARNED and "unknown damage" in probabilities:
        family = "unknown damage"
    noise, ratio = None, None
    if family == "white noise":
        noise = calibration.noise_std(found)
        ratio = LOCAL * noise / model.codec.pixel_scale
    elif family not in _LEFT_ALONE:
        ratio = calibration.best_ratio(found, family)
    told: dict[str, Any] = {"probabilities": probabilities, "noise": noise, **shared}
    return Diagnosis(family, probabilities[family], ratio=_known(ratio, model.schedule), **told)


def _unless_faint(found: Diagnosis) -> Diagnosis:
    if found.noise is None or found.noise >= FAINT:
        return found
    certain = found.sure is not None and found.sure >= SURE and found.loudest is None
    return found if certain else replace(found, ratio=None, loudest=None)


def _loudest(diagnosis: Diagnosis, answers: Sequence[Tensor], schedule: Schedule) -> float | None:
    """The ratio of the loudest parts of uneven noise; None for even noise and for damage that is none."""
    if diagnosis.ratio is None or diagnosis.family not in _NOISY:
        return None
    answer = torch.cat(list(answers[telling(diagnosis.ratios, diagnosis.ratio)]), -1)[None]
    damage = unevenness(answer)
    quiet, loud, loudest = torch.quantile(damage, torch.tensor([0.05, 0.95, 0.99]).to(damage)).tolist()
    return _known(diagnosis.ratio * loudest, schedule) if loud > UNEVEN * quiet else None


def crops(image: Tensor, side: int = CROP) -> Tensor:
    """The picture (1, 3, H, W) itself, or up to four crops (N, 3, side, side) of a larger one, spread evenly."""
    height, width = image.shape[-2:]
    tops, lefts = _starts(height, side), _starts(width, side)
    return torch.cat([image[..., top : top + side, left : left + side] for top in tops for left in lefts])


def _starts(length: int, side: int) -> list[int]:
    """Where one crop starts, in the middle, or two, each half way from there to the edge."""
    if length <= side:
        return [0]
    return [round((length - side) * share) for share in ((0.5,) if length < 1.5 * side else (0.25, 0.75))]


def _large(eps: Tensor) -> Tensor:
    """``eps``, padded where a side is too small for the features."""
    return pad_to_multiple(eps, SMALLEST) if min(eps.shape[-2:]) < SMALLEST else eps


def _known(ratio: float | None, schedule: Schedule) -> float | None:
    """``ratio`` or the highest that the prior has; None for one that is no louder than its quietest level."""
    quietest, loudest = (schedule.at(t).ratio for t in (schedule.lowest, schedule.highest))
    return min(ratio, loudest) if ratio and ratio > quietest else None


def spaced_levels(schedule: Schedule, ratios: Sequence[float]) -> list[Level]:
    """The levels nearest to ``ratios``; the prior's highest one in the place of those above it."""
    limit = schedule.at(schedule.highest).ratio
    found = [schedule.at(schedule.timestep(min(ratio, limit))) for ratio in ratios]
    return list(dict.fromkeys(level for level in found if level.sigma > 0))

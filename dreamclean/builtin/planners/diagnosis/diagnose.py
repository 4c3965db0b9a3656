"""Diagnosis: the degradation that explains a picture, or its noise, or that it is clean."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from dreamclean.builtin.operators.enlarged import Enlarged
from dreamclean.builtin.operators.grain import Grain
from dreamclean.builtin.operators.identity import Identity
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.answers import FAINT, by_answers, no_louder, white_noise
from dreamclean.builtin.planners.diagnosis.degradation import Explained, explained
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis, left_alone
from dreamclean.builtin.planners.diagnosis.exempt import SMALLEST, exempt, noiseless
from dreamclean.builtin.planners.diagnosis.jpeg.noise_before import fine, noise_before
from dreamclean.builtin.planners.diagnosis.noise_estimate import NoiseEstimate, estimate_noise
from dreamclean.builtin.planners.diagnosis.outliers.opinion import asking
from dreamclean.contracts.model import Model
from dreamclean.contracts.operator import Operator
from dreamclean.contracts.prior import Prior

SURE = 0.95
"""Least probability of noise by the picture's spectrum alone; of clean pictures one in fifty looks like that."""
LIKELY = 0.5
"""Least probability of noise that shows, if the result of its removal is to confirm it: one clean picture in five."""
SPECTRUM = 96
"""Side in pixels of the smallest picture whose spectrum is believed to show noise: of smaller ones there is too little."""
CLIPPED = 0.12
"""Share of values at black or white up to which the spectrum tells white noise to 1 to 3 %, but for texture, which makes it more; from there on it
tells too little. The prior's answers tell 5 % too much."""
COLOURED = 2.5
"""White noise's loudest component is estimated at up to so many times its standard deviation; grain's at 3 to 6."""
GRAINY = 8 / 255
"""Least standard deviation of coloured noise in a JPEG: of 33 clean photographs, compressed, one looks as if it had so much."""


def diagnose_image(image: Tensor, info: Mapping[str, Any], prior: Prior, model: Model) -> Diagnosis:
    """The diagnosis of one ``image`` (1, 3, H, W) in [0, 1] on the device of ``model``, which ``prior`` loaded.

    First what an operator explains, by the file and the pixels. Then noise and the rest, by the prior's answers and by the
    picture's spectrum. ``info`` is of the file, as planners get it.
    """
    if family := "transparent" if info.get("transparent") else exempt(image):
        return left_alone(family)
    if model.codec.scale_factor == 1 and (found := explained(image, info, asking(model))):
        return _by_operator(image, found, lambda small: white_noise(small, prior, model))
    if noiseless(image):
        return left_alone("clean")
    by_prior = by_answers(image, prior, model)
    noise = estimate_noise(image, LIKELY) if min(image.shape[-2:]) >= SPECTRUM else None
    if noise and _believed(noise, by_prior.family == "white noise"):
        return _coloured(by_prior, noise)
    if noise and model.codec.scale_factor == 1 and _clipped(image) < CLIPPED:
        return no_louder(by_prior, noise.std, model)
    return by_prior


def _clipped(image: Tensor) -> float:
    """The share of values that are black or white."""
    return float(((image <= 0) | (image >= 1)).float().mean())


def _believed(noise: NoiseEstimate, white: bool) -> bool:
    """Whether the noise that the spectrum shows is the diagnosis; ``white``: the prior's answers say white noise."""
    if white:
        return noise.sure >= SURE and _is_coloured(noise)
    return noise.sure >= SURE or noise.std >= FAINT


def _is_coloured(noise: NoiseEstimate) -> bool:
    return noise.line is not None or noise.loudest > COLOURED * noise.std


def _by_operator(image: Tensor, found: Explained, hear: Callable[[Tensor], float | None]) -> Diagnosis:
    """A picture that ``found`` explains; before a JPEG or an enlargement noise may have come.

    ``hear``: a prior's opinion of the noise of a small picture.
    """
    operator, words = found.operator, found.words
    if isinstance(operator, JPEG):
        return _of_jpeg(image, operator, found)
    if isinstance(operator, Enlarged) and not operator.grain and (std := _noise_of_small(image, operator, hear)):
        operator, words = operator.model_copy(update={"grain": float(f"{std:.4g}")}), f"{_noise(std)}; then {words}"
    return Diagnosis(found.family, found.sure, operator, words)


def _of_jpeg(image: Tensor, jpeg: JPEG, found: Explained) -> Diagnosis:
    """A ``jpeg``, of a noisy picture perhaps.

    Grain, and noise of a grey picture, are removed as if there were no JPEG, whose fine steps are the lesser damage.
    Where the blocks show white noise, texture may make it look coloured.
    """
    operator: Operator = jpeg
    words, std = found.words, noise_before(image, jpeg)
    if std:
        operator, words = jpeg @ Identity(noise=std), f"{_noise(std)}; {words}"
    diagnosis = Diagnosis(found.family, found.sure, operator, words)
    noise = estimate_noise(image, SURE) if fine(jpeg) and min(image.shape[-2:]) >= SPECTRUM else None
    if noise is None or noise.std < GRAINY or not _is_coloured(noise) or (std and noise.line is None):
        return diagnosis
    grainy = _coloured(diagnosis, noise)
    return replace(grainy, found=f"{grainy.found}; {found.words}")


def _noise_of_small(image: Tensor, operator: Enlarged, hear: Callable[[Tensor], float | None]) -> float | None:
    small = operator.small(image).clamp(0, 1)
    return hear(_mirrored(small)) if min(small.shape[-2:]) < SPECTRUM else None


def _mirrored(small: Tensor) -> Tensor:
    """``small`` with mirror images of itself at its sides, until it is large enough to be judged."""
    while min(small.shape[-2:]) < SMALLEST:
        small = torch.cat([small, small.flip(-1)], -1)
        small = torch.cat([small, small.flip(-2)], -2)
    return small


def _noise(std: float) -> str:
    return f"noise of standard deviation {255 * std:.0f} of 255"


def _coloured(by_prior: Diagnosis, noise: NoiseEstimate) -> Diagnosis:
    """``by_prior`` with the noise that the picture's spectrum shows."""
    kind = "noise of a grey picture" if noise.line else "grain or other coloured noise"
    words = f"{kind}, standard deviation {255 * noise.std:.1f} of 255"
    return replace(
        by_prior,
        family="coloured noise",
        sure=noise.sure,
        operator=Grain(bands=noise.bands),
        found=words,
        noise=None,
        ratio=None,
        loudest=None,
        otherwise=by_prior,
    )

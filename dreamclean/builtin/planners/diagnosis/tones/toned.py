"""A diagnosis with the tones that somebody says have changed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

from torch import Tensor

from dreamclean.builtin.operators.affine import Affine
from dreamclean.builtin.planners.diagnosis.diagnose import SURE
from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.planners.diagnosis.exempt import EXEMPT
from dreamclean.builtin.planners.diagnosis.tones.fading import estimate_fading
from dreamclean.builtin.planners.diagnosis.tones.haze import estimate_haze
from dreamclean.method.measured import EIGHT_BIT

Tone = Literal["faded", "haze"]
"""What has changed a picture's tones."""

GREY = 0.12
"""The darkest tone of a channel from which on a picture may have faded."""


def toned(image: Tensor, found: Diagnosis, tone: Tone) -> Diagnosis:
    """``found`` in ``image`` (1, 3, H, W) in [0, 1], after its tones had changed: that came first, so it is undone last.

    Noise that no operator of ``found`` explains is white to this one.
    """
    if found.family in EXEMPT:
        return found
    if found.otherwise is not None and (found.sure or 0.0) < SURE:  # beneath a change of tones no review confirms noise
        found = found.otherwise
    changed, words = CHANGES[tone](image)
    noise = found.noise or (found.ratio or 0.0) / 2  # of a ratio: on the scale from -1 to 1
    noisy = changed.model_copy(update={"noise": max(float(f"{noise:.4g}"), EIGHT_BIT)})
    operator = noisy if found.operator is None else found.operator @ changed
    after = found.found or (f"noise of standard deviation {255 * noise:.1f} of 255" if noise else "")
    said = f"{words}; then {after}" if after else words
    return replace(
        found,
        family=tone,
        sure=None,
        operator=operator,
        found=said,
        noise=None,
        ratio=None,
        loudest=None,
        otherwise=None,
    )


def with_darkest(image: Tensor, found: Diagnosis) -> Diagnosis:
    """``found``, with the darkest tone of ``image`` where black is missing: of photographs in six of a hundred, of faded and hazy ones nearly always."""
    darkest = 0.0 if found.family in EXEMPT else min(estimate_fading(image).black)
    return replace(found, darkest=darkest) if darkest > GREY else found


def _faded(image: Tensor) -> tuple[Affine, str]:
    """How ``image`` has faded, and that in words."""
    changed = estimate_fading(image)
    return changed, f"faded: black has become {_colour(changed.black)}, white {_colour(changed.white)} of 255"


def _hazy(image: Tensor) -> tuple[Affine, str]:
    """The haze over ``image``, and that in words."""
    changed = estimate_haze(image)
    return changed, f"haze of colour {_colour(changed.airlight)} of 255"


def _colour(values: tuple[float, ...]) -> str:
    return "/".join(f"{255 * value:.0f}" for value in values)


CHANGES: dict[Tone, Callable[[Tensor], tuple[Affine, str]]] = {"faded": _faded, "haze": _hazy}

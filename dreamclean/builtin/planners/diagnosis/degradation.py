"""The degradation that explains a picture, from its file and its pixels, as an operator with its noise."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from dreamclean.builtin.operators.blur import Blur
from dreamclean.builtin.operators.enlarged import Enlarged, Resized
from dreamclean.builtin.operators.enlarged_jpeg import EnlargedJPEG
from dreamclean.builtin.operators.jpeg import JPEG
from dreamclean.builtin.planners.diagnosis.jpeg.estimate import estimate_jpeg, with_earlier
from dreamclean.builtin.planners.diagnosis.jpeg.found import Found, over_coarser, said_by_file
from dreamclean.builtin.planners.diagnosis.noise_estimate import estimate_noise
from dreamclean.builtin.planners.diagnosis.outliers.find import DENSE, find_outliers
from dreamclean.builtin.planners.diagnosis.outliers.opinion import Ask
from dreamclean.builtin.planners.diagnosis.resolution.blur import estimate_blur
from dreamclean.builtin.planners.diagnosis.resolution.enlargement import estimate_enlargement
from dreamclean.builtin.planners.diagnosis.tones.few import estimate_tones
from dreamclean.builtin.planners.diagnosis.tones.palette import estimate_palette
from dreamclean.contracts.filled import filled
from dreamclean.contracts.operator import Operator

MILD = 20.0
"""Root mean square, of 255, of a JPEG's rounding, up to which the pixels tell what happened before it (about quality 50)."""
SURE = {"outliers": 0.5, "enlarged": 0.8, "blurred": 0.6}
"""How sure a finding has to be."""
EXACT = 0.99
"""How sure it is that a photograph whose values are all among a few tones, or colours, was rounded to them."""
TILED = 128
"""Side in pixels of the smallest picture that is said to be blurred: it has to be in all parts, and a smaller one has few."""
LOUDEST = 10 / 255
"""Noise after an enlargement, [0, 1] scale, above which it is not believed: print looks like that."""
NOISY, LEAST = 0.95, 8 / 255
"""How sure noise of the small picture has to be, and the least, [0, 1] scale, that is believed of one of few pixels."""
LOUDER = 3.0
"""Coarse grain of std 25 was taken for a blur with a noise of 5.5; where there was a blur, 2.2 times its noise is the most."""

KEPT = 0.5
"""Share of a blur's noise that is believed where a JPEG came after; the rest of it, and all of other operators', is the rounding."""


class Explained(NamedTuple):
    """A degradation that explains a picture."""

    family: str
    """Posterized, JPEG, outliers, enlarged or blurred; the first of them to happen, where JPEG came after."""
    operator: Operator
    sure: float
    words: str


def explained(image: Tensor, info: Mapping[str, Any], ask: Ask) -> Explained | None:
    """The degradation of ``image`` (1, 3, H, W) in [0, 1] that is no mere noise; None where none is sure.

    ``info``: of its file, as planners get it. ``ask``: what a prior expects, asked once where outliers are suspected.
    Each finder looks only where those before it found nothing, because damage of one kind looks like another kind to
    the later ones: a grid of blocks is soft, an enlarged picture blurred. A mild JPEG hides nothing and is the last link.
    """
    if tones := estimate_tones(image):
        return Explained("posterized", tones, EXACT, f"few tones: {'/'.join(map(str, tones.levels))} in each channel")
    if palette := estimate_palette(image):
        return Explained("posterized", palette, EXACT, "a palette of few colours")
    jpeg = _jpeg(image, info)
    if jpeg is not None and jpeg.rounding > MILD:
        return _compressed(jpeg)
    earlier = _before_compression(image, ask, compressed=jpeg is not None)
    if jpeg is None or earlier is None:
        return earlier if jpeg is None else _compressed(jpeg)
    last = _compressed(jpeg)
    part = KEPT if earlier.family == "blurred" else 0.0
    quiet = earlier.operator.model_copy(update={"noise": float(f"{part * earlier.operator.noise:.4g}")})
    # what lies on the picture was compressed too: a mask before the JPEG would leave it in the measurement
    operator = quiet @ last.operator if earlier.family == "outliers" else last.operator @ quiet
    return Explained(earlier.family, operator, earlier.sure, f"{earlier.words}; {last.words}")


def _jpeg(image: Tensor, info: Mapping[str, Any]) -> Found | None:
    """The compression that the file states, with earlier ones that the pixels show, or all from those; None: none that matters."""
    said, shown = said_by_file(info), estimate_jpeg(image)
    if said is None:
        return shown
    said = over_coarser(said, shown) or with_earlier(said, image)
    return shown if said.harmless else said


def _before_compression(image: Tensor, ask: Ask, *, compressed: bool) -> Explained | None:
    finders: tuple[Callable[[], Explained | None], ...] = (
        lambda: _lost(image, ask),
        lambda: _enlarged(image),
        lambda: _blurred(image, None if compressed else ask),  # loud noise would be before the JPEG
    )
    found = (find() for find in finders)
    return next((one for one in found if one and one.sure >= SURE[one.family]), None)


def _compressed(jpeg: Found) -> Explained:
    return Explained("JPEG", JPEG(**jpeg.shortest()), jpeg.sure, jpeg.words())


def _lost(image: Tensor, ask: Ask) -> Explained | None:
    found = find_outliers(image, ask)
    if found is None:
        return None
    if float(found.lost.float().mean()) <= DENSE:
        rest = estimate_noise(filled(image, found.lost))  # the finder takes fine texture for noise
        found = replace(found, noise=min(found.noise, rest.std) if rest else 0.0)
    return Explained("outliers", found.operator, found.sure, found.words())


def _enlarged(image: Tensor) -> Explained | None:
    found = estimate_enlargement(image)
    if found is None or found.operator.noise > LOUDEST:
        return None
    operator = found.operator
    assert isinstance(operator, Enlarged)
    factor, method = "/".join(f"{value:.4g}" for value in operator.factor), operator.method.removesuffix("-0.75")
    words = f"enlarged {factor} times, {method}{_noise(operator)}"
    small = (operator.small(image).clamp(0, 1) * 255).round() / 255
    if jpeg := estimate_jpeg(small):
        sizes = {name: getattr(operator, name) for name in Resized.model_fields}
        return Explained(
            "enlarged",
            EnlargedJPEG(**{**jpeg.shortest(), **sizes, "noise": operator.noise}),
            found.sure,
            f"{jpeg.words()}; then {words}",
        )
    if grain := _noise_before_enlargement(small):
        operator = operator.model_copy(update={"grain": float(f"{grain:.4g}")})
        words = f"noise of standard deviation {255 * grain:.0f} of 255; then {words}"
    return Explained("enlarged", operator, found.sure, words)


def _noise_before_enlargement(small: Tensor) -> float:
    """Standard deviation, [0, 1] scale, of the noise of the ``small`` picture; 0 for none."""
    noise = estimate_noise(small, NOISY)
    return noise.std if noise and noise.std > (LEAST if min(small.shape[-2:]) < TILED else 0) else 0.0


def _blurred(image: Tensor, ask: Ask | None) -> Explained | None:
    found = estimate_blur(image, ask) if min(image.shape[-2:]) >= TILED else None
    if found is None or _is_grain(image, found.operator.noise):
        return None
    assert isinstance(found.operator, Blur)
    return Explained("blurred", found.operator, found.sure, blur_words(found.operator))


def _is_grain(image: Tensor, noise: float) -> bool:
    """Whether quiet parts of a picture that looks blurred have much more noise than the ``noise`` that came after a blur."""
    found = estimate_noise(image, NOISY)
    return found is not None and found.std > max(LEAST, LOUDER * noise)


def blur_words(blur: Blur) -> str:
    """A blur in a few words."""
    if blur.shape == "motion":
        said = f"motion blur, {blur.length:.2g} pixels at {blur.angle:.0f} degrees"
        said += f", std {blur.width:.2g} across" if blur.width else ""
    elif blur.shape == "defocus":
        said = f"out of focus, radius {blur.radius:.2g} pixels"
    elif blur.shape == "uniform":
        said = f"box blur, {blur.size} pixels a side"
    else:
        said = f"Gaussian blur, std {blur.std[0]:.2g} pixels"
    return said + _noise(blur)


def _noise(operator: Operator) -> str:
    return f", noise of standard deviation {operator.noise * 255:.1f} of 255" if operator.noise else ""

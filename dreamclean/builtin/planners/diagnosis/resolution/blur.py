"""Was this whole picture blurred, how, and how much?"""

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.opinion import Ask
from dreamclean.builtin.planners.diagnosis.resolution.edges import sharpest
from dreamclean.builtin.planners.diagnosis.resolution.families import Guess, likeliest, width
from dreamclean.builtin.planners.diagnosis.resolution.found import Found
from dreamclean.builtin.planners.diagnosis.resolution.motion import LOUD
from dreamclean.builtin.planners.diagnosis.resolution.narrowed import narrowed
from dreamclean.builtin.planners.diagnosis.resolution.spectrum import LOWEST, PATCH, radial, spectrum

LEAST = (0.8, 0.65)
"""Standard deviation in pixels, of the kernel along its widest axis, and in loud noise: photographs that were not blurred stay
below."""
LOUDEST = 40 / 255
"""Noise, [0, 1] scale, above which nothing is found."""
EVEN = 0.65
"""Share of the blur's width that all but the sharpest quarter of the tiles must have; what is sharp in places is no blur."""
ROUND, MOVED, MOVED_CLEARLY, MOVED_SMALL = (0.15, 0.4), (0.3, 0.35), (0.0, 0.2), (0.5, 0.5)
"""Share of the blur's width that all but the sharpest quarter of the edges must have, and in loud noise. Fine lines count
as sharp. Where a prior took the noise away they are gone. Edges across a motion are sometimes hardly wider than others."""
CLEAR, ENOUGH = (0.2, 0.05), 224
"""Lead of a clear motion, and in loud noise, and side in pixels from which on one is; in a smaller picture stripes look moved."""
NARROWEST = 0.65
"""The same share in loud noise under which the spectrum has taken a Gaussian for too wide: at the true width it is 0.65 to 0.85.
Other blurs have zeros, which tell their size."""
TILES = 4
"""Tiles a side that are looked at, at most."""
TELLING = 15.0
"""Power of a tile's coarse detail, in multiples of the noise, from which on it says something."""


def estimate_blur(image: Tensor, ask: Ask | None = None) -> Found | None:
    """The blur that the whole of ``image`` (1, 3, H, W) in [0, 1] has; None if it has none, or is smaller than 64 pixels.

    Gaussian, box, defocus or motion, the one under which the picture's spectrum is likeliest if it is that of a
    photograph. The sharpest edges have to be as wide as a round blur makes them, or else it is left alone: skies, night,
    shallow depth of field. Enlarged pictures are soft too, so look for an enlargement first.

    In noise above ``LOUD`` the edges are those that a prior sees, by ``ask``, in one evaluation; without one nothing is found.
    """
    if min(image.shape[2:]) < PATCH:
        return None
    luma = _luma(image)
    guess = likeliest(spectrum(luma))
    moved, noisy = guess.blur.shape == "motion", guess.noise > LOUD
    if guess.std < LEAST[noisy] or guess.noise > (LOUDEST if ask else LOUD) or not _everywhere(luma, guess):
        return None
    seen = _luma(ask(image, guess.noise)) if noisy and ask else luma
    edges = sharpest(seen, guess.blur.angle if moved else None)
    share = _share(guess, noisy, min(image.shape[2:]) < ENOUGH)
    if share and (edges is None or edges < share * guess.std):
        return None
    if noisy and edges and guess.blur.shape == "gaussian" and (share := edges / NARROWEST / guess.std) < 1:
        guess = guess._replace(blur=narrowed(guess.blur, share), std=share * guess.std)
    sure = 1 - 0.5 * (LEAST[noisy] / guess.std) ** 4
    return Found(guess.blur.model_copy(update={"noise": guess.noise}), sure)


def _share(guess: Guess, noisy: bool, small: bool) -> float:
    """How wide the edges must be, over the blur's width; 0: they need not be asked."""
    if guess.blur.shape != "motion":
        return ROUND[noisy]
    if small:
        return MOVED_SMALL[noisy]
    return (MOVED_CLEARLY if guess.lead >= CLEAR[noisy] else MOVED)[noisy]


def _luma(image: Tensor) -> Tensor:
    return 255 * image[0].float().cpu().mean(0)


def _everywhere(luma: Tensor, guess: Guess) -> bool:
    """Whether the tiles that have detail are each about as blurred as the whole."""
    widths = []
    for tile in _tiles(luma):
        found = spectrum(tile)
        rings = radial(found)
        coarse = rings.power[rings.frequency[:, 1] < 3 * LOWEST].mean()
        if float(coarse) > TELLING * ((255 * guess.noise) ** 2 / 3 + 0.05):
            widths.append(width(found, guess))
    return len(widths) > 0 and float(torch.tensor(widths).quantile(0.25)) >= EVEN


def _tiles(luma: Tensor) -> list[Tensor]:
    """Up to ``TILES`` by ``TILES`` tiles of side ``PATCH``, spread evenly."""
    starts = []
    for side in luma.shape:
        count = min(TILES, side // PATCH)
        starts.append([round(n * (side - PATCH) / max(1, count - 1)) for n in range(count)])
    return [luma[top : top + PATCH, left : left + PATCH] for top in starts[0] for left in starts[1]]

"""Langevin dynamics as a corrector (DreamClean, section 3.6; Song et al. 2021)."""

import math

from dreamclean.builtin.correctors.score import ScoreCorrector


class Langevin(ScoreCorrector):
    """Unadjusted Langevin step: x <- x - g s eps + sqrt(2 g) s z (paper, section 3.6).

    Its noise component's variance is (1 - g)^2 + 2 g = 1 + g^2: it grows.
    """

    name = "langevin"

    def noise_scale(self) -> float:
        return math.sqrt(2 * self.gamma)

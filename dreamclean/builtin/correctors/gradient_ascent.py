"""Gradient ascent on the log-density as a corrector (DreamClean, section 3.6)."""

from dreamclean.builtin.correctors.score import ScoreCorrector


class GradientAscent(ScoreCorrector):
    """Gradient ascent on the log-density: x <- x - g s eps, no noise (paper, section 3.6)."""

    name = "gradient-ascent"

    def noise_scale(self) -> float:
        return 0.0

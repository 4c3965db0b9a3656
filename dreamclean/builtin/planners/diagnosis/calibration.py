"""What was learnt about one prior's signs: linear rules from the signs to family, noise and level."""

from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.signs import NAMES

FAMILIES = ("clean", "white noise", "correlated noise", "blocking", "low resolution", "mixed")


class Calibration(BaseModel):
    """Linear rules on the standardised signs of all levels, fitted by contrib/calibrate; stored with the prior.

    A rule is a row of one weight for each sign of each level, level by level, and a constant at its end. The
    noise's, which bends over so wide a range, has one for each square before the constant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratios: list[float] = Field(description="Noise-to-signal ratios of the levels asked")
    mean: list[float] = Field(description="Of each sign")
    spread: list[float] = Field(description="Standard deviation of each sign")
    family: list[list[float]] = Field(description="Logit of each family, in the order of FAMILIES")
    noise: list[float] = Field(description="Log standard deviation of white noise, [0, 1] scale; has squares too")
    level: list[list[float]] = Field(
        description="Log noise-to-signal ratio of the best start, for each family; empty where that is not learnt"
    )

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """The calibration that a JSON file holds."""
        return cls.model_validate_json(path.read_text())

    def standardised(self, signs: Tensor) -> Tensor:
        """Signs (levels, 16) as the rules take them: about 0, of spread 1, and a 1 for the constant; float64."""
        assert signs.shape == (len(self.ratios), len(NAMES))
        centred = (signs.flatten().double().cpu() - torch.tensor(self.mean)) / torch.tensor(self.spread)
        return torch.cat([centred.clamp(-4, 4), torch.ones(1)])

    def probabilities(self, signs: Tensor) -> dict[str, float]:
        """How probable each family is."""
        logits = torch.tensor(self.family).double() @ self.standardised(signs)
        return dict(zip(FAMILIES, logits.softmax(0).tolist(), strict=True))

    def noise_std(self, signs: Tensor) -> float:
        """Standard deviation of the noise on the [0, 1] scale, if it is white."""
        return float((with_squares(self.standardised(signs)) @ torch.tensor(self.noise).double()).exp())

    def best_ratio(self, signs: Tensor, family: str) -> float:
        """Noise-to-signal ratio of the level to start at, for a picture of ``family``, whose rule is not empty."""
        rule = torch.tensor(self.level[FAMILIES.index(family)]).double()
        return float((rule @ self.standardised(signs)).exp())


def with_squares(x: Tensor) -> Tensor:
    """Standardised signs (..., n + 1) with the square of each before the constant at the end."""
    return torch.cat([x[..., :-1], x[..., :-1].square(), x[..., -1:]], dim=-1)

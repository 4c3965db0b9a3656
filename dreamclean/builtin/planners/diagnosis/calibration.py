"""A prior's calibration: linear rules from features to family, noise and level."""

from functools import lru_cache
from pathlib import Path
from typing import Self

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.features import NAMES
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.prior import Prior

FAMILIES = ("clean", "white noise", "correlated noise", "blocking", "low resolution", "mixed", "unknown damage")


class Calibration(BaseModel):
    """Linear rules on the standardised features of all levels, fitted by ``dreamclean calibrate``; stored with the prior.

    A rule is a row of one weight for each feature of each level, level by level, and a constant at its end. The
    noise's, which bends over so wide a range, has one for each square before the constant.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ratios: list[float] = Field(description="Noise-to-signal ratios of the levels asked")
    mean: list[float] = Field(description="Of each feature")
    spread: list[float] = Field(description="Standard deviation of each feature")
    family: list[list[float]] = Field(
        description="Logit of each family, in the order of FAMILIES; an older one lacks the last"
    )
    noise: list[float] = Field(description="Log standard deviation of white noise, [0, 1] scale; has squares too")
    level: list[list[float]] = Field(
        description="Log noise-to-signal ratio of the best start, for each family; empty where that is not learnt"
    )

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """The calibration that a JSON file holds; DreamCleanError where it holds none."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DreamCleanError(
                f"{path} holds no calibration; delete it, or make it again: dreamclean calibrate PRIOR PHOTOS"
            ) from error

    @model_validator(mode="after")
    def _sizes(self) -> Self:
        features = len(self.ratios) * len(NAMES)
        levels = [row for row in self.level if row]
        sizes = {
            "mean": [len(self.mean), len(self.spread)] == [features] * 2,
            "family": 1 < len(self.family) <= len(FAMILIES) and all(len(row) == features + 1 for row in self.family),
            "noise": len(self.noise) == 2 * features + 1,
            "level": len(self.level) == len(self.family) and all(len(row) == features + 1 for row in levels),
        }
        for name, fits in sizes.items():
            if not fits:
                raise ValueError(f"{name} is of another size than {len(self.ratios)} levels need")
        if not self.ratios or min(*self.ratios, *self.spread) <= 0:
            raise ValueError("ratios and spread must be positive")
        return self

    def standardised(self, features: Tensor) -> Tensor:
        """Features (levels, 16) as the rules take them: about 0, of spread 1, and a 1 for the constant; float64."""
        assert features.shape == (len(self.ratios), len(NAMES))
        centred = (features.flatten().cpu().double() - torch.tensor(self.mean)) / torch.tensor(self.spread)
        return torch.cat([centred.clamp(-4, 4), torch.ones(1)])

    def probabilities(self, features: Tensor) -> dict[str, float]:
        """How probable each family is."""
        logits = torch.tensor(self.family).double() @ self.standardised(features)
        return dict(zip(FAMILIES, logits.softmax(0).tolist(), strict=False))

    def noise_std(self, features: Tensor) -> float:
        """Standard deviation of the noise on the [0, 1] scale, if it is white."""
        return float((with_squares(self.standardised(features)) @ torch.tensor(self.noise).double()).exp())

    def best_ratio(self, features: Tensor, family: str) -> float:
        """Noise-to-signal ratio of the level to start at, for a picture of ``family``, whose rule is not empty."""
        rule = torch.tensor(self.level[FAMILIES.index(family)]).double()
        return float((rule @ self.standardised(features)).exp())


def with_squares(x: Tensor) -> Tensor:
    """Standardised features (..., n + 1) with the square of each before the constant at the end."""
    return torch.cat([x[..., :-1], x[..., :-1].square(), x[..., -1:]], dim=-1)


def calibration_file(prior: Prior) -> Path | None:
    """Where the calibration of ``prior`` is, or would be put; None for one without a file or folder of its own.

    ``calibration.json`` in its folder, ``NAME.calibration.json`` beside its file.
    """
    place = prior.source
    if place is None:
        return None
    return place / "calibration.json" if place.is_dir() else place.with_name(f"{place.stem}.calibration.json")


def calibration_of(prior: Prior) -> Calibration | None:
    """What was learnt about ``prior`` (``dreamclean calibrate``), or None."""
    file = calibration_file(prior)
    return _loaded(file, file.stat().st_mtime_ns) if file and file.is_file() else None


@lru_cache(maxsize=8)
def _loaded(file: Path, changed: int) -> Calibration:
    return Calibration.load(file)

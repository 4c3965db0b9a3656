"""The suite of the priors."""

from itertools import pairwise
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from dreamclean.contracts.levels import Level
from dreamclean.restorer import Restorer
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, distance, pictures

KNOWN = pytest.mark.parametrize("operator", [None, "identity"], ids=["blind", "known"])


class PriorSuite(ComponentSuite):
    """A prior does what its contract says. ``size`` and ``odd_size`` may be set where it is choosy."""

    size: ClassVar[Size] = (32, 40)
    odd_size: ClassVar[Size] = (21, 27)

    @pytest.fixture
    def prior(self, subject: Any) -> Any:
        """The prior, ready to run."""
        subject.prepare(torch.device("cpu"), torch.float32)
        return subject

    def latents(self, prior: Any, level: Level, size: Size, dtype: torch.dtype = torch.float32) -> Tensor:
        """Two pictures at ``level``, in the prior's space."""
        x: Tensor = prior.encode(pictures(size, dtype))
        return level.a * x + level.s * Noise(0, 1)(x)

    def levels(self, prior: Any) -> list[Level]:
        """A quiet level, one with half as much noise as signal, and one with as much."""
        schedule = prior.schedule
        return [schedule.at(schedule.lowest), *(schedule.at(schedule.resolve(f"snr:{r}")) for r in (0.5, 1.0))]

    def test_noise_rises_with_the_timestep(self, prior: Any) -> None:
        schedule = prior.schedule
        ends = schedule.lowest, schedule.highest
        ratios = [schedule.at(ends[0] + (ends[1] - ends[0]) * k / 20).ratio for k in range(21)]
        assert all(low < high for low, high in pairwise(ratios))
        assert ratios[-1] < float("inf")

    def test_strength_as_noise_to_signal_ratio(self, prior: Any) -> None:
        for ratio in (0.25, 0.5, 1.0):
            assert abs(prior.schedule.at(prior.schedule.resolve(f"snr:{ratio}")).ratio - ratio) < 0.05 * ratio

    @KNOWN
    def test_recommended_recipe_has_a_ladder(self, prior: Any, operator: str | None) -> None:
        """What is recommended parses, its components exist, and its levels rise from the picture.

        Where the blind recommendation is ``"auto"`` there are no levels yet, and a picture can be diagnosed.
        """
        restorer = Restorer(prior, operator=operator, device="cpu")
        levels = restorer.levels
        if restorer.recipe.strength == "auto":
            assert operator is None and levels == []
            found = restorer.diagnose(pictures(self.size)[:1])
            assert found.nfe > 0 or found.family == "too small"
            return
        assert (levels[0].a, levels[0].s) == (1, 0)
        assert all(low.ratio < high.ratio for low, high in pairwise(levels))

    @DTYPES
    def test_estimate_is_consistent(self, prior: Any, dtype: torch.dtype) -> None:
        """x = a x0 + s eps."""
        for level in self.levels(prior):
            x = self.latents(prior, level, self.size, dtype)
            eps, x0 = prior.predict(x, level)
            assert eps.dtype == x0.dtype == dtype
            assert eps.shape == x0.shape == x.shape
            assert distance(level.a * x0 + level.s * eps, x) < 1e-4

    def test_picture_itself_can_be_asked_about(self, prior: Any) -> None:
        clean = prior.schedule.clean
        estimate = prior.predict(self.latents(prior, clean, self.size), clean)
        assert estimate.eps.isfinite().all()
        assert estimate.x0.isfinite().all()

    def test_odd_size(self, prior: Any) -> None:
        level = self.levels(prior)[1]
        x = self.latents(prior, level, self.odd_size)
        eps, x0 = prior.predict(x, level)
        assert eps.shape == x0.shape == x.shape
        assert distance(level.a * x0 + level.s * eps, x) < 1e-4
        assert prior.decode(x0).shape == (2, 3, *self.odd_size)

    def test_prediction_is_repeatable_and_leaves_its_input_alone(self, prior: Any) -> None:
        level = self.levels(prior)[1]
        x = self.latents(prior, level, self.size)
        copy, first = x.clone(), prior.predict(x, level)
        assert torch.equal(first.eps, prior.predict(x, level).eps)
        assert torch.equal(x, copy)

    def test_rest_of_the_batch_does_not_matter(self, prior: Any) -> None:
        level = self.levels(prior)[1]
        x = self.latents(prior, level, self.size)
        assert distance(prior.predict(x[1:], level).eps, prior.predict(x, level).eps[1:]) < 1e-4

    def test_decode_inverts_encode(self, prior: Any) -> None:
        for image in (pictures(self.size), pictures(self.odd_size)):
            copy = image.clone()
            decoded = prior.decode(prior.encode(image))
            assert decoded.shape == image.shape
            assert torch.equal(image, copy)
            assert distance(decoded, image) < (1e-5 if prior.space == "pixel" else 0.2)

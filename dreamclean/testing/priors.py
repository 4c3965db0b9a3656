"""The suite of the priors."""

from itertools import pairwise
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from dreamclean.contracts.levels import Level
from dreamclean.restorer import Restorer
from dreamclean.testing.check import check, check_close, check_equal
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, pictures

NOT_OF_X = "a x0 + s eps is not x; return Estimate.from_eps(x, level, eps) or Estimate.from_x0(x, level, x0)"
CHANGED = "the argument was changed; work on a copy (x = x + ..., not x += ...)"
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
        return level.alpha * x + level.sigma * Noise(0, 1)(x)

    def levels(self, prior: Any) -> list[Level]:
        """A quiet level, one with half as much noise as signal, and one with as much."""
        schedule = prior.schedule
        return [schedule.at(schedule.lowest), *(schedule.at(schedule.resolve(f"nsr:{r}")) for r in (0.5, 1.0))]

    def test_noise_rises_with_the_timestep(self, prior: Any) -> None:
        schedule = prior.schedule
        top = schedule.highest
        higher = schedule.spaced(top, min(20, schedule.most_steps(top)))[1:]
        ratios = [schedule.at(t).ratio for t in (schedule.lowest, *higher)]
        rises = all(low < high for low, high in pairwise(ratios))
        check(rises, "sigma / alpha does not rise with the timestep; let schedule.at(t) do so, from lowest to highest")
        check(ratios[-1] < float("inf"), "sigma / alpha is infinite at schedule.highest; end at a level with alpha > 0")

    def test_strength_as_noise_to_signal_ratio(self, prior: Any) -> None:
        for ratio in (0.25, 0.5, 1.0):
            found = prior.schedule.at(prior.schedule.resolve(f"nsr:{ratio}")).ratio
            right = abs(found - ratio) < 0.05 * ratio
            check(
                right, f"nsr:{ratio} resolves to a level of sigma / alpha = {found:.3g}; correct the schedule's resolve"
            )

    @KNOWN
    def test_recommended_recipe_has_a_ladder(self, prior: Any, operator: str | None) -> None:
        """What is recommended parses, its components exist, and its levels rise from the picture.

        Where a planner is recommended there are no levels yet, and it can be asked about a picture.
        """
        restorer = Restorer(prior, operator=operator, device="cpu")
        levels = restorer.levels
        if restorer.planner.looks:
            check(restorer.plan(pictures(self.size)[:1]), "the planner recommended has no plan for a picture")
            return
        clean = (levels[0].alpha, levels[0].sigma) == (1, 0)
        check(
            clean,
            f"the lowest level has alpha = {levels[0].alpha:g}, sigma = {levels[0].sigma:g}; schedule.clean has alpha = 1, sigma = 0",
        )
        rises = all(low.ratio < high.ratio for low, high in pairwise(levels))
        check(rises, "the levels of the recommended recipe do not rise; recommend fewer steps or more strength")

    @DTYPES
    def test_estimate_is_consistent(self, prior: Any, dtype: torch.dtype) -> None:
        """x = a x0 + s eps."""
        for level in self.levels(prior):
            x = self.latents(prior, level, self.size, dtype)
            eps, x0 = prior.predict(x, level)
            made = (
                f"predict returns {eps.dtype} and {x0.dtype} for {dtype}; return eps and x0 in the dtype of x: .to(x)"
            )
            check(eps.dtype == x0.dtype == dtype, made)
            check_close(level.alpha * x0 + level.sigma * eps, x, 1e-4, f"t = {level.t:g}: {NOT_OF_X}")

    def test_picture_itself_can_be_asked_about(self, prior: Any) -> None:
        clean = prior.schedule.clean
        estimate = prior.predict(self.latents(prior, clean, self.size), clean)
        for name, value in estimate._asdict().items():
            check(
                value.isfinite().all(),
                f"{name} of the picture itself is not finite; ask at schedule.noisy(level), s > 0",
            )

    def test_odd_size(self, prior: Any) -> None:
        level = self.levels(prior)[1]
        x = self.latents(prior, level, self.odd_size)
        eps, x0 = prior.predict(x, level)
        check_close(level.alpha * x0 + level.sigma * eps, x, 1e-4, f"{self.odd_size}: {NOT_OF_X}")
        size = tuple(prior.decode(x0).shape)
        check(
            size == (2, 3, *self.odd_size),
            f"decode makes {size} of a picture of {self.odd_size}; cut off what was padded",
        )

    def test_prediction_is_repeatable_and_leaves_its_input_alone(self, prior: Any) -> None:
        level = self.levels(prior)[1]
        x = self.latents(prior, level, self.size)
        copy, first = x.clone(), prior.predict(x, level)
        check_equal(
            first.eps, prior.predict(x, level).eps, "predict differs from call to call; call .eval(), draw nothing"
        )
        check_equal(x, copy, CHANGED)

    def test_rest_of_the_batch_does_not_matter(self, prior: Any) -> None:
        level = self.levels(prior)[1]
        x = self.latents(prior, level, self.size)
        otherwise = "predict depends on the rest of the batch; call .eval(), with no mean or norm over the batch"
        check_close(prior.predict(x[1:], level).eps, prior.predict(x, level).eps[1:], 1e-4, otherwise)

    def test_decode_inverts_encode(self, prior: Any) -> None:
        for image in (pictures(self.size), pictures(self.odd_size)):
            copy = image.clone()
            decoded = prior.decode(prior.encode(image))
            check_equal(image, copy, CHANGED)
            allowed = 1e-5 if prior.space == "pixel" else 0.2
            check_close(decoded, image, allowed, "decode does not give back what encode was given")

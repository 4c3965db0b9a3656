"""The suite of the priors."""

from itertools import pairwise
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.spacings.uniform import Uniform
from dreamclean.contracts.levels import Level
from dreamclean.contracts.model import Model
from dreamclean.host.host import host
from dreamclean.method.asking import fitted
from dreamclean.method.evaluator import Evaluator
from dreamclean.method.loaded import load, sized
from dreamclean.restorer import Restorer
from dreamclean.testing.check import check, check_close, check_equal
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, pictures
from dreamclean.testing.loaded import loaded

CHANGED = "the argument was changed; work on a copy (x = x + ..., not x += ...)"
KNOWN = pytest.mark.parametrize("operator", [None, "identity"], ids=["blind", "known"])

_LOADED: dict[str, Any] = {}
"""The last prior that was loaded, and its model."""


class PriorSuite(ComponentSuite):
    """A prior does what its contract says. Set ``size`` and ``odd_size`` if it does not take pictures of every size."""

    size: ClassVar[Size] = (32, 40)
    odd_size: ClassVar[Size] = (21, 27)

    @pytest.fixture
    def whole(self, subject: Any) -> Model:
        """What the prior loads, on the CPU in float32; kept for the next test of the same prior."""
        if _LOADED.get("prior") is not subject:
            _LOADED.update(prior=subject, model=loaded(subject))
        model: Model = _LOADED["model"]
        return model

    @pytest.fixture
    def model(self, whole: Model) -> Model:
        """The model for pictures of any size; the wrapper pads them for the network."""
        return fitted(sized(whole, *self.size))

    def latents(self, model: Model, level: Level, size: Size, dtype: torch.dtype = torch.float32) -> Tensor:
        """Two pictures at ``level``, in the model's space."""
        x: Tensor = model.codec.encode(pictures(size, dtype))
        return level.alpha * x + level.sigma * Noise(0, 1)(x)

    def ratios(self, model: Model, *shares: float) -> list[float]:
        """``shares`` of as much noise as signal, or of the most noise that the prior knows if that is less."""
        most = min(1.0, model.schedule.at(model.schedule.highest).ratio)
        return [share * most for share in shares]

    def levels(self, model: Model) -> list[Level]:
        """A quiet level, one with half as much noise as signal, and one with as much; or what the prior knows."""
        schedule, ratios = model.schedule, self.ratios(model, 0.5, 1.0)
        return [schedule.at(schedule.lowest), *(schedule.at(schedule.resolve(f"nsr:{ratio}")) for ratio in ratios)]

    def test_noise_rises_with_the_timestep(self, model: Model) -> None:
        schedule = model.schedule
        top = schedule.highest
        higher = schedule.nearest(Uniform()(schedule, top, min(20, schedule.most_steps(top))))[1:]
        ratios = [schedule.at(t).ratio for t in (schedule.lowest, *higher)]
        rises = all(low < high for low, high in pairwise(ratios))
        check(rises, "sigma / alpha does not rise with the timestep; let schedule.at(t) do so, from lowest to highest")
        check(ratios[-1] < float("inf"), "sigma / alpha is infinite at schedule.highest; end at a level with alpha > 0")

    def test_usual_spacing_is_there(self, model: Model) -> None:
        host().make("spacing", model.schedule.usual)  # DreamCleanError names those that there are

    def test_strength_as_noise_to_signal_ratio(self, model: Model) -> None:
        for ratio in self.ratios(model, 0.25, 0.5, 1.0):
            found = model.schedule.at(model.schedule.resolve(f"nsr:{ratio}")).ratio
            right = abs(found - ratio) < 0.05 * ratio
            check(
                right,
                f"nsr:{ratio:.4g} resolves to a level of sigma / alpha = {found:.3g}; correct the schedule's resolve",
            )

    @KNOWN
    def test_recommended_recipe_has_a_ladder(self, subject: Any, operator: str | None) -> None:
        """The recommended recipe is valid, its components exist, and its levels rise from the picture.

        Where a planner is recommended there are no levels yet, and it can be asked about a picture.
        """
        restorer = Restorer(subject, operator=operator, device="cpu")
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
    def test_noise_is_shaped_as_the_latent(self, model: Model, dtype: torch.dtype) -> None:
        for level in self.levels(model):
            x = self.latents(model, level, self.size, dtype)
            for ask in filter(None, (model.predict, model.invert)):
                eps = ask(x, level)  # DreamCleanError says of which shape it is, if of another
                check(eps.isfinite().all(), f"t = {level.t:g}: eps is not finite; level.sigma is greater than 0")

    def test_bfloat16_is_taken(self, subject: Any, model: Model) -> None:
        """On a GPU models are loaded so; latents stay in single precision."""
        level = self.levels(model)[1]
        half = fitted(sized(load(subject, torch.device("cpu"), torch.bfloat16), *self.size))
        x = self.latents(half, level, self.size)
        otherwise = "loaded in bfloat16 it fails; give the network x.to(dtype), and return what is of x's dtype"
        try:
            eps = half.predict(x, level)
        except Exception as error:
            raise AssertionError(f"{otherwise} ({' '.join(str(error).split())[:200]})") from error
        check(eps.isfinite().all(), otherwise)

    def test_picture_itself_can_be_asked_about(self, model: Model) -> None:
        clean = model.schedule.clean
        eps, x0 = Evaluator(model).prior(x := self.latents(model, clean, self.size), clean)
        check(eps.isfinite().all(), "eps of the picture itself is not finite; it is asked about with alpha = 1")
        check_equal(x0, x, "the picture itself is not its own estimate")

    def test_odd_size(self, whole: Model) -> None:
        model = sized(whole, *self.odd_size)
        level = self.levels(model)[1]
        x = self.latents(model, level, self.odd_size)
        size = tuple(model.codec.decode(Evaluator(model).prior(x, level).x0).shape)
        right = size == (2, 3, *self.odd_size)
        check(
            right, f"of a picture of {self.odd_size} comes {size}; say geometry.multiple, and scale_factor of a codec"
        )

    def test_prediction_is_repeatable_and_leaves_its_input_alone(self, model: Model) -> None:
        level = self.levels(model)[1]
        x = self.latents(model, level, self.size)
        copy, first = x.clone(), model.predict(x, level).clone()
        check_equal(first, model.predict(x, level), "predict differs from call to call; call .eval(), draw nothing")
        check_equal(x, copy, CHANGED)

    def test_rest_of_the_batch_does_not_matter(self, model: Model) -> None:
        level = self.levels(model)[1]
        x = self.latents(model, level, self.size)
        otherwise = "predict depends on the rest of the batch; call .eval(), with no mean or norm over the batch"
        check_close(model.predict(x[1:], level), model.predict(x, level)[1:], 1e-4, otherwise)

    def test_two_models_of_one_prior_do_not_touch_each_other(self, subject: Any, model: Model) -> None:
        level = self.levels(model)[1]
        x = self.latents(model, level, self.size)
        before = model.predict(x, level).clone()
        subject.load(torch.device("cpu"), torch.float64)
        check_equal(
            model.predict(x, level), before, "loading again changes the model that was loaded before; make a new one"
        )

    def test_decode_inverts_encode(self, subject: Any, whole: Model) -> None:
        for size in (self.size, self.odd_size):
            image, codec = pictures(size), sized(whole, *size).codec
            copy = image.clone()
            decoded = codec.decode(codec.encode(image))
            check_equal(image, copy, CHANGED)
            allowed = 1e-5 if subject.space == "pixel" else 0.2
            check_close(decoded, image, allowed, "decode does not give back what encode was given")

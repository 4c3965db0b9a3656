"""Suites of the components that move latents: initializers, correctors and samplers.

They run on the mixture prior, whose estimates are exact. Around one picture m of no width (a Dirac),
every latent at a level (a, s) is a m + s eps, so what a move does to eps can be read off.
"""

from typing import Any, ClassVar, Literal

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.guidance.projection import Projection
from dreamclean.builtin.operators.identity import Identity
from dreamclean.builtin.priors.mixture import Mixture
from dreamclean.builtin.spacings.uniform import Uniform
from dreamclean.contracts.estimate import Denoise
from dreamclean.contracts.latent import Latent, Past
from dreamclean.contracts.levels import Level
from dreamclean.method.evaluator import Evaluator
from dreamclean.testing.check import check, check_close, check_equal, distance
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, pictures
from dreamclean.testing.loaded import loaded

Family = Literal["ddpm", "ve", "flow"]
FAMILIES = pytest.mark.parametrize("family", ["ddpm", "ve", "flow"])


NOT_FINITE = "the result holds NaN or infinity; the picture's own level has sigma = 0, and sigma / alpha may be large"
UNSEEDED = "two calls with the same seeds differ; draw noise with the `noise` that is handed in, and keep no state"
CHANGED = "the argument x was changed; work on a copy (x = x + ..., not x += ...)"
BATCH = "an image depends on the rest of its batch; treat every image apart, with no mean or norm over the batch"


class Mirrored(Noise):
    """The negative of what ``Noise`` draws from the same seeds."""

    def __call__(self, x: Tensor) -> Tensor:
        return -super().__call__(x)


class Scene:
    """A mixture prior, a ladder of levels up to noise as strong as the signal, and latents on it."""

    def __init__(self, images: Tensor, std: float = 0.0, family: Family = "ddpm") -> None:
        self.prior = Mixture.around(images, std, family)
        self.model = loaded(self.prior)
        self.levels = self.model.schedule.ladder("nsr:1", 8, Uniform())
        self.mean = self.prior.means[:1]

    def latents(self, level: Level) -> Tensor:
        """Two latents a m + s eps around the mixture's first picture."""
        mean = self.mean.expand(2, -1, -1, -1)
        return level.alpha * mean + level.sigma * Noise(10, 11)(mean)

    def noise_of(self, x: Tensor, level: Level) -> Tensor:
        """eps of latents a m + s eps."""
        return (x - level.alpha * self.mean) / level.sigma


class MoveSuite(ComponentSuite):
    """Tests that initializers, correctors and samplers share; ``move`` calls the component on the latents ``given``."""

    size: ClassVar[Size] = (24, 32)

    def given(self, scene: Scene) -> Tensor:
        """Two latents, the input of the component."""
        return scene.latents(scene.levels[-1])

    def move(self, component: Any, x: Tensor, scene: Scene, denoise: Denoise, noise: Noise) -> Tensor:
        """The component called on ``x``."""
        raise NotImplementedError

    def run(self, component: Any, x: Tensor, scene: Scene, seeds: tuple[int, ...] = (0, 1)) -> Tensor:
        return self.move(component, x, scene, Evaluator(scene.model).denoise, Noise(*seeds))

    def left_of_the_picture(self, component: Any, x: Tensor, scene: Scene) -> Tensor:
        """The mean of what becomes of a m + s eps, and of a m - s eps with the negative of all noise: of a linear move what it makes of m."""
        opposite = 2 * scene.levels[-1].alpha * scene.mean - x
        denoise = Evaluator(scene.model).denoise
        moved = self.move(component, x, scene, denoise, Noise(0, 1))
        return (moved + self.move(component, opposite, scene, denoise, Mirrored(0, 1))) / 2

    @pytest.fixture
    def scene(self) -> Scene:
        """A mixture of two wide Gaussians, whose estimates depend strongly on x."""
        return Scene(pictures(self.size), std=0.2)

    @pytest.fixture
    def point(self) -> Scene:
        """A prior that knows one picture only."""
        return Scene(pictures(self.size)[:1])

    @DTYPES
    def test_shape_and_dtype_are_kept(self, subject: Any, dtype: torch.dtype) -> None:
        scene = Scene(pictures(self.size, dtype), std=0.2)
        x = self.given(scene)
        moved = self.run(subject, x, scene)
        check(moved.shape == x.shape, f"the result has shape {tuple(moved.shape)}; return that of x, {tuple(x.shape)}")
        check(moved.dtype == dtype, f"the result is {moved.dtype}; return the dtype of x, {dtype}")
        check(moved.isfinite().all(), NOT_FINITE)

    @FAMILIES
    def test_every_family_of_levels_is_served(self, subject: Any, family: Family) -> None:
        scene = Scene(pictures(self.size), 0.2, family)
        check(self.run(subject, self.given(scene), scene).isfinite().all(), f"{family}: {NOT_FINITE}")

    def test_same_seed_same_result(self, subject: Any, scene: Scene) -> None:
        x = self.given(scene)
        check_equal(self.run(subject, x, scene), self.run(subject, x, scene), UNSEEDED)

    def test_input_is_left_alone(self, subject: Any, scene: Scene) -> None:
        x = self.given(scene)
        copy = x.clone()
        self.run(subject, x, scene)
        check_equal(x, copy, CHANGED)

    def test_rest_of_the_batch_does_not_matter(self, subject: Any, scene: Scene) -> None:
        x = self.given(scene)
        both, alone = self.run(subject, x, scene, (0, 1)), self.run(subject, x[1:], scene, (1,))
        check_close(alone, both[1:], 1e-4, BATCH)

    def test_known_operator(self, subject: Any, scene: Scene) -> None:
        x, y = self.given(scene), pictures(self.size)
        denoise = Evaluator(scene.model, Projection(), Identity(noise=0.1), y).denoise
        check(self.move(subject, x, scene, denoise, Noise(0, 1)).isfinite().all(), f"known operator: {NOT_FINITE}")


class InitializerSuite(MoveSuite):
    """An initializer brings pictures to the top level."""

    def given(self, scene: Scene) -> Tensor:
        return scene.mean.repeat(2, 1, 1, 1)

    def move(self, component: Any, x: Tensor, scene: Scene, denoise: Denoise, noise: Noise) -> Tensor:
        latent: Latent = component(x, scene.levels, denoise, noise)
        assert latent.level == scene.levels[-1], "return Latent(x, levels[-1])"
        return latent.x

    @FAMILIES
    def test_result_is_at_the_top_level(self, subject: Any, family: Family) -> None:
        """The result is a times the picture, plus noise of standard deviation s or less."""
        scene = Scene(pictures(self.size)[:1], family=family)
        x, top = self.given(scene), scene.levels[-1]
        moved = self.run(subject, x, scene)
        share = float((moved * x).sum() / (x * x).sum())
        right = abs(share - top.alpha) < 0.1 * top.alpha
        check(right, f"the picture's share is {share:.3g}; scale it by the top level's alpha, {top.alpha:.3g}")
        wide = float(scene.noise_of(moved, top).std())
        check(wide < 1.1, f"the noise is {wide:.3g} times as wide as the top level's s; add no more than that")


class CorrectorSuite(MoveSuite):
    """A corrector moves latents within their level.

    ``drift``: by how much the standard deviation of the noise may change in one call, relative to its own.
    """

    drift: ClassVar[float] = 0.1

    def move(self, component: Any, x: Tensor, scene: Scene, denoise: Denoise, noise: Noise) -> Tensor:
        level = scene.levels[-1]
        latent: Latent = component(Latent(x, level), denoise, noise)
        assert latent.level == level, "a corrector keeps the level: return latent.corrected(x)"
        if latent.estimate is not None:
            own = level.alpha * latent.estimate.x0 + level.sigma * latent.estimate.eps
            otherwise = "the estimate handed on is not of the new x (x = a x0 + s eps); hand on one that is, or none"
            check_close(own, latent.x, 1e-3, otherwise)
        return latent.x

    @FAMILIES
    def test_level_is_kept(self, subject: Any, family: Family) -> None:
        """With a prior that knows only the picture m, a m + s eps becomes a m + s eps', eps' with the variance of eps."""
        scene = Scene(pictures(self.size)[:1], family=family)
        x, level = self.given(scene), scene.levels[-1]
        left = self.left_of_the_picture(subject, x, scene)
        wanted = (level.alpha * scene.mean).expand_as(left)
        check_close(left, wanted, 1e-3, "the picture changes: a m + s eps no longer holds a m; scale what is left by a")
        wide = float(scene.noise_of(self.run(subject, x, scene), level).std())
        kept = abs(wide - 1) < self.drift
        check(kept, f"the noise is {wide:.3g} times as wide as before; keep its variance (VPS, Eq. 8), or set drift")

    def test_history_and_later_entry_are_kept(self, subject: Any, scene: Scene) -> None:
        x, level = self.given(scene), scene.levels[-1]
        latent = Latent(x, level, history=(Past(level, x),), entry=lambda x, level: x)
        corrected = subject(latent, Evaluator(scene.model).denoise, Noise(0, 1))
        assert corrected.entry is latent.entry, "return latent.corrected(x), not a Latent of your own"
        assert corrected.history is latent.history, "return latent.corrected(x), not a Latent of your own"


class SamplerSuite(MoveSuite):
    """A sampler brings latents to the next lower level."""

    def move(self, component: Any, x: Tensor, scene: Scene, denoise: Denoise, noise: Noise) -> Tensor:
        latent: Latent = component(Latent(x, scene.levels[-1]), scene.levels[-2], denoise, noise)
        assert latent.level == scene.levels[-2], "return latent.moved(x, lower)"
        return latent.x

    @FAMILIES
    def test_result_is_at_the_lower_level(self, subject: Any, family: Family) -> None:
        """With a prior that knows only the picture m: a_j m + s_j eps, with the same eps or, if the sampler draws noise, one of its variance."""
        scene = Scene(pictures(self.size)[:1], family=family)
        x, (lower, level) = self.given(scene), scene.levels[-2:]
        noise = Noise(0, 1)
        eps = scene.noise_of(self.move(subject, x, scene, Evaluator(scene.model).denoise, noise), lower)
        wide = float(eps.std())
        check(abs(wide - 1) < 0.05, f"the noise is {wide:.3g} times the lower level's s; return a_j x0 + s_j eps")
        left = self.left_of_the_picture(subject, x, scene)
        wanted = (lower.alpha * scene.mean).expand_as(left)
        check_close(left, wanted, 1e-3, "the picture's share is not the lower level's a; return a_j x0 + s_j eps")
        known = noise.calls or distance(eps, scene.noise_of(x, level)) < 1e-3
        check(known, "the noise is not the estimate's; use its eps, or draw fresh noise with `noise`")

    def test_last_step_is_the_picture(self, subject: Any, point: Scene) -> None:
        clean, level = point.levels[:2]
        latent = Latent(point.latents(level), level)
        picture = subject(latent, clean, Evaluator(point.model).denoise, Noise(0, 1)).x
        otherwise = "the last step does not end at the clean picture; where lower.sigma is 0 return x0"
        check_close(picture, point.mean.expand_as(picture), 1e-4, otherwise)

    def test_later_entry_is_kept(self, subject: Any, scene: Scene) -> None:
        lower, level = scene.levels[-2:]
        x = self.given(scene)
        latent = Latent(x, level, entry=lambda x, level: torch.full_like(x, level.sigma))
        moved = subject(latent, lower, Evaluator(scene.model).denoise, Noise(0, 1))
        check(moved.entry is latent.entry, "what a start put into the latent is lost; return latent.moved(x, lower)")
        check_equal(
            moved.x, torch.full_like(x, lower.sigma), "the rule of later parts is not applied; use latent.moved"
        )

"""The suite of guidance."""

from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor

from dreamclean.builtin.operators.downsample import Downsample
from dreamclean.builtin.priors.mixture import Mixture
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.levels import Level
from dreamclean.contracts.operator import Operator
from dreamclean.method.evaluator import Evaluator
from dreamclean.testing.check import check_equal, distance
from dreamclean.testing.component import DTYPES, ComponentSuite, Noise, Size, pictures
from dreamclean.testing.loaded import loaded


class GuidanceSuite(ComponentSuite):
    """Guidance brings an estimate into agreement with a measurement.

    ``operator``: one that it serves, with measurement noise.
    """

    size: ClassVar[Size] = (24, 32)
    operator: ClassVar[Operator] = Downsample(factor=2, noise=0.02)
    t: ClassVar[float] = 300

    def run(
        self, subject: Any, clean: Tensor, seeds: tuple[int, ...] = (0, 1)
    ) -> tuple[Tensor, Tensor, Estimate, Level]:
        """Latents of ``clean`` pictures, the prior's own estimate, the guided estimate, and the level."""
        prior = Mixture.around(pictures(self.size, clean.dtype).flip(3), std=0.2)
        model = loaded(prior)
        level, y = model.schedule.at(self.t), self.operator.degrade(clean)
        x = level.alpha * model.codec.encode(clean) + level.sigma * Noise(*seeds)(clean)
        evaluator = Evaluator(model, subject, self.operator, y)
        return x, evaluator.prior(x, level).x0, evaluator.denoise(x, level), level

    def test_operator_is_served(self, subject: Any) -> None:
        assert subject.refuses(self.operator) == "", "set operator to one that this guidance can use"

    @DTYPES
    def test_shape_and_dtype_are_kept(self, subject: Any, dtype: torch.dtype) -> None:
        x, _, (eps, x0), _ = self.run(subject, pictures(self.size, dtype))
        assert eps.shape == x0.shape == x.shape
        assert eps.dtype == x0.dtype == dtype
        assert not eps.requires_grad and not x0.requires_grad, "detach what is returned"

    def test_estimate_is_consistent(self, subject: Any) -> None:
        """x = a x0 + s eps."""
        x, _, (eps, x0), level = self.run(subject, pictures(self.size))
        assert distance(level.alpha * x0 + level.sigma * eps, x) < 1e-4, "return Estimate.from_x0(x, level, x0)"

    def test_it_brings_agreement(self, subject: Any) -> None:
        if not subject.agrees:
            pytest.skip("it leaves agreement to the start or the sampler")
        clean = pictures(self.size)
        _, alone, (_, x0), _ = self.run(subject, clean)
        off = [distance(self.operator.degrade((image + 1) / 2), self.operator.degrade(clean)) for image in (x0, alone)]
        assert off[0] < 0.999 * off[1], "the guided estimate is no nearer to the measurement than the prior's own"

    def test_rest_of_the_batch_does_not_matter(self, subject: Any) -> None:
        clean = pictures(self.size)
        both, alone = self.run(subject, clean)[2], self.run(subject, clean[1:], (1,))[2]
        assert distance(alone.x0, both.x0[1:]) < 1e-4

    def test_inputs_are_left_alone(self, subject: Any) -> None:
        clean = pictures(self.size)
        model = loaded(Mixture.around(clean.flip(3), std=0.2))
        level, y = model.schedule.at(self.t), self.operator.degrade(clean)
        x = level.alpha * model.codec.encode(clean) + level.sigma * Noise(0, 1)(clean)
        copies = x.clone(), y.clone()
        Evaluator(model, subject, self.operator, y).denoise(x, level)
        for name, given, copy in zip(("x", "y"), (x, y), copies, strict=True):
            check_equal(given, copy, f"{name} was changed; work on a copy")

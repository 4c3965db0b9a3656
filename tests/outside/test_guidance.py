"""An outside package's guidance: a few gradient steps on the residual."""

import torch
from pydantic import Field

from dreamclean import Downsample, Estimate, Guidance, Mixture, Restorer
from dreamclean.host.host import Host
from dreamclean.testing import GuidanceSuite


class GradientSteps(Guidance):
    """Gradient steps on |y - A x0|^2, without the prior's backward pass."""

    name = "gradient-steps"
    steps: int = Field(default=5, ge=1, description="How many")
    length: float = Field(default=1.0, gt=0, description="Of each, in units of the gradient")

    def __call__(self, predict, x, level, operator, y, codec):
        image = codec.decode(predict(x, level).x0)
        for _ in range(self.steps):
            with torch.enable_grad():
                image = image.detach().requires_grad_()
                loss = (y - operator.degrade(image)).square().sum() / 2
                (gradient,) = torch.autograd.grad(loss, image)
            image = image.detach() - self.length * gradient
        return Estimate.from_x0(x, level, codec.encode(image))


class TestGradientSteps(GuidanceSuite):
    component = GradientSteps(length=4.0)
    registered = False


def test_guidance_from_outside_is_used_and_in_the_recipe():
    clean = 0.25 + 0.5 * torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    operator = Downsample(factor=2)
    restorer = Restorer(
        Mixture.around(clean.flip(3), std=0.2), operator=operator, guidance=GradientSteps(length=4), plugins=Host([])
    )
    result = restorer(operator.degrade(clean))
    assert float((operator.degrade(result.image) - operator.degrade(clean)).abs().max()) < 0.1
    guidance = result.recipe.guidance or {}
    assert (guidance["name"], guidance["steps"], guidance["length"]) == ("gradient-steps", 5, 4.0)

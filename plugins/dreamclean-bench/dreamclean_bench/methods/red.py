"""RED (Romano, Elad & Milanfar, The Little Engine that Could: Regularization by Denoising, SIAM J. Imaging Sci. 2017)."""

from typing import ClassVar, Literal

from pydantic import Field
from torch import Tensor

from dreamclean_bench.method import LinearMethod, Problem


class RED(LinearMethod):
    """Regularization by denoising with the prior as the denoiser f at one fixed noise level.

    The gradient of |Ax - y|^2 / (2 sigma^2) + lambda x^T (x - f(x)) / 2 vanishes where A^T (Ax - y) / sigma^2 +
    lambda (x - f(x)) = 0. Section 4.2 of the paper reaches it by gradient steps, or by the fixed-point iteration
    x <- (A^T A / sigma^2 + lambda)^-1 (A^T y / sigma^2 + lambda f(x)).
    f(x) is the posterior mean at the level with s/a = sigma_f, evaluated at the latent a x. The published code starts from
    the blurred picture, or a bicubic enlargement, and clips to the range of pictures; here the start is the operator's first image.
    """

    name = "red"
    paper: ClassVar[str] = "The Little Engine that Could: Regularization by Denoising (SIAM J. Imaging Sci. 2017)"
    iterations: int = Field(default=50, ge=1, description="Iterations, one evaluation of the prior each")
    sigma_f: float = Field(default=3.25, gt=0, le=255, description="Noise level of the denoiser, [0, 255] scale")
    lam: float = Field(
        default=0.02, gt=0, description="Weight lambda of the regularizer, for images on the [0, 255] scale"
    )
    solver: Literal["fixed-point", "gradient"] = Field(
        default="fixed-point", description="How the minimum is approached"
    )
    step: float = Field(
        default=1.0, gt=0, le=2, description="Gradient: step in units of 1 / (1/sigma^2 + lambda) (published code: 2)"
    )
    start: Literal["image", "pseudo-inverse"] = Field(
        default="image", description="The operator's first image, or A^+ y, which amplifies noise"
    )
    clip: bool = Field(default=True, description="Clip each iterate to [-1, 1], as the published code does")

    def restore(self, problem: Problem) -> Tensor:
        model, linear = problem.model, problem.linear()
        level = model.schedule.at(model.schedule.timestep(2 * self.sigma_f / 255))
        weight = self.lam * (linear.sigma * 255 / 2) ** 2  # lambda sigma^2, without a unit
        x = problem.start if self.start == "image" else linear.pseudo_inverse(linear.y)
        for _ in range(self.iterations):
            f = problem.estimate.prior(level.alpha * x, level).x0
            if self.solver == "fixed-point":
                # (A^T A + w)^-1 (A^T y + w f), which without noise is the projection of f
                x = f + linear.solve(linear.y - linear.degrade(f), 1.0, weight)
            else:
                gradient = linear.adjoint(linear.degrade(x) - linear.y) + weight * (x - f)
                x = x - self.step / (1 + weight) * gradient
            x = x.clamp(-1, 1) if self.clip else x
        return model.codec.decode(x)

import dreamclean
import pydantic
import torch


class {{ cookiecutter.__class }}(dreamclean.LinearOperator):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    loss: float = pydantic.Field(default=0.5, ge=0, lt=1, description="The share of the light that is lost")

    def degrade(self, x: torch.Tensor) -> torch.Tensor:
        """The measurement of pictures x (B, 3, H, W) in [0, 1]; its adjoint comes from automatic differentiation."""
        return (1 - self.loss) * x

    def image_shape(self, y: torch.Tensor) -> torch.Size:
        """The shape of the pictures that the measurement y is of."""
        return torch.Size((len(y), 3, *y.shape[2:]))

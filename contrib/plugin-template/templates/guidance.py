import dreamclean
import pydantic
import torch
from dreamclean.contracts.codec import Codec
from dreamclean.contracts.estimate import Predict


class {{ cookiecutter.__class }}(dreamclean.Guidance):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    share: float = pydantic.Field(default=0.5, ge=0, le=1, description="Weight of the measurement")

    def __call__(
        self,
        predict: Predict,
        x: torch.Tensor,
        level: dreamclean.Level,
        operator: dreamclean.Operator,
        y: torch.Tensor,
        codec: Codec,
    ) -> dreamclean.Estimate:
        """The estimate at x (B, C, H, W): here a mixture of the prior's and the operator's first image of y."""
        x0 = predict(x, level).x0
        return dreamclean.Estimate.from_x0(x, level, x0 + self.share * (codec.encode(operator.start(y)) - x0))

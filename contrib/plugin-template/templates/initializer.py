from collections.abc import Sequence

import dreamclean
import pydantic
import torch
from dreamclean.contracts.latent import Noise


class {{ cookiecutter.__class }}(dreamclean.Initializer):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    contrast: float = pydantic.Field(default=1.0, gt=0, le=1, description="What the picture is multiplied by")

    def __call__(
        self,
        start: torch.Tensor,
        levels: Sequence[dreamclean.Level],
        denoise: dreamclean.Denoise,
        noise: Noise,
    ) -> dreamclean.Latent:
        """From the picture start (B, C, H, W) to a latent at the top level: here by adding noise."""
        top = levels[-1]
        return dreamclean.Latent(top.alpha * self.contrast * start + top.sigma * noise(start), top)

import dreamclean
import pydantic
import torch


class {{ cookiecutter.__class }}(dreamclean.Prior):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    std: float = pydantic.Field(default=0.25, gt=0, description="Standard deviation of a pixel, [0, 1] scale")

    def load(self, device: torch.device, dtype: torch.dtype) -> dreamclean.Model:
        """Noise levels, and what predicts the noise in x (B, 3, H, W); load weights here."""
        return dreamclean.Model(dreamclean.DDPMSchedule.linear(), self._noise)

    def _noise(self, x: torch.Tensor, level: dreamclean.Level) -> torch.Tensor:
        return level.sigma * x / ((level.alpha * 2 * self.std) ** 2 + level.sigma**2)

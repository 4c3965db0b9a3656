from collections.abc import Sequence

import dreamclean
import pydantic


class {{ cookiecutter.__class }}(dreamclean.Spacing):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    power: float = pydantic.Field(default=2.0, ge=1, description="1: even; higher: small steps near the picture")

    def __call__(self, schedule: dreamclean.Schedule, top: float, steps: int) -> Sequence[float]:
        """steps + 1 ascending timesteps from the schedule's lowest to the top."""
        low = schedule.lowest
        return [low + (top - low) * (k / steps) ** self.power for k in range(steps + 1)]

from collections.abc import Sequence

import dreamclean
import pydantic


class {{ cookiecutter.__class }}(dreamclean.Path):
    """{{ cookiecutter.__doc }}"""

    name = "{{ cookiecutter.name }}"
    times: int = pydantic.Field(default=2, ge=1, description="How often to go down from the top to the picture")

    def __call__(self, levels: Sequence[dreamclean.Level]) -> Sequence[dreamclean.Level]:
        """The levels after the top, in the order in which they are visited: here all the way down, several times."""
        top, down = levels[-1], levels[-2::-1]
        return [*down, *(self.times - 1) * [top, *down]]

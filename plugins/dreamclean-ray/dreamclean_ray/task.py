"""What a run does, as it is sent to every actor."""

from typing import Any, NamedTuple

from dreamclean import DreamCleanError
from dreamclean_ray.place import Place


class Task(NamedTuple):
    """The pictures of ``source``, restored with ``settings`` into ``target``."""

    source: Place
    target: Place
    settings: dict[str, Any]
    """As the options of ``dreamclean restore`` give them."""

    def check(self) -> None:
        """DreamCleanError unless there is such a folder and another one for the results."""
        if not self.source.is_folder():
            raise DreamCleanError(f"there is no folder {self.source.url}; give a folder of pictures")
        if self.source.filesystem.equals(self.target.filesystem) and self.source.path == self.target.path:
            raise DreamCleanError(f"{self.target.url} cannot take its own pictures' results; give another OUTPUT")

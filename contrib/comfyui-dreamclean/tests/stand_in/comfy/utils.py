"""A stand-in for ``comfy.utils``: the bar that nodes move, written for these tests."""

from typing import Any, ClassVar


class ProgressBar:
    made: ClassVar[list["ProgressBar"]] = []

    def __init__(self, total: int, node_id: Any = None) -> None:
        self.total, self.current = total, 0
        self.made.append(self)

    def update_absolute(self, value: int, total: int | None = None, preview: Any = None) -> None:
        self.current, self.total = value, total or self.total

"""A list of pictures, one after the other."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.method.given import Seeds
from dreamclean.method.restoration import Restoration

T = TypeVar("T")


def restore_each(restore: Callable[..., Restoration[T]], images: Sequence[Any], seed: Seeds) -> list[Restoration[T]]:
    """``restore(image, seed, first)`` for each; ``first`` is the number of images before it, an animation's pictures each.

    ``seed`` is one for all of them or a sequence with one for each. DreamCleanError says which picture is bad.
    """
    seeds = list(seed) if isinstance(seed, Iterable) else [seed] * len(images)
    if len(seeds) != len(images):
        raise DreamCleanError(
            f"{len(seeds)} seeds for {len(images)} pictures; give one seed, or one for each picture of the list"
        )
    results: list[Restoration[T]] = []
    first = 0
    for number, (image, own) in enumerate(zip(images, seeds, strict=True), 1):
        try:
            results.append(restore(image, own, first))
        except DreamCleanError as error:
            raise type(error)(f"picture {number} of {len(images)}: {error}") from error
        first += len(image) if isinstance(image, Tensor) else len(results[-1].frames) or 1
    return results

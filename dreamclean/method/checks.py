"""Checks around the parts of a run, which the loop does not see."""

from collections.abc import Callable
from typing import ParamSpec

from dreamclean.contracts.component import Component
from dreamclean.contracts.latent import Latent
from dreamclean.method.finite import finite

P = ParamSpec("P")


def checked(part: Component, move: Callable[P, Latent]) -> Callable[P, Latent]:
    """``move``, the call of ``part``; ``NotFinite`` with its name unless every value it makes is finite."""

    def call(*args: P.args, **kwargs: P.kwargs) -> Latent:
        latent = move(*args, **kwargs)
        source = args[0] if args and isinstance(args[0], Latent) else latent
        who = f"{part.kind} {part.name} (t = {source.level.t:g})"
        finite(latent.x, who, "choose a lower strength or more steps")
        return latent

    return call

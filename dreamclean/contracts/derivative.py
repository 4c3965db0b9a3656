"""The derivative of a degradation, by automatic differentiation."""

from collections.abc import Callable

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError

Map = Callable[[Tensor], Tensor]


def derivative(degrade: Map, x: Tensor, name: str) -> tuple[Tensor, Map, Map]:
    """A(x), the derivative of A at ``x`` (forward mode) and its adjoint (backward mode), as functions.

    DreamCleanError where torch knows no forward derivative of what the operator ``name`` computes.
    """
    value, pull, *_ = torch.func.vjp(degrade, x)

    def push(v: Tensor) -> Tensor:
        try:
            pushed: Tensor = torch.func.jvp(degrade, (x,), (v,))[1]
        except NotImplementedError as error:
            raise DreamCleanError(
                f"{name}: torch has no forward derivative of it ({' '.join(str(error).split())[:80]}...); override "
                "linearize, or make it a chain, of a LinearOperator and what is not linear"
            ) from error
        return pushed

    return value, push, lambda v: pull(v)[0]

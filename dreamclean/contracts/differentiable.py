"""Whether an operator passes a gradient on, which some guidances need."""

import torch

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import LinearOperator, Operator
from dreamclean.contracts.out_of_memory import lacks_memory


def differentiable(operator: Operator) -> bool:
    """Whether ``degrade`` passes a gradient on, tried on a small image unless the operator is linear."""
    if isinstance(operator, LinearOperator):
        return True
    try:
        with torch.enable_grad():
            return operator.degrade(torch.full((1, 3, 96, 96), 0.5, requires_grad=True)).requires_grad
    except (
        DreamCleanError,
        RuntimeError,
        ValueError,
        IndexError,
    ) as error:  # it is for images of one size, or on one device
        if lacks_memory(error):
            raise
        return True

"""Whether an operator passes a gradient on, which some guidances need."""

import torch
from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.operator import LinearOperator, Operator
from dreamclean.contracts.out_of_memory import lacks_memory

_FAILURES = DreamCleanError, RuntimeError, ValueError, IndexError


def differentiable(operator: Operator) -> bool:
    """Whether ``degrade`` passes a gradient on, tried on a small image unless the operator's adjoint is found by one."""
    if isinstance(operator, LinearOperator) and not operator.has_own_adjoint:
        return True
    image = torch.full((1, 3, 96, 96), 0.5)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            return operator.degrade(image.clone().requires_grad_()).requires_grad
    except _FAILURES as error:
        if lacks_memory(error):
            raise
        return not _works(operator, image)  # it is for images of one size, or on one device


def _works(operator: Operator, image: Tensor) -> bool:
    """Whether ``degrade`` takes the ``image`` where no gradient is asked for."""
    try:
        with torch.no_grad():
            operator.degrade(image)
    except _FAILURES:
        return False
    return True

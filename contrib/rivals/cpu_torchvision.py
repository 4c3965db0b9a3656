"""Import this before torchvision: PyPI's wheel is built for CUDA, and a CPU-only torch cannot load its operators.

torchvision then fails on import for want of two names. deepinv imports torchvision, but nothing that is
compared here calls an operator of it, so the names alone are declared.
"""

import sys

import torch

try:
    import torchvision
except RuntimeError:
    for name in [module for module in sys.modules if module.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")  # type: ignore[no-untyped-call]
    import torchvision

__all__ = ["torchvision"]

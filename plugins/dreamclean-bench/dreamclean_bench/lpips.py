"""LPIPS with AlexNet, v0.1 (Zhang et al. 2018), in plain torch, offline.

The weights come with the package: AlexNet's convolutions as in torchvision (``features.N``, BSD 3-Clause) and
the linear heads of the reference implementation (``linK.model.1``, BSD 2-Clause); see LICENSES.md.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

from dreamclean import DreamCleanError
from dreamclean_bench.least import LEAST

WEIGHTS = Path(__file__).with_name("lpips_alex_fp16.safetensors")
_LAYERS = {0: (4, 2), 3: (1, 2), 6: (1, 1), 8: (1, 1), 10: (1, 1)}  # convolution: stride, padding
_POOLED = (3, 6)  # convolutions that a 3 x 3 maximum over stride 2 goes before
_MEAN, _STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class LPIPS:
    """Distance of images (B, 3, H, W) in [0, 1], shape (B,); 0 is alike."""

    def __init__(self, weights: Path = WEIGHTS) -> None:
        self.weights = {name: value.float() for name, value in load_file(weights).items()}

    def _features(self, image: Tensor) -> list[Tensor]:
        if min(image.shape[-2:]) < LEAST:
            raise DreamCleanError(f"LPIPS needs pictures of {LEAST} x {LEAST} pixels or more")
        mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (_MEAN, _STD))
        x, features = (image * 2 - 1 - mean) / std, []
        for layer, (stride, padding) in _LAYERS.items():
            if layer in _POOLED:
                x = F.max_pool2d(x, 3, 2)
            weight, bias = (self.weights[f"features.{layer}.{part}"] for part in ("weight", "bias"))
            x = F.relu(F.conv2d(x, weight, bias, stride, padding))
            features.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return features

    @torch.no_grad()
    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        total = torch.zeros(len(a))
        for index, (p, q) in enumerate(zip(self._features(a), self._features(b), strict=True)):
            head = self.weights[f"lin{index}.model.1.weight"]
            total += F.conv2d((p - q).square(), head).mean((1, 2, 3))
        return total

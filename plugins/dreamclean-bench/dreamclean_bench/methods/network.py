"""A published restoration network, from its weights file: FBCNN, SCUNet, NAFNet, SwinIR and some forty other architectures."""

from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

import torch
from pydantic import Field
from torch import Tensor

from dreamclean import DreamCleanError, Operator, Prior
from dreamclean_bench.method import Method, Problem


class Network(Method):
    """A network that was trained for a kind of damage, as its authors publish it. It looks at the picture alone.

    Uses the package ``spandrel``, which knows an architecture by the names in its weights file, and reads no code
    from it. A network that enlarges gets the small measurement; any other one the picture shown. A grey network
    restores each channel by itself.
    """

    name = "network"
    blind: ClassVar[bool] = True
    uses_prior: ClassVar[bool] = False
    file: Path | None = Field(default=None, description="The weights file: .pth, .pt, .ckpt or .safetensors")

    def refuses(self, operator: Operator | None, prior: Prior) -> str:
        return super().refuses(operator, prior) or (
            "" if self.file else "needs the weights of a network: network:file=FILE"
        )

    @property
    def source(self) -> Path | None:
        return self.file

    def load(self) -> None:
        self._network()

    def _network(self) -> Any:
        assert self.file is not None
        if not self.file.is_file():
            raise DreamCleanError(f"{self.file}: no such file")
        return _loaded(self.file, self.file.stat().st_mtime_ns)

    def restore(self, problem: Problem) -> Tensor:
        assert self.file is not None
        network, shown = self._network(), problem.shown
        given, size = (problem.y if network.scale > 1 else shown), shown.shape[-2:]
        if given.ndim != 4 or tuple(network.scale * side for side in given.shape[-2:]) != tuple(size):
            raise DreamCleanError(
                f"{self.file.name} enlarges {network.scale} times, which does not make {size[1]} x {size[0]} pixels"
            )
        network.to(given.device)
        return _restored(network, given.float().clamp(0, 1)).to(shown)


def _restored(network: Any, image: Tensor) -> Tensor:
    image = image.expand(-1, 3, -1, -1)
    if network.input_channels == 1:
        return torch.cat([network(image[:, channel : channel + 1]) for channel in range(3)], 1)
    if network.input_channels != 3:
        raise DreamCleanError(
            f"this network takes {network.input_channels} channels; only grey and RGB networks can be used"
        )
    result: Tensor = network(image)
    return result


@lru_cache(maxsize=4)
def _loaded(file: Path, changed: int) -> Any:
    """The network of ``file``, ``changed`` when: spandrel's ``ImageModelDescriptor``."""
    try:
        spandrel = import_module("spandrel")
    except ImportError as error:
        raise DreamCleanError(
            'spandrel is not installed; install it with pip install "dreamclean-bench[network]"'
        ) from error
    try:
        network = spandrel.ModelLoader().load_from_file(file)
    except Exception as error:  # whatever a file that is none may raise
        raise DreamCleanError(f"{file} is not the weights of a network that spandrel knows: {error}") from error
    if not isinstance(network, spandrel.ImageModelDescriptor):
        raise DreamCleanError(f"{file} is a network that takes more than a picture")
    return network.eval()

"""The contract of a prior."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import torch

from dreamclean.contracts.component import Component
from dreamclean.contracts.model import Model
from dreamclean.contracts.operator import Operator


class Prior(Component):
    """A pretrained model of clean images: where it is and how it is asked. What ``load`` returns is the model itself."""

    kind: ClassVar[str] = "prior"
    space: ClassVar[Literal["pixel", "latent"]] = "pixel"
    """Where its noise lives: in the image scaled to [-1, 1], or in an autoencoder's latents."""

    @abstractmethod
    def load(self, device: torch.device, dtype: torch.dtype) -> Model:
        """The model on ``device``, its network computing in ``dtype``. Every call loads anew; DreamCleanError if it cannot."""

    @property
    def source(self) -> Path | None:
        """The file or folder that the model comes from, beside which planners keep what they know of it; else None."""
        return None

    @property
    def program(self) -> Path | None:
        """The file that is run as a program when the model is asked, and could do anything; None: there are weights alone.

        A recipe from a file is not enough to name one: whoever runs it has to.
        """
        return None

    def recipe_for(self, operator: Operator | None) -> Mapping[str, Any]:
        """The recipe that suits this prior with a known ``operator``, or blind, if it is None; fields as in ``Recipe``.

        It is asked for before anything is loaded.
        """
        return {}

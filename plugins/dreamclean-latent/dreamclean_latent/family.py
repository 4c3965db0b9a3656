"""The contract of a family of models: what differs between Stable Diffusion 1, XL, 3 and FLUX."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from dreamclean.contracts.levels import FlowSchedule, Schedule
from dreamclean_latent.guidance import Conditions, Texts
from dreamclean_latent.prediction import diffusion_levels


class Family(ABC):
    """How a family's text is embedded and how its network is asked."""

    pipeline: ClassVar[str]
    """The pipeline's class in diffusers, as a model_index.json names it."""
    network: ClassVar[str]
    """The network's class in diffusers."""
    folder: ClassVar[str]
    """The network's folder."""
    patch: ClassVar[int] = 1
    """What a latent's height and width must be a multiple of."""
    float16: ClassVar[bool] = True
    """Whether its networks, the text encoders among them, stay finite in float16."""

    def __init__(self, config: Mapping[str, Any], scheduler: Mapping[str, Any]) -> None:
        """``config`` and ``scheduler``: the configs of the network and of the scheduler."""
        self.config = config
        self.schedule, self.kind = self.levels(scheduler)

    @abstractmethod
    def levels(self, scheduler: Mapping[str, Any]) -> tuple[Schedule, str]:
        """Noise levels, and the kind of prediction as in ``prediction.noise``, by the scheduler's config."""

    @abstractmethod
    def embed(self, pipe: Any, prompt: str, negative: str | None, device: torch.device) -> Texts:
        """Both prompts, embedded by ``pipe``, the family's pipeline with text encoders and no network.

        Without a negative prompt: what diffusers takes for it.
        """

    @abstractmethod
    def ask(self, network: Any, x: Tensor, t: float, conditions: Conditions, pixels: int) -> Tensor:
        """The network's output (B, C, h, w) for latents ``x`` (B, C, h, w) at timestep ``t``.

        ``conditions`` are (B, ...); ``pixels`` is the side in the picture of one element of the latent.
        """

    @property
    def channels(self) -> int:
        """Channels of the latents."""
        return int(self.config["in_channels"])

    @property
    def side(self) -> int:
        """The side of the latents that the model was made for."""
        return int(self.config.get("sample_size") or 128)

    @property
    def distilled(self) -> bool:
        """Whether the network takes the guidance as an input, and no negative prompt."""
        return False

    def mix(self, prompt: Tensor, negative: Tensor, guidance: float) -> Tensor:
        """What the network answers of the prompt and of the negative prompt (B, C, h, w), mixed by the guidance."""
        return negative + guidance * (prompt - negative)

    def guide(self, texts: Texts, guidance: float) -> tuple[Texts, float]:
        """What to tell the network, and the guidance that is left for ``guidance.guided``."""
        return texts, guidance


class UNetFamily(Family):
    """U-Nets, and a transformer, with betas: they predict noise, v or x0 at whole timesteps."""

    network, folder = "UNet2DConditionModel", "unet"

    def levels(self, scheduler: Mapping[str, Any]) -> tuple[Schedule, str]:
        return diffusion_levels(scheduler)


class FlowFamily(Family):
    """Transformers that predict a velocity at 0 < t < 1."""

    folder = "transformer"
    patch = 2

    def levels(self, scheduler: Mapping[str, Any]) -> tuple[Schedule, str]:
        return FlowSchedule(), "flow"

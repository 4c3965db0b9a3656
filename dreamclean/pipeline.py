"""``DreamCleanPipeline``: a restorer in diffusers' form, made of an unconditional pipeline's components."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import safetensors.torch  # noqa: F401  # diffusers 0.30 saves with it and does not import it
import torch
from diffusers import DiffusionPipeline, ImagePipelineOutput
from PIL import Image
from pydantic import PrivateAttr
from torch import Tensor

from dreamclean.builtin.priors.diffusers import UNetPrior
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.pictures import picture as pictures
from dreamclean.restorer import Restorer

Picture = Image.Image | np.ndarray | Tensor | list[Image.Image]


class _Components(UNetPrior):
    """A pipeline's own network and scheduler as a prior."""

    name = "pipeline"
    label: int | None = None
    _parts: tuple[Any, Any] | None = PrivateAttr(None)

    @classmethod
    def of(cls, unet: Any, scheduler: Any, label: int | None) -> "_Components":
        prior = cls(label=label)
        prior._parts = (unet, scheduler)
        return prior

    @property
    def told(self) -> int | None:
        return self.label

    def from_python(self) -> bool:
        return True

    def parts(self) -> tuple[Any, Any]:
        assert self._parts is not None
        return self._parts


class DreamCleanPipeline(DiffusionPipeline):  # type: ignore[misc]  # diffusers is not typed
    """Restores pictures with the network and the scheduler of an unconditional pipeline in pixel space.

    ``DreamCleanPipeline.from_pretrained`` reads a folder or a hub id of ``DDPMPipeline``, ``DDIMPipeline`` or
    ``ConsistencyModelPipeline``, and what its own ``save_pretrained`` wrote. It runs where ``to`` has put it, in the
    network's precision.

    Args:
        unet: a ``UNet2DModel`` or ``DiTTransformer2DModel`` over pictures.
        scheduler: the scheduler that says what the network predicts (see ``UNetPrior``); its steps are not used.
    """

    model_cpu_offload_seq = "unet"

    def __init__(self, unet: Any, scheduler: Any) -> None:
        super().__init__()
        self.register_modules(unet=unet, scheduler=scheduler)

    @torch.no_grad()
    def __call__(
        self,
        image: Picture,
        operator: Any = None,
        strength: float | str | None = None,
        num_inference_steps: int | None = None,
        generator: torch.Generator | list[torch.Generator] | None = None,
        class_label: int | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        **settings: Any,
    ) -> Any:
        """Restore ``image``: a PIL image or a list of them, an array (H, W, 3), or a tensor (B, 3, H, W) in [0, 1].

        Args:
            operator: the degradation, where it is known, as ``Restorer`` takes it: ``"blur:std=1.5"``.
            strength: the top of the levels, a timestep or ``"nsr:R"``; None: the planner or the prior decides.
            num_inference_steps: levels, ``steps`` of ``Restorer``.
            generator: gives the seed, with its ``initial_seed()``; a list: one for each picture; None: ``seed`` of
                ``settings``, or 0.
            class_label: the class that a network with classes is told.
            output_type: ``"pil"``, ``"np"`` (B, H, W, 3) in [0, 1] or ``"pt"`` (B, 3, H, W) in [0, 1].
            return_dict: whether to return an ``ImagePipelineOutput`` or a tuple.
            settings: any other of ``Restorer``'s: ``corrector``, ``noise``, ``preset``, ...

        Raises:
            DreamCleanError: for settings or pictures that cannot be.
        """
        if output_type not in ("pil", "np", "pt"):
            raise DreamCleanError(f"output_type '{output_type}' is none; choose pil, np or pt")
        given = dict(operator=operator, strength=strength, steps=num_inference_steps, **settings)
        given = {name: value for name, value in given.items() if value is not None}
        seed = given.pop("seed", None) if generator is None else _seed_of(generator)
        where = dict(device=str(self._execution_device), dtype=str(self.unet.dtype).removeprefix("torch."))
        with _given_back(self.unet):
            restorer = Restorer(_Components.of(self.unet, self.scheduler, class_label), **(where | given))
            images = _shown(_restored(restorer, image, seed), output_type)
        return ImagePipelineOutput(images=images) if return_dict else (images,)


@contextmanager
def _given_back(network: torch.nn.Module) -> Iterator[None]:
    """A network that may be in training is afterwards as it was: its mode, which weights ask for gradients, their layout."""
    modes = [(module, module.training) for module in network.modules()]
    weights = [(weight, weight.requires_grad, weight.is_contiguous()) for weight in network.parameters()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
        for weight, ask, contiguous in weights:
            weight.requires_grad_(ask)
            if contiguous:  # torch's backward can crash where weights are channels last, and safetensors 0.4 saves none
                weight.data = weight.data.contiguous()


def _seed_of(generator: torch.Generator | list[torch.Generator]) -> int | list[int]:
    if isinstance(generator, list):
        return [one.initial_seed() % 2**63 for one in generator]
    return generator.initial_seed() % 2**63


def _restored(restorer: Restorer, image: Picture, seed: int | list[int] | None) -> list[Any]:
    """Each restored picture: PIL images, or tensors (1, 3, H, W)."""
    if isinstance(image, Tensor):
        return [one[None] for one in restorer(image, seed=seed).image.clamp(0, 1)]
    return [result.image for result in restorer(image if isinstance(image, list) else [image], seed=seed)]


def _shown(images: list[Any], output_type: str) -> Any:
    """Pictures of any kind as PIL images, one array or one tensor."""
    arrays = [_array(image) for image in images]
    if output_type == "pil":
        return [i if isinstance(i, Image.Image) else _pil(a) for i, a in zip(images, arrays, strict=True)]
    stacked = np.stack(arrays)
    return stacked if output_type == "np" else torch.from_numpy(stacked).movedim(-1, 1)


def _pil(array: np.ndarray) -> Image.Image:
    return Image.fromarray((array * 255).round().astype(np.uint8))


def _array(image: Any) -> np.ndarray:
    """(H, W, 3) in [0, 1]."""
    if isinstance(image, Tensor):
        return image[0].movedim(0, -1).float().cpu().numpy()
    if isinstance(image, Image.Image):
        return _array(pictures.Picture.from_pil(image).pixels)  # of any mode, of 16 bits too
    values = np.asarray(image)
    return values.astype(np.float32) / (255 if values.dtype == np.uint8 else 1)

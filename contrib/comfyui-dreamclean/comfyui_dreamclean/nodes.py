"""The nodes, in ComfyUI's V3 schema."""

from typing import Any

import comfy.model_management
import comfy.utils
import torch
from comfy_api.latest import ComfyExtension, io
from torch import Tensor

from dreamclean import DreamCleanError, Operator, Prior, Restorer
from dreamclean.contracts.step import Step
from dreamclean.host.host import host
from dreamclean.method.measured import measured
from dreamclean.recipe.noise import with_noise

from .prior import ComfyPrior

CATEGORY = "DreamClean"
PriorType = io.Custom("DREAMCLEAN_PRIOR")
OperatorType = io.Custom("DREAMCLEAN_OPERATOR")


def _pictures(image: Tensor) -> Tensor:
    """ComfyUI's IMAGE (B, H, W, C) as (B, 3, H, W); of an alpha channel nothing is kept."""
    return image[..., :3].movedim(-1, 1)


def _place(prior: Prior | None) -> dict[str, Any]:
    """Where it runs: as ComfyUI says. What it has loaded is moved by ComfyUI itself, in float32 latents on the CPU."""
    if isinstance(prior, ComfyPrior):
        return {"device": "cpu", "dtype": "float32"}
    return {"device": str(comfy.model_management.get_torch_device())}


class _Progress:
    """ComfyUI's bar, and its *Cancel*."""

    def __init__(self) -> None:
        self.bar: Any = None

    def __call__(self, step: Step) -> None:
        comfy.model_management.throw_exception_if_processing_interrupted()
        self.bar = self.bar or comfy.utils.ProgressBar(step.total)
        self.bar.update_absolute(step.index, step.total)


class LoadPrior(io.ComfyNode):
    """A prior by name, as on DreamClean's command line."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DreamCleanPrior",
            display_name="DreamClean Prior",
            category=CATEGORY,
            description="A model of clean pictures, by name: starter, diffusers:path=FOLDER, adm:path=FILE, ...",
            inputs=[io.String.Input("prior", default="starter", tooltip="name:key=value,...")],
            outputs=[PriorType.Output(display_name="prior")],
        )

    @classmethod
    def execute(cls, prior: str) -> io.NodeOutput:
        return io.NodeOutput(host().make("prior", prior))


class PriorFromModel(io.ComfyNode):
    """The MODEL and VAE of a workflow as a prior."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DreamCleanPriorFromModel",
            display_name="DreamClean Prior from MODEL",
            category=CATEGORY,
            description="A diffusion or flow model that ComfyUI has loaded, as DreamClean's model of clean pictures.",
            inputs=[
                io.Model.Input("model"),
                io.Vae.Input("vae"),
                io.Conditioning.Input("positive"),
                io.Conditioning.Input("negative", optional=True),
                io.Float.Input("cfg", default=1.0, min=0.0, max=30.0, step=0.1),
            ],
            outputs=[PriorType.Output(display_name="prior")],
        )

    @classmethod
    def execute(cls, model: Any, vae: Any, positive: Any, cfg: float, negative: Any = None) -> io.NodeOutput:
        return io.NodeOutput(ComfyPrior.of(model, vae, positive, negative, cfg))


class KnownOperator(io.ComfyNode):
    """A known degradation."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DreamCleanOperator",
            display_name="DreamClean Operator",
            category=CATEGORY,
            description="What happened to the picture, where that is known: blur:std=1.5 | jpeg:quality=30",
            inputs=[
                io.String.Input("operator", default="downsample:factor=4", tooltip="name:key=value,... | ..."),
                io.Float.Input(
                    "noise", default=0.0, min=0.0, max=1.0, step=0.001, tooltip="Standard deviation, [0, 1]"
                ),
            ],
            outputs=[OperatorType.Output(display_name="operator")],
        )

    @classmethod
    def execute(cls, operator: str, noise: float) -> io.NodeOutput:
        return io.NodeOutput(with_noise(host().make("operator", operator), str(noise) if noise else None))


class Restore(io.ComfyNode):
    """Restores pictures."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DreamCleanRestore",
            display_name="DreamClean Restore",
            category=CATEGORY,
            description="Restores degraded pictures: with an operator as it says, without one each is diagnosed first.",
            inputs=[
                io.Image.Input("image"),
                PriorType.Input("prior", optional=True),
                OperatorType.Input("operator", optional=True),
                io.String.Input("strength", default="", tooltip="A timestep or nsr:R; empty: as the picture needs"),
                io.Int.Input("steps", default=0, min=0, max=1000, tooltip="Levels; 0: as the prior recommends"),
                io.Int.Input("seed", default=0, min=0, max=2**63 - 1),
                io.Int.Input(
                    "tile",
                    default=0,
                    min=0,
                    max=16384,
                    tooltip="Side of a large picture's tiles; 0: as the prior is; 1024 or more for SDXL, SD 3 and FLUX",
                ),
            ],
            outputs=[io.Image.Output(display_name="image"), io.String.Output(display_name="recipe")],
        )

    @classmethod
    def execute(
        cls,
        image: Tensor,
        strength: str,
        steps: int,
        seed: int,
        tile: int,
        prior: Prior | None = None,
        operator: Operator | None = None,
    ) -> io.NodeOutput:
        pictures, operator = measured(_pictures(image), operator)
        said: dict[str, Any] = dict(
            operator=operator, strength=strength.strip() or None, steps=steps or None, seed=seed, tile=tile or None
        )
        given = {name: value for name, value in said.items() if value is not None}
        result = Restorer(prior, **given, **_place(prior))(pictures, on_step=_Progress())
        return io.NodeOutput(result.image.clamp(0, 1).movedim(1, -1).float().cpu(), result.recipe.to_json())


class Diagnose(io.ComfyNode):
    """Tells what damage pictures have."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="DreamCleanDiagnose",
            display_name="DreamClean Diagnose",
            category=CATEGORY,
            description="Tells what damage each picture has, in one line; nothing is restored.",
            inputs=[io.Image.Input("image"), PriorType.Input("prior", optional=True)],
            outputs=[io.String.Output(display_name="found")],
        )

    @classmethod
    def execute(cls, image: Tensor, prior: Prior | None = None) -> io.NodeOutput:
        if prior is not None and prior.space != "pixel":
            raise DreamCleanError("a diagnosis asks a prior of pixels; leave prior empty, or connect DreamClean Prior")
        restorer = Restorer(prior, planner="auto", **_place(prior))
        plans = [restorer.plan(one) for one in torch.split(_pictures(image), 1)]
        return io.NodeOutput("\n".join(plan.report.words() if plan.report else plan.refusal for plan in plans))


class Extension(ComfyExtension):
    """All nodes."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        return [LoadPrior, PriorFromModel, KnownOperator, Restore, Diagnose]


async def comfy_entrypoint() -> ComfyExtension:
    """What ComfyUI asks the folder for."""
    return Extension()

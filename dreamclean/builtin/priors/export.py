"""A pixel-space prior's denoiser as ONNX, and in the folder that darktable reads.

The denoiser is the posterior mean E[x_0 | x_0 + sigma n], sigma on the [0, 1] scale: the prior's answer at its level of
noise-to-signal ratio sigma / alpha = 2 sigma, since images in model space are twice as wide.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dreamclean.builtin.priors.diffusers import UNetPrior
from dreamclean.builtin.priors.networks import Ladder, Network, predictor
from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.model import Model
from dreamclean.contracts.out_of_memory import lacks_memory
from dreamclean.contracts.prior import Prior

CPU = torch.device("cpu")
TOLERANCE = 1e-3
"""How far a file's answer may be from the network's, as a share of the largest value, or of 1."""
_AXES = {0: "batch_size", 2: "height", 3: "width"}
_TILES = (2048, 1536, 1024, 768, 512, 384, 256)
"""The sides of darktable's tiles, its DT_RESTORE_TILE_LADDER_1X (src/common/ai/restore.c)."""


class AtLevel(nn.Module):
    """Noisy images (B, 3, H, W) in [0, 1] to clean ones, at one level of noise of any pixel-space model."""

    def __init__(self, model: Model, sigma: float) -> None:
        super().__init__()
        self.model, self.level = model, model.schedule.at(model.schedule.timestep(2 * sigma))

    def forward(self, y: Tensor) -> Tensor:
        x = self.level.alpha * (2 * y - 1)
        return (Estimate.from_eps(x, self.level, self.model.predict(x, self.level)).x0 + 1) / 2


class AtAnyLevel(nn.Module):
    """Noisy images (B, 3, H, W) in [0, 1] and their sigma (B, 1, H, W), the same everywhere in an image, to clean ones."""

    t: Tensor
    alpha: Tensor
    sigma: Tensor
    ratio: Tensor

    def __init__(self, prior: UNetPrior) -> None:
        super().__init__()
        unet, scheduler = prior.parts()
        how = predictor(Network(unet, prior.told), scheduler)
        if not isinstance(how, Ladder) or how.network.label is not None:
            raise DreamCleanError(f"{prior.name} is told more than a timestep of DDPM's; say one sigma, --sigma 25/255")
        self.unet, self.kind, levels = unet.eval().requires_grad_(False), how.kind, how.schedule.levels
        for name in ("t", "alpha", "sigma", "ratio"):
            self.register_buffer(name, torch.tensor([getattr(level, name) for level in levels], dtype=torch.float32))

    def forward(self, y: Tensor, sigma: Tensor) -> Tensor:
        k = (self.ratio[1:] - 2 * sigma[:, 0, :1, 0]).abs().argmin(1) + 1  # as DDPMSchedule.timestep
        a, s = self.alpha[k].view(-1, 1, 1, 1), self.sigma[k].view(-1, 1, 1, 1)
        x = a * (2 * y - 1)
        output = self.unet(x, self.t[k]).sample[:, :3]
        x0: Tensor = {"epsilon": (x - s * output) / a, "v_prediction": a * x - s * output, "sample": output}[self.kind]
        return (x0 + 1) / 2


def export(prior: Prior, path: Path, sigma: float | None = None) -> Model:
    """Write the denoiser of ``prior`` to ``path``: input and sigma to output, or at one ``sigma`` input to output.

    Returns the model. Float32; batch, height and width are free, the sides multiples of the model's ``geometry.multiple``.

    Raises:
        DreamCleanError: the prior is not of pixels, is no diffusers UNet while no ``sigma`` is given, or ``sigma`` is
            outside what it knows; its network cannot be traced, as one from an ONNX file, or works with one size alone,
            as a DiT; the package onnx is not there.
    """
    if prior.space != "pixel":
        raise DreamCleanError(f"{prior.name} works in latents; only a prior of pixels is a denoiser of pictures")
    if sigma is None and not isinstance(prior, UNetPrior):
        raise DreamCleanError(f"{prior.name} can be exported for one noise level only; say which, --sigma 25/255")
    model = prior.load(CPU, torch.float32)
    if sigma is not None:
        model.schedule.resolve(f"nsr:{2 * sigma}")  # refuses what the model does not know
    network = AtAnyLevel(prior) if sigma is None and isinstance(prior, UNetPrior) else AtLevel(model, sigma or 0.0)
    step, count = model.geometry.multiple, 1 if sigma is not None else 2
    side = step * max(1, 64 // step)
    try:
        _write(network.eval(), _example(1, side, side)[:count], _example(2, side, side + step)[:count], path)
    except ImportError:
        raise DreamCleanError('onnx is not there; install it with pip install "dreamclean[onnx]"') from None
    except (DreamCleanError, OSError):
        raise
    except Exception as error:  # torch and onnxruntime have errors of their own
        if lacks_memory(error):
            raise
        reason = " ".join(str(error).split())[:150]
        raise DreamCleanError(
            f"{prior.name} cannot be written as ONNX for pictures of every size ({reason})"
        ) from error
    return model


def _example(batch: int, height: int, width: int) -> list[Tensor]:
    """Pictures and their sigma."""
    return [torch.rand(batch, 3, height, width), torch.full((batch, 1, height, width), 0.1 * batch)]


def _write(network: nn.Module, inputs: list[Tensor], others: list[Tensor], path: Path) -> None:
    """Trace ``network`` with ``inputs`` into ``path``. ValueError unless the file answers ``others`` as the network does."""
    names = ["input", "sigma"][: len(inputs)]
    unfinished = path.with_name(f".{path.name}.part")
    axes: dict[str, Any] = {name: _AXES for name in [*names, "output"]}
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of constants in the trace, which hold for every size
            torch.onnx.export(
                network,
                tuple(inputs),
                str(unfinished),
                input_names=names,
                output_names=["output"],
                dynamic_axes=axes,
                opset_version=17,
                dynamo=False,
            )
            wanted = network(*others)
        made = _answer(unfinished, dict(zip(names, others, strict=True)))
        if not (made - wanted).abs().max() <= TOLERANCE * max(1.0, float(wanted.abs().max())):
            raise ValueError("the file gives other answers than the network")
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _answer(file: Path, inputs: dict[str, Tensor]) -> Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    return torch.from_numpy(session.run(None, {name: value.numpy() for name, value in inputs.items()})[0])


def darktable(prior: Prior, folder: Path, sigma: float) -> None:
    """Write ``folder`` as darktable's models are: ``model.onnx``, and ``config.json`` with its id, task and tile sizes.

    ``model.yaml`` holds the same for darktable-ai, the project that packages models for darktable. Formats: darktable
    src/ai/README.md and src/common/ai/restore.c; darktable-org/darktable-ai models/denoise-nind/model.yaml.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = export(prior, folder / "model.onnx", sigma)
    sides = [model.geometry.native_size] if model.geometry.native_size else list(_TILES)
    config = {
        "id": folder.name,
        "name": f"dreamclean {prior.name} {255 * sigma:.0f}",
        "description": f"Denoiser of DreamClean's prior {prior.name} for noise of standard deviation {255 * sigma:.3g}/255",
        "task": "denoise",
        "version": "1.0",
        "arch": "unet",
        "backend": "onnx",
        "tiling": True,
        "num_inputs": 1,
        "attributes": {"input_sizes": [side for side in sides if side % model.geometry.multiple == 0]},
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    yaml = {**config, "type": "single"}
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in yaml.items()]  # JSON is YAML
    (folder / "model.yaml").write_text("".join(lines))

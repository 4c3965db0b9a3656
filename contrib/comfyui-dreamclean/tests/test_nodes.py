"""The nodes, against ComfyUI's own API where it can be imported, else against the stand-in beside this file."""

import asyncio
import inspect
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))
if find_spec("comfy_api") is None:
    sys.path.insert(0, str(HERE / "stand_in"))

import comfy.model_management  # noqa: E402
import comfy.utils  # noqa: E402
from comfyui_dreamclean import comfy_entrypoint, nodes  # noqa: E402
from comfyui_dreamclean.prior import ComfyPrior  # noqa: E402

from dreamclean import Downsample, DreamCleanError, Evaluator, LinearOperator, Mixture, Restorer  # noqa: E402
from dreamclean.method.measured import EIGHT_BIT  # noqa: E402
from dreamclean.testing import loaded  # noqa: E402

NODES = asyncio.run(asyncio.run(comfy_entrypoint()).get_node_list())


@pytest.fixture(autouse=True)
def inference_mode() -> Iterator[None]:
    """In which ComfyUI runs every node."""
    with torch.inference_mode():
        yield


@pytest.fixture
def image() -> Tensor:
    """ComfyUI's IMAGE: (B, H, W, C)."""
    return torch.rand(2, 12, 20, 3, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def mixture(image: Tensor) -> Mixture:
    return Mixture.around(image.movedim(-1, 1), std=0.05)


@pytest.mark.parametrize("node", NODES, ids=lambda node: node.__name__)
def test_node_takes_the_inputs_of_its_schema(node: Any) -> None:
    schema = node.define_schema()
    taken = inspect.signature(node.execute).parameters
    assert {slot.id for slot in schema.inputs} == set(taken)
    for slot in schema.inputs:
        assert slot.optional == (taken[slot.id].default is not inspect.Parameter.empty)
    assert schema.node_id.startswith("DreamClean") and schema.category == "DreamClean" and schema.description


def test_entrypoint_has_a_node_of_each_kind() -> None:
    ids = [node.define_schema().node_id for node in NODES]
    assert len(set(ids)) == 5
    assert {"DreamCleanRestore", "DreamCleanDiagnose", "DreamCleanOperator", "DreamCleanPriorFromModel"} < set(ids)


def test_restore_is_the_restorer(image: Tensor, mixture: Mixture) -> None:
    made, recipe = nodes.Restore.execute(image, "100", 3, 7, 0, prior=mixture).result
    wanted = Restorer(mixture, strength="100", steps=3, seed=7)(image.movedim(-1, 1))
    assert made.shape == image.shape and torch.equal(made, wanted.image.clamp(0, 1).movedim(1, -1))
    assert '"seed":7' in recipe


def test_restore_with_an_operator_enlarges(image: Tensor, mixture: Mixture) -> None:
    (operator,) = nodes.KnownOperator.execute("downsample:factor=2", 0.02).result
    assert operator == Downsample(factor=2, noise=0.02)
    alpha = torch.cat([image, torch.ones_like(image[..., :1])], -1)
    small = torch.nn.functional.avg_pool2d(alpha.movedim(-1, 1), 2).movedim(1, -1)
    made, _ = nodes.Restore.execute(small, "nsr:1", 4, 0, 0, prior=mixture, operator=operator).result
    assert made.shape == image.shape
    assert (made - image).square().mean() < 0.02


def test_restore_asks_operators_for_their_adjoints_outside_inference_mode(
    image: Tensor, mixture: Mixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where some versions of torch answer 0."""
    seen: list[bool] = []
    own = LinearOperator.linearize

    def linearize(self: LinearOperator, x: Tensor) -> Any:
        seen.append(torch.is_inference_mode_enabled() or x.is_inference())
        return own(self, x)

    monkeypatch.setattr(LinearOperator, "linearize", linearize)
    (operator,) = nodes.KnownOperator.execute("colorize", 0.02).result
    nodes.Restore.execute(image, "nsr:1", 3, 0, 0, prior=mixture, operator=operator)
    assert seen and not any(seen)


def test_restore_takes_a_picture_for_no_more_exact_than_a_file(image: Tensor, mixture: Mixture) -> None:
    (operator,) = nodes.KnownOperator.execute("blur:std=1.5", 0.0).result
    _, recipe = nodes.Restore.execute(image, "nsr:1", 3, 0, 0, prior=mixture, operator=operator).result
    assert json.loads(recipe)["operator"]["noise"] == pytest.approx(EIGHT_BIT)


def test_restore_moves_the_bar_and_is_cancelled(image: Tensor, mixture: Mixture) -> None:
    nodes.Restore.execute(image, "100", 3, 7, 0, prior=mixture)
    if hasattr(comfy.utils.ProgressBar, "made"):
        bar = comfy.utils.ProgressBar.made[-1]
        assert bar.current == bar.total > 0
    comfy.model_management.interrupt_current_processing(True)
    with pytest.raises(comfy.model_management.InterruptProcessingException):
        nodes.Restore.execute(image, "100", 3, 7, 0, prior=mixture)


def test_load_prior_makes_one_and_refuses_others() -> None:
    (prior,) = nodes.LoadPrior.execute("mixture:std=0.3").result
    assert prior == Mixture(std=0.3)
    with pytest.raises(DreamCleanError, match="nobody"):
        nodes.LoadPrior.execute("nobody")


def test_diagnose_says_one_line_for_each_picture() -> None:
    pytest.importorskip("dreamclean_starter")
    noisy = torch.full((2, 64, 64, 3), 0.5) + 0.1 * torch.randn(
        2, 64, 64, 3, generator=torch.Generator().manual_seed(0)
    )
    (found,) = nodes.Diagnose.execute(noisy.clamp(0, 1)).result
    assert len(found.splitlines()) == 2 and "noise" in found


class Model:
    """A MODEL over latents of 1/2 size, whose pixels are drawn from N(cond, 1), x0 scaled by 3 in its own space."""

    latent_format = SimpleNamespace(process_in=lambda z: 3 * z, process_out=lambda z: z / 3)

    def __init__(self, flow: bool) -> None:
        self.flow = flow
        low, high = (0.001, 1.0) if flow else (0.03, 14.0)
        self.model_sampling = SimpleNamespace(sigma_min=low, sigma_max=high, noise_scaling=self.noise_scaling)

    def get_model_object(self, name: str) -> Any:
        return getattr(self, name)

    def noise_scaling(self, sigma: Tensor, noise: Tensor, latent: Tensor) -> Tensor:
        return sigma * noise + (1 - sigma if self.flow else 1) * latent

    def denoise(self, x: Tensor, sigma: Tensor, mean: float) -> Tensor:
        """E[x0 | x] for x0 ~ N(mean, 1)."""
        s = sigma.view(-1, 1, 1, 1)
        a = 1 - s if self.flow else torch.ones_like(s)
        return mean + a / (a**2 + s**2) * (x - a * mean)


class VAE:
    """Means over 2 x 2 pixels, and copies back."""

    def spacial_compression_encode(self) -> int:
        return 2

    def encode(self, image: Tensor) -> Tensor:
        return torch.nn.functional.avg_pool2d(image.movedim(-1, 1), 2)

    def decode(self, z: Tensor) -> Tensor:
        return z.repeat_interleave(2, 2).repeat_interleave(2, 3).movedim(1, -1)


@pytest.mark.parametrize("cfg", [1.0, 3.0])
@pytest.mark.parametrize("flow", [False, True])
def test_prior_from_model_answers_as_the_model(flow: bool, cfg: float) -> None:
    model = Model(flow)
    (prior,) = nodes.PriorFromModel.execute(model, VAE(), 0.5, cfg, negative=-0.5).result
    made, x = loaded(prior), torch.randn(2, 3, 6, 8)
    level = made.schedule.at(0.4)
    assert (level.alpha, level.sigma) == ((0.6, 0.4) if flow else (1.0, 0.4))
    sigma = torch.full((2,), 0.4)
    positive, negative = model.denoise(x, sigma, 0.5), model.denoise(x, sigma, -0.5)
    wanted = negative + cfg * (positive - negative)
    assert torch.allclose(Evaluator(made).prior(x, level).x0, wanted, atol=1e-5)


def test_prior_from_model_has_the_vaes_latents(image: Tensor) -> None:
    made = loaded(ComfyPrior.of(Model(False), VAE(), 0.0, None, 1.0))
    pixels = image.movedim(-1, 1)
    z = made.codec.encode(pixels)
    assert torch.allclose(z, 3 * torch.nn.functional.avg_pool2d(pixels, 2))
    assert made.codec.scale_factor == 2 and torch.allclose(made.codec.encode(made.codec.decode(z)), z, atol=1e-5)


@pytest.mark.parametrize("flow", [False, True])
def test_prior_from_model_restores(flow: bool, image: Tensor) -> None:
    (prior,) = nodes.PriorFromModel.execute(Model(flow), VAE(), 1.0, 1.0).result
    made, _ = nodes.Restore.execute(image, "nsr:0.4", 3, 0, 0, prior=prior).result
    assert made.shape == image.shape and made.isfinite().all()


@pytest.mark.parametrize(("cfg", "inverting"), [(7.0, 1.0), (0.5, 0.5)])
def test_prior_from_model_inverts_with_no_more_guidance_than_1(cfg: float, inverting: float) -> None:
    model, x = Model(False), torch.randn(1, 3, 6, 8)
    made, plain = (loaded(ComfyPrior.of(model, VAE(), 0.5, -0.5, each)) for each in (cfg, inverting))
    level = made.schedule.at(0.4)
    assert made.invert is not None
    assert torch.allclose(made.invert(x, level), plain.predict(x, level))
    assert torch.allclose(made.predict(x, level), plain.predict(x, level)) == (cfg == inverting)


def test_diagnose_refuses_a_prior_of_latents(image: Tensor) -> None:
    (prior,) = nodes.PriorFromModel.execute(Model(False), VAE(), 1.0, 1.0).result
    with pytest.raises(DreamCleanError, match="a diagnosis asks a prior of pixels"):
        nodes.Diagnose.execute(image, prior=prior)

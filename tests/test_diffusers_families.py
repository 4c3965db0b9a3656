"""Every family of pixel-space networks that diffusers writes, with random weights, against diffusers' own schedulers.

The reference is the scheduler's own estimate of the clean picture, from the network called as diffusers' pipelines call it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    CMStochasticIterativeScheduler,
    ConsistencyModelPipeline,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    DiTTransformer2DModel,
    EDMEulerScheduler,
    UNet2DModel,
)
from torch import Tensor

from dreamclean import Diffusers, DreamCleanError, Evaluator, Restorer
from dreamclean.testing import loaded

SIDE = 16


def unet(**more: Any) -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=SIDE,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
        **more,
    ).eval()


def dit(**more: Any) -> DiTTransformer2DModel:
    torch.manual_seed(0)
    network = DiTTransformer2DModel(
        num_attention_heads=2,
        attention_head_dim=8,
        in_channels=3,
        out_channels=6,
        num_layers=2,
        norm_num_groups=4,
        sample_size=SIDE,
        patch_size=4,
        num_embeds_ada_norm=5,
        **more,
    ).eval()
    for value in network.parameters():
        torch.nn.init.normal_(value, std=0.1)  # fresh ones answer with zeros
    return network


def latent(sigma: float = 1.0) -> Tensor:
    return sigma * torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def save(folder: Path, network: Any, scheduler: Any, name: str = "unet") -> str:
    network.save_pretrained(folder / name)
    scheduler.save_pretrained(folder / "scheduler")
    return str(folder)


def clean(model: Evaluator, x: Tensor, t: float) -> Tensor:
    """x0, in double precision: x and sigma eps are many times as large where sigma is."""
    return model.prior(x.double(), model.model.schedule.at(t)).x0


def close(made: Tensor, wanted: Tensor) -> bool:
    return bool((made - wanted).abs().max() <= 1e-5 * max(1.0, float(wanted.abs().max())))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
@pytest.mark.parametrize("make", [DDPMScheduler, DDIMScheduler])
@torch.no_grad()
def test_diffusers_ladder_is_the_schedulers(tmp_path: Path, make: Any, kind: str) -> None:
    scheduler = make(prediction_type=kind, clip_sample=False, beta_schedule="squaredcos_cap_v2")
    network, x = unet(), latent()
    model = Evaluator(loaded(Diffusers(path=save(tmp_path, network, scheduler))))
    scheduler.set_timesteps(1000)
    for t in (1, 250, 900):
        wanted = scheduler.step(network(x, t).sample, t, x).pred_original_sample
        assert close(clean(model, x, t), wanted)


@pytest.mark.parametrize(("height", "width"), [(SIDE, SIDE - 4), (8, 12), (4, SIDE)])
@torch.no_grad()
def test_diffusers_transformer_takes_pictures_that_are_no_squares(tmp_path: Path, height: int, width: int) -> None:
    """Its tokens are always those of a square: the rest of it is the picture mirrored."""
    network, x = dit(), latent()[..., :height, :width]
    model = Evaluator(loaded(Diffusers(path=save(tmp_path, network, DDPMScheduler(clip_sample=False), "transformer"))))
    mirrored = np.pad(x, [(0, 0), (0, 0), (0, SIDE - height), (0, SIDE - width)], "symmetric")
    none = torch.tensor([5, 5])
    output = network(torch.from_numpy(mirrored), torch.tensor([250, 250]), class_labels=none).sample[:, :3]
    assert close(model.prior(x, model.model.schedule.at(250)).eps, output[..., :height, :width])


@torch.no_grad()
def test_diffusers_unet_of_classes_is_told_one(tmp_path: Path) -> None:
    network, x, scheduler = unet(num_class_embeds=4), latent(), DDPMScheduler(clip_sample=False)
    path = save(tmp_path, network, scheduler)
    model = Evaluator(loaded(Diffusers(path=path, label=2)))
    output = network(x, 250, class_labels=torch.tensor([2, 2])).sample
    assert close(model.prior(x, model.model.schedule.at(250)).eps, output)
    with pytest.raises(DreamCleanError, match="the prior knows 4 classes of pictures; say which, label=0 to 3"):
        loaded(Diffusers(path=path))
    with pytest.raises(DreamCleanError, match="label 4 is not the prior's, which knows classes 0 to 3"):
        loaded(Diffusers(path=path, label=4))


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
@torch.no_grad()
def test_diffusers_edm_is_the_schedulers(tmp_path: Path, kind: str) -> None:
    scheduler, network = EDMEulerScheduler(prediction_type=kind), unet()
    model = Evaluator(loaded(Diffusers(path=save(tmp_path, network, scheduler))))
    scheduler.set_timesteps(18)
    for t, sigma in list(zip(scheduler.timesteps, scheduler.sigmas, strict=False))[::5]:
        x = latent(float(sigma) + 0.5)
        output = network(scheduler.scale_model_input(x, t), t).sample
        wanted = scheduler.step(output, t, x).pred_original_sample
        scheduler._step_index = None
        scheduler.is_scale_input_called = False
        assert close(clean(model, x, float(sigma)), wanted)


@torch.no_grad()
def test_diffusers_consistency_is_the_pipelines(tmp_path: Path) -> None:
    """The pipeline's first step is the estimate itself, clipped unless it is told not to."""
    scheduler, network = CMStochasticIterativeScheduler(clip_denoised=False), unet(num_class_embeds=3)
    path = save(tmp_path, network, scheduler)
    model = Evaluator(loaded(Diffusers(path=path, label=1)))
    pipeline = ConsistencyModelPipeline(network, scheduler)
    pipeline.set_progress_bar_config(disable=True)
    x = latent()
    made = pipeline(batch_size=2, class_labels=[1, 1], latents=x, num_inference_steps=1, output_type="pt").images
    wanted = clean(model, 80.0 * x, 80.0)
    assert close((wanted / 2 + 0.5).clamp(0, 1), made)
    scheduler.set_timesteps(10)
    for t, sigma in zip(scheduler.timesteps[1:], scheduler.sigmas[1:], strict=False):
        scheduler._step_index = None
        x = latent(float(sigma) + 0.5)
        output = network(scheduler.scale_model_input(x, t), t, class_labels=torch.tensor([1, 1])).sample
        torch.manual_seed(0)
        after = scheduler.step(output, t, x).prev_sample
        torch.manual_seed(0)
        following = float(scheduler.sigmas[scheduler._step_index].clamp(0.002, 80))
        noise = torch.randn(x.shape) * (following**2 - 0.002**2) ** 0.5
        assert close(clean(model, x, max(float(sigma), 0.002)), after - noise)
        if float(sigma) <= 0.01:
            break


@torch.no_grad()
def test_diffusers_dit_in_pixel_space(tmp_path: Path) -> None:
    network, x, scheduler = dit(), latent(), DDIMScheduler(clip_sample=False)
    path = save(tmp_path, network, scheduler, "transformer")
    scheduler.set_timesteps(1000)
    for label, told in ((None, 5), (3, 3)):
        model = Evaluator(loaded(Diffusers(path=path, label=label)))
        assert model.model.geometry == (4, SIDE)
        output = network(x, torch.tensor([250, 250]), class_labels=torch.tensor([told, told])).sample[:, :3]
        wanted = scheduler.step(output, 250, x).pred_original_sample
        assert output.abs().max() > 0.01 and close(clean(model, x, 250), wanted)


FAMILIES: dict[str, Callable[[Path], str]] = {
    "v_prediction": lambda folder: save(folder, unet(), DDPMScheduler(prediction_type="v_prediction")),
    "sample": lambda folder: save(folder, unet(), DDPMScheduler(prediction_type="sample")),
    "edm": lambda folder: save(folder, unet(), EDMEulerScheduler()),
    "consistency": lambda folder: save(folder, unet(), CMStochasticIterativeScheduler()),
    "dit": lambda folder: save(folder, dit(), DDPMScheduler(), "transformer"),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_diffusers_families_run_end_to_end(tmp_path: Path, family: str) -> None:
    prior = Diffusers(path=FAMILIES[family](tmp_path))
    picture = torch.rand(1, 3, 18, 21)
    for settings, nfe in ((dict(planner="fixed"), 12), (dict(operator="downsample:factor=3", noise=0.05), 8)):
        restorer = Restorer(prior, strength="nsr:0.5", steps=4, **settings)
        result = restorer(picture if nfe == 12 else picture[..., ::3, ::3])
        assert result.nfe == nfe and result.image.shape == picture.shape and result.image.isfinite().all()


def test_diffusers_reads_what_a_pipeline_saved(tmp_path: Path) -> None:
    DDPMPipeline(unet(), DDPMScheduler()).save_pretrained(tmp_path)
    assert loaded(Diffusers(path=str(tmp_path))).geometry == (2, SIDE)

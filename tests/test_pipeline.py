"""``DreamCleanPipeline``: the restorer with a pipeline's components, saved and loaded."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    CMStochasticIterativeScheduler,
    ConsistencyModelPipeline,
    DDPMPipeline,
    DDPMScheduler,
    UNet2DModel,
)
from PIL import Image

from dreamclean import Diffusers, DreamCleanError, Restorer
from dreamclean.pipeline import DreamCleanPipeline


def unet() -> UNet2DModel:
    torch.manual_seed(0)
    return UNet2DModel(
        sample_size=16,
        layers_per_block=1,
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "UpBlock2D"),
    )


@pytest.fixture
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (19, 22, 3), dtype=np.uint8))


def test_pipeline_is_the_restorer(tmp_path: Path, picture: Image.Image) -> None:
    DDPMPipeline(unet(), DDPMScheduler(prediction_type="v_prediction")).save_pretrained(tmp_path / "ddpm")
    pipeline = DreamCleanPipeline.from_pretrained(tmp_path / "ddpm")
    generator = torch.Generator().manual_seed(5)
    made = pipeline(picture, strength=200, num_inference_steps=4, generator=generator).images
    settings = dict(strength=200, steps=4, seed=5, device="cpu", dtype="float32")
    wanted = Restorer(Diffusers(path=str(tmp_path / "ddpm")), **settings)(picture).image
    assert len(made) == 1 and np.array_equal(np.asarray(made[0]), np.asarray(wanted))


def test_pipeline_takes_a_generator_for_each_picture(picture: Image.Image) -> None:
    pipeline = DreamCleanPipeline(unet(), DDPMScheduler())
    how: Any = dict(strength=200, num_inference_steps=2, initializer="forward-noising", output_type="np")

    def made(given: list[Image.Image], *seeds: int) -> np.ndarray:
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        images: np.ndarray = pipeline(given, generator=generators, **how).images
        return images

    both = made([picture, picture], 5, 6)
    assert np.array_equal(both, np.concatenate([made([picture], 5), made([picture], 6)]))
    assert not np.array_equal(both[0], both[1])


def test_pipeline_shows_sixteen_bits(picture: Image.Image) -> None:
    """As those of eight, and not white."""
    grey = np.asarray(picture.convert("L"))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    how: Any = dict(strength=200, num_inference_steps=2, output_type="np")
    pipeline = DreamCleanPipeline(unet(), DDPMScheduler())
    of_deep, of_grey = (pipeline(each, **how).images for each in (deep, Image.fromarray(grey)))
    assert of_deep.shape == (1, 19, 22, 3) and np.abs(of_deep - of_grey).max() < 0.01


def test_pipeline_gives_a_network_in_training_back(picture: Image.Image) -> None:
    """As a validation between two steps of training."""
    network = unet().train()
    network.conv_in.requires_grad_(False)
    network.mid_block.eval()
    DreamCleanPipeline(network, DDPMScheduler())(picture, strength=200, num_inference_steps=2)
    assert network.training and network.down_blocks[0].training and not network.mid_block.training
    frozen = [name for name, weight in network.named_parameters() if not weight.requires_grad]
    assert frozen == ["conv_in.weight", "conv_in.bias"]
    network(torch.rand(1, 3, 16, 16), 5).sample.sum().backward()
    assert network.conv_out.weight.grad is not None


def test_pipeline_is_saved_and_loaded(tmp_path: Path, picture: Image.Image) -> None:
    pipeline = DreamCleanPipeline(unet(), DDPMScheduler())
    pipeline.save_pretrained(tmp_path / "saved")
    again = DreamCleanPipeline.from_pretrained(tmp_path / "saved")
    settings = dict(operator="downsample:factor=2", noise=0.02, strength=300, num_inference_steps=3, output_type="np")
    first, second = (each(picture, **settings).images for each in (pipeline, again))
    assert first.shape == (1, 38, 44, 3) and np.array_equal(first, second)
    assert type(again.scheduler) is DDPMScheduler


def test_pipeline_is_saved_after_a_restoration(tmp_path: Path, picture: Image.Image) -> None:
    """Its weights are contiguous then: safetensors 0.4 saves no others."""
    pipeline = DreamCleanPipeline(unet(), DDPMScheduler())
    first = pipeline(picture, strength=200, num_inference_steps=2, output_type="np").images
    pipeline.save_pretrained(tmp_path / "saved")
    assert all(weight.is_contiguous() for weight in pipeline.unet.parameters())
    assert np.array_equal(first, pipeline(picture, strength=200, num_inference_steps=2, output_type="np").images)


def test_pipeline_takes_a_consistency_model(tmp_path: Path, picture: Image.Image) -> None:
    ConsistencyModelPipeline(unet(), CMStochasticIterativeScheduler()).save_pretrained(tmp_path)
    pipeline = DreamCleanPipeline.from_pretrained(tmp_path)
    (images,) = pipeline(
        [picture, picture], strength="nsr:0.4", num_inference_steps=2, output_type="pt", return_dict=False
    )
    assert images.shape == (2, 3, 19, 22) and images.isfinite().all()


@pytest.mark.parametrize("kind", ["pil", "np", "pt"])
def test_pipeline_returns_what_is_asked_for(kind: str) -> None:
    pipeline = DreamCleanPipeline(unet(), DDPMScheduler())
    images = pipeline(torch.rand(2, 3, 16, 18), strength=100, num_inference_steps=2, output_type=kind).images
    assert len(images) == 2
    one = images[0]
    assert (
        (one.size == (18, 16)) if kind == "pil" else tuple(one.shape) == ((16, 18, 3) if kind == "np" else (3, 16, 18))
    )


def test_pipeline_refuses(picture: Image.Image) -> None:
    pipeline = DreamCleanPipeline(unet(), DDPMScheduler())
    with pytest.raises(DreamCleanError, match="output_type 'jpeg' is none; choose pil, np or pt"):
        pipeline(picture, output_type="jpeg")
    with pytest.raises(DreamCleanError, match="strenght"):
        pipeline(picture, strenght=100)
    with pytest.raises(DreamCleanError, match="knows no classes"):
        pipeline(picture, class_label=3, strength=100)

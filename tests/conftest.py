"""What the tests share: a tiny network and a picture."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image


@pytest.fixture(scope="session")
def unet(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A prior that takes pictures of any size: a tiny random UNet in diffusers' format."""
    from diffusers import DDPMScheduler, UNet2DModel

    folder: Path = tmp_path_factory.mktemp("unet")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = UNet2DModel(
            sample_size=32,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            add_attention=False,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
        )
    network.save_pretrained(folder / "unet")
    DDPMScheduler().save_pretrained(folder / "scheduler")
    return f"diffusers:path={folder}"


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """A smooth colour picture, 33 x 21, that no turn or mirroring leaves as it is."""
    y, x = np.mgrid[0:21, 0:33]
    return Image.fromarray(np.stack([x * 7, y * 11, 200 - x * 3 - y * 2], axis=-1).astype(np.uint8))

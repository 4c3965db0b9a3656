"""What the tests share: a tiny network and a picture."""

import json
import math
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from dreamclean import DDPMSchedule
from dreamclean.builtin.planners.diagnosis.answers import RATIOS
from dreamclean.builtin.planners.diagnosis.calibration import FAMILIES, Calibration
from dreamclean.cli.main import main


class Outcome(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str


Command = Callable[..., Outcome]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """Runs a command in this process."""
    handler = signal.getsignal(signal.SIGTERM)

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr(sys, "argv", ["dreamclean", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main()
        return Outcome(int(stop.value.code or 0), *capsys.readouterr())

    yield run
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with ``a.png``, ``b.png`` and ``folder/c.png``, 16 x 16."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("folder")
    for seed, name in enumerate(("a", "b", "folder/c")):
        small = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        Image.fromarray(small).resize((16, 16), Image.Resampling.BICUBIC).save(f"{name}.png")
    return tmp_path


TEMPLATE = Path(__file__).parents[1] / "contrib/plugin-template"


@pytest.fixture(scope="session")
def template_plugins(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of the packages that the plugin template makes, ``dreamclean-my-KIND``; none without cookiecutter."""
    try:
        from cookiecutter.main import cookiecutter
    except ImportError:
        return []
    folder = tmp_path_factory.mktemp("template")
    config = folder / "cookiecutter.yaml"
    config.write_text(f"cookiecutters_dir: {folder}/got\nreplay_dir: {folder}/replay\n")
    options = {"no_input": True, "output_dir": str(folder), "config_file": str(config)}
    kinds = json.loads((TEMPLATE / "cookiecutter.json").read_text())["kind"]
    answers = [{"name": f"my-{kind}", "kind": kind} for kind in kinds]
    return [Path(cookiecutter(str(TEMPLATE), extra_context=answer, **options)) for answer in answers]


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


@pytest.fixture(scope="session")
def exact() -> Calibration:
    """Of a mixture with the paper's levels: it knows the noise, so its estimate is as wide as noise over level.

    Clean or white noise, and how much, by the estimate's rms at the loudest level asked.
    """
    schedule = DDPMSchedule.linear()
    ratios = [schedule.at(schedule.timestep(ratio)).ratio for ratio in RATIOS]
    features, spread = 16 * len(ratios), 5.0  # wide, for the features are cut off at four times that
    rule = [spread * (k == features - 16) for k in range(features)]
    steep = [3 * weight for weight in rule]
    families = {"white noise": [*steep, 15.0], "clean": [0.0] * (features + 1)}
    return Calibration(
        ratios=ratios,
        mean=[0.0] * features,
        spread=[spread] * features,
        family=[families.get(name, [0.0] * features + [-6.0]) for name in FAMILIES],
        noise=[*rule, *[0.0] * features, math.log(ratios[-1] / 2)],
        level=[[] for _ in FAMILIES],
    )

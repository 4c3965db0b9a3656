"""Published networks by their weights files: against spandrel itself where it is installed, and against a stand-in."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from dreamclean_bench.method import Problem
from dreamclean_bench.methods.network import Network, _loaded
from torch import Tensor

from dreamclean import Downsample, DreamCleanError, Identity, Mixture, Operator

IMAGES = torch.rand(2, 3, 24, 32, generator=torch.Generator().manual_seed(0))
PRIOR = Mixture.around(IMAGES[:1])


class Descriptor:
    """Stands in for ``spandrel.ImageModelDescriptor``: a network, its scale and its channels."""

    def __init__(self, network: Callable[[Tensor], Tensor], scale: int = 1, input_channels: int = 3) -> None:
        self.network, self.scale, self.input_channels = network, scale, input_channels

    def __call__(self, image: Tensor) -> Tensor:
        assert image.shape[1] == self.input_channels
        return self.network(image)

    def to(self, device: Any = None) -> "Descriptor":
        return self

    eval = to


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[Any], Network]:
    """A network whose file a stand-in for spandrel reads as what is given."""

    def make(read: Any) -> Network:
        def load(self: Any, file: Path) -> Any:
            if isinstance(read, Exception):
                raise read
            return read

        loader = type("ModelLoader", (), {"load_from_file": load})
        stand_in = SimpleNamespace(ModelLoader=loader, ImageModelDescriptor=Descriptor)
        monkeypatch.setitem(sys.modules, "spandrel", stand_in)
        file = tmp_path / "weights.pth"
        file.write_bytes(b"0")
        _loaded.cache_clear()
        return Network(file=file)

    return make


def problem(operator: Operator) -> Problem:
    y = operator.measure(IMAGES, torch.Generator().manual_seed(1))
    shown = y if y.shape == IMAGES.shape else torch.nn.functional.interpolate(y, IMAGES.shape[-2:])
    return Problem(y=y, shown=shown.clamp(0, 1), operator=operator, prior=PRIOR, seeds=(0, 1))


def test_network_restores_the_picture_shown(loads: Callable[[Any], Network]) -> None:
    task = problem(Identity(noise=0.1))
    assert torch.equal(loads(Descriptor(lambda x: 1 - x))(task), 1 - task.shown)


def test_network_that_enlarges_gets_the_measurement(loads: Callable[[Any], Network]) -> None:
    task = problem(Downsample(factor=2))
    twice = Descriptor(lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3), scale=2)
    assert torch.equal(loads(twice)(task), task.y.repeat_interleave(2, 2).repeat_interleave(2, 3))


def test_network_of_grey_pictures_restores_each_channel(loads: Callable[[Any], Network]) -> None:
    task = problem(Identity(noise=0.1))
    assert torch.equal(loads(Descriptor(lambda x: x / 2, input_channels=1))(task), task.shown / 2)


@pytest.mark.parametrize(
    ("read", "message"),
    [
        (Descriptor(lambda x: x, scale=4), "enlarges 4 times, which does not make 32 x 24 pixels"),
        (Descriptor(lambda x: x, input_channels=4), "takes 4 channels"),
        (SimpleNamespace(scale=1), "takes more than a picture"),
        (ValueError("no such names"), "not the weights of a network that spandrel knows: no such names"),
    ],
)
def test_network_refuses_in_one_line(loads: Callable[[Any], Network], read: Any, message: str) -> None:
    with pytest.raises(DreamCleanError, match=message) as caught:
        loads(read)(problem(Identity(noise=0.1)))
    assert "\n" not in str(caught.value)


def test_network_without_a_file_or_the_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(DreamCleanError, match="network:file=FILE"):
        Network()(problem(Identity(noise=0.1)))
    monkeypatch.setitem(sys.modules, "spandrel", None)
    (tmp_path / "x.pth").write_bytes(b"0")
    with pytest.raises(DreamCleanError, match="pip install"):
        Network(file=tmp_path / "x.pth")(problem(Identity(noise=0.1)))
    with pytest.raises(DreamCleanError, match=r"missing\.pth: no such file"):
        Network(file=tmp_path / "missing.pth")(problem(Identity(noise=0.1)))


def test_network_is_spandrels(tmp_path: Path) -> None:
    """NAFNet and an ESRGAN, small and random, by their authors' names of tensors."""
    pytest.importorskip("spandrel", exc_type=(ImportError, RuntimeError))
    from spandrel.architectures.ESRGAN import ESRGAN
    from spandrel.architectures.NAFNet import NAFNet

    torch.manual_seed(0)
    deblurs = NAFNet(img_channel=3, width=8, middle_blk_num=1, enc_blk_nums=[1], dec_blk_nums=[1])
    enlarges = ESRGAN(num_filters=8, num_blocks=1, scale=4)
    for network, task in ((deblurs, problem(Identity(noise=0.1))), (enlarges, problem(Downsample(factor=4)))):
        torch.save(network.state_dict(), tmp_path / f"{type(network).__name__}.pth")
        expected = network.eval()(task.shown if network is deblurs else task.y).clamp(0, 1)
        result = Network(file=tmp_path / f"{type(network).__name__}.pth")(task)
        assert (result - expected).abs().max() < 1e-5 and result.shape == IMAGES.shape

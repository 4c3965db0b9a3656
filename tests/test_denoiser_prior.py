"""A denoiser as a prior."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dreamclean import Denoiser, DreamCleanError, Restorer
from dreamclean.testing import PriorSuite, loaded

MEAN, SPREAD = 0.4, 0.2
"""Of the pixels that the denoiser of these tests was made for: N(MEAN, SPREAD^2), [0, 1] scale."""


def posterior_mean(y: Tensor, sigma: float, white: float = 1.0) -> Tensor:
    """What the best denoiser says of pixels N(MEAN, SPREAD^2)."""
    spread, mean = SPREAD * white, MEAN * white
    return (spread**2 * y + sigma**2 * mean) / (spread**2 + sigma**2)


class Network(nn.Module):
    """``posterior_mean``, told sigma in one of five ways; ``trouble``: what it adds."""

    def __init__(self, how: str, white: float, blind: float = 0.1) -> None:
        super().__init__()
        self.how, self.spread, self.mean, self.blind = how, SPREAD * white, MEAN * white, blind * white

    def forward(self, y: Tensor, level: Tensor | None = None) -> Tensor:
        if self.how == "channel":
            sigma = y[:, 3:]
            y = y[:, :3]
        elif self.how == "none":
            sigma = torch.full_like(y, self.blind)
        else:
            assert level is not None
            assert level.dim() == (1 if self.how == "number" else 4) and (
                self.how != "scalar" or level.numel() == len(y)
            )
            sigma = level if self.how == "map" else level.view(-1, 1, 1, 1)
        return (self.spread**2 * y + sigma**2 * self.mean) / (self.spread**2 + sigma**2)


def scripted(folder: Path, how: str = "channel", white: float = 1.0) -> Path:
    path = folder / f"{how}-{white:g}.pt"
    torch.jit.save(torch.jit.script(Network(how, white)), str(path))
    return path


def exported(folder: Path) -> Path:
    """The network of how="map" as ONNX, node by node."""
    onnx = pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        ("Mul", ["y", "s2"], ["a"]),
        ("Mul", ["sigma", "sigma"], ["v"]),
        ("Mul", ["v", "mean"], ["b"]),
        ("Add", ["a", "b"], ["top"]),
        ("Add", ["v", "s2"], ["bottom"]),
        ("Div", ["top", "bottom"], ["x"]),
    ]
    graph = helper.make_graph(
        [helper.make_node(*node) for node in nodes],
        "denoiser",
        [
            helper.make_tensor_value_info("y", kind, ["b", 3, "h", "w"]),
            helper.make_tensor_value_info("sigma", kind, ["b", 1, "h", "w"]),
        ],
        [helper.make_tensor_value_info("x", kind, ["b", 3, "h", "w"])],
        [helper.make_tensor("s2", kind, [], [SPREAD**2]), helper.make_tensor("mean", kind, [], [MEAN])],
    )
    path = folder / "denoiser.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(path))
    return path


class TestScripted(PriorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
        return Denoiser(path=str(scripted(tmp_path_factory.mktemp("scripted"))), highest=1.0)


class TestONNX(PriorSuite):
    @pytest.fixture(scope="class")
    @classmethod
    def component(cls, tmp_path_factory: pytest.TempPathFactory) -> Denoiser:
        return Denoiser(path=str(exported(tmp_path_factory.mktemp("exported"))), sigma="map", highest=1.0)


class TestFunction(PriorSuite):
    component = Denoiser.of(posterior_mean)  # which knows less noise than signal

    def test_denoiser_string_form(self) -> None:
        """A function cannot be written down."""


def exact(x: Tensor, s: float) -> Tensor:
    """eps of x = x0 + s eps for x0 ~ N(2 MEAN - 1, (2 SPREAD)^2)."""
    return s * (x - (2 * MEAN - 1)) / ((2 * SPREAD) ** 2 + s**2)


MADE: dict[str, Callable[[Path], Denoiser]] = {
    "function": lambda folder: Denoiser.of(posterior_mean, highest=0.5),
    "onnx": lambda folder: Denoiser(path=str(exported(folder)), sigma="map", highest=0.5),
    **{
        f"{how}-{white:g}": lambda folder, how=how, white=white: Denoiser(
            path=str(scripted(folder, how, white)), sigma=how, white=white, highest=0.5
        )
        for how in ("channel", "map", "number", "scalar")
        for white in (1.0, 255.0)
    },
}


@pytest.mark.parametrize("made", MADE.values(), ids=MADE)
def test_denoiser_predicts_tweedies_noise(made: Callable[[Path], Denoiser], tmp_path: Path) -> None:
    prior = loaded(made(tmp_path))
    x = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    for ratio in (0.02, 0.2, 0.9):
        level = prior.schedule.at(prior.schedule.resolve(f"nsr:{ratio}"))
        torch.testing.assert_close(prior.predict(x, level), exact(x, ratio), rtol=1e-4, atol=1e-5)


def test_denoiser_that_is_blind_is_asked_without_a_level(tmp_path: Path) -> None:
    prior = loaded(Denoiser(path=str(scripted(tmp_path, "none")), sigma="none"))
    x = torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    level = prior.schedule.at(prior.schedule.resolve("nsr:0.2"))
    torch.testing.assert_close(prior.predict(x, level), exact(x, 0.2), rtol=1e-4, atol=1e-5)


def test_denoiser_with_a_matched_start_denoises_as_the_function_does() -> None:
    """One step from the level that matches the noise is one call of the denoiser."""
    clean = (MEAN + SPREAD * torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))).clamp(0, 1)
    noisy = clean + 0.1 * torch.randn(clean.shape, generator=torch.Generator().manual_seed(2))
    restorer = Restorer(
        Denoiser.of(posterior_mean), strength="nsr:0.2", steps=1, initializer="matched-level", corrector="none"
    )
    torch.testing.assert_close(restorer(noisy).image, posterior_mean(noisy, 0.1).clamp(0, 1), rtol=0, atol=1e-5)


def test_denoiser_recommends_a_strength_in_its_range() -> None:
    for operator in (None, "identity"):
        for highest in (0.05, 0.5, 10 / 255, 20 / 255, 50 / 255, 55 / 255):
            top = Restorer(Denoiser.of(posterior_mean, highest=highest), operator=operator).levels[-1]
            assert top.sigma <= 2 * highest + 1e-9
    with pytest.raises(DreamCleanError, match=r"choose nsr up to 0\.3922"):
        Restorer(Denoiser.of(posterior_mean), strength="nsr:0.4")
    assert Restorer(Denoiser.of(posterior_mean), strength="nsr:0.3922").levels[-1].sigma <= 100 / 255 + 1e-9


def test_recipe_of_a_file_cannot_name_a_program_alone(tmp_path: Path) -> None:
    """A TorchScript file can write files, and a recipe may come from anybody."""
    path, recipe = scripted(tmp_path), tmp_path / "recipe.toml"
    recipe.write_text(f"prior = 'denoiser:path={path},highest=0.5'\nstrength = 'nsr:0.2'")
    with pytest.raises(DreamCleanError, match=r"recipe recipe.toml names a program .* if you trust it, say it as well"):
        Restorer(recipe=recipe)
    said = Restorer(f"denoiser:path={path},highest=0.5", recipe=recipe)
    assert Restorer(recipe=said.recipe).prior == said.prior  # which somebody made in Python
    exchanged = exported(tmp_path)  # ONNX holds operations on tensors alone
    recipe.write_text(f"prior = 'denoiser:path={exchanged},sigma=map,highest=0.5'\nstrength = 'nsr:0.2'")
    assert Restorer(recipe=recipe).prior.program is None


def test_denoiser_of_a_file_is_asked_in_single_precision(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(4, 3, 3, padding=1))
    torch.jit.save(torch.jit.script(network), str(tmp_path / "net.pt"))  # type: ignore[no-untyped-call]
    restorer = Restorer(Denoiser(path=str(tmp_path / "net.pt")), strength="nsr:0.1", steps=1, device="cpu")
    made = restorer(torch.rand(1, 3, 16, 16, dtype=torch.float64)).image
    assert made.dtype == torch.float64


def test_denoiser_refuses_bad_files_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    empty = tmp_path / "empty.pt"
    empty.write_bytes(b"nothing")
    other = tmp_path / "weights.pth"
    other.write_bytes(b"")
    (tmp_path / "bad.onnx").write_bytes(b"nothing")
    for path, said in {
        "": "is not a denoiser; give denoiser:path=FILE",
        str(other): "is not a denoiser",
        str(tmp_path / "none.pt"): "there is no file",
        str(empty): "holds no TorchScript model",
        str(tmp_path / "bad.onnx"): "holds no ONNX model",
    }.items():
        with pytest.raises(DreamCleanError, match=said) as caught:
            Restorer(Denoiser(path=path))(torch.rand(1, 3, 16, 16))
        assert "\n" not in str(caught.value)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(DreamCleanError, match=r'pip install "dreamclean\[onnx\]"'):
        Restorer(Denoiser(path=str(tmp_path / "bad.onnx")))(torch.rand(1, 3, 16, 16))
    with pytest.raises(ValueError, match="lowest must be less"):
        Denoiser(lowest=0.5, highest=0.1)


def test_denoiser_of_onnx_says_how_to_tell_it_sigma(tmp_path: Path) -> None:
    path = str(exported(tmp_path))
    with pytest.raises(DreamCleanError, match=r"has 2 inputs, and 1 would be given; .* sigma=map, number or scalar"):
        loaded(Denoiser(path=path))
    assert loaded(Denoiser(path=path, sigma="map")).schedule


def test_denoiser_of_a_function_is_asked_in_single_precision() -> None:
    asked = []

    def denoise(y: Tensor, sigma: float) -> Tensor:
        asked.append(y.dtype)
        return y

    model = loaded(Denoiser.of(denoise))
    level = model.schedule.at(model.schedule.highest)
    assert model.predict(torch.zeros(1, 3, 8, 8, dtype=torch.float64), level).dtype == torch.float64
    assert asked == [torch.float32]

"""UNets in diffusers' format, with random weights, against the formulas of their prediction types."""

import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, UNet2DModel
from safetensors.torch import save_file
from torch import Tensor

from dreamclean import DDPMSchedule, Diffusers, DreamCleanError, Evaluator, Level
from dreamclean.contracts.estimate import Estimate
from dreamclean.contracts.padding import pad_to_multiple
from dreamclean.testing import loaded

WEIGHTS = "diffusion_pytorch_model.safetensors"


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any attempt to reach another machine fails the test, at once."""

    def refuse(*arguments: object) -> None:
        pytest.fail("tried to reach the network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)  # the environment is read at import
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def network(channels: int = 3) -> UNet2DModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet2DModel(
            sample_size=16,
            out_channels=channels,
            layers_per_block=1,
            block_out_channels=(8, 8, 16),
            norm_num_groups=4,
            down_block_types=("DownBlock2D",) * 3,
            up_block_types=("UpBlock2D",) * 3,
        ).eval()


@pytest.fixture(scope="module")
def flat(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layout of the first DDPM repositories: everything in the root."""
    folder = tmp_path_factory.mktemp("flat")
    network().save_pretrained(folder)
    DDPMScheduler().save_pretrained(folder)
    return folder


@pytest.fixture
def copy(flat: Path, tmp_path: Path) -> Path:
    """A copy of it, to be damaged."""
    return Path(shutil.copytree(flat, tmp_path / "copy"))


def pipeline(folder: Path, channels: int = 3, **scheduler: Any) -> Path:
    """The layout of a pipeline: unet/ and scheduler/."""
    network(channels).save_pretrained(folder / "unet")
    DDPMScheduler(**scheduler).save_pretrained(folder / "scheduler")
    return folder


def asked(folder: Path) -> Evaluator:
    """The model in ``folder``, on the CPU in float32, to be asked."""
    return Evaluator(loaded(Diffusers(path=str(folder))))


def latents(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(1))


def expected(output: Tensor, x: Tensor, level: Level, kind: str) -> Estimate:
    """The three definitions: output = eps; output = v = a eps - s x0; output = x0."""
    a, s = level.alpha, level.sigma
    if kind == "epsilon":
        return Estimate(output, (x - s * output) / a)
    if kind == "v_prediction":
        return Estimate(a * output + s * x, a * x - s * output)
    return Estimate((x - a * output) / s, output)


def check_prediction(path: Path, channels: int, kind: str, read_as: str, size: tuple[int, int] = (16, 16)) -> None:
    """eps and x0 at several levels are what the network's output means."""
    prior, x = asked(path), latents(2, 3, *size)
    for t in (1, 10, 300, 700):
        level = DDPMSchedule.linear().at(t)
        with torch.no_grad():
            output = network(channels)(x, t).sample[:, :3]
        estimate, wanted = prior.prior(x, level), expected(output, x, level, read_as)
        for value, reference in zip(estimate, wanted, strict=True):
            assert (value - reference).abs().max() < 1e-5 * max(1, level.ratio, 1 / level.ratio) * reference.abs().max()
        assert (level.alpha * estimate.x0 + level.sigma * estimate.eps - x).abs().max() < 1e-5


KINDS = ("epsilon", "v_prediction", "sample")


@pytest.mark.parametrize("channels", [3, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_prediction_types(kind: str, channels: int, tmp_path: Path) -> None:
    """Also of a network that learns its variance in the second half of its channels."""
    check_prediction(pipeline(tmp_path, channels, prediction_type=kind), channels, kind, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_diffusers_prediction_check_can_fail(kind: str, tmp_path: Path) -> None:
    """A prediction type that is assumed instead of read."""
    path = pipeline(tmp_path, prediction_type=kind)
    for other in set(KINDS) - {kind}:
        with pytest.raises(AssertionError):
            check_prediction(path, 3, kind, other)


def test_diffusers_flat_layout(flat: Path) -> None:
    check_prediction(flat, 3, "epsilon", "epsilon")


def test_diffusers_schedule_is_the_models_own(tmp_path: Path) -> None:
    betas = dict(beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012)
    prior = loaded(Diffusers(path=str(pipeline(tmp_path, **betas))))
    abar = float(DDPMScheduler(**betas).alphas_cumprod[300])
    assert prior.schedule.at(300).alpha == pytest.approx(abar**0.5, rel=1e-6)
    assert prior.schedule.at(300).alpha != pytest.approx(DDPMSchedule.linear().at(300).alpha, rel=1e-2)


def test_diffusers_refuses_a_scheduler_of_another_kind(copy: Path) -> None:
    """A DDIM scheduler says the same of the model."""
    DDIMScheduler(prediction_type="v_prediction").save_pretrained(copy)
    check_prediction(copy, 3, "v_prediction", "v_prediction")


def test_diffusers_zero_terminal_snr(tmp_path: Path) -> None:
    prior = asked(pipeline(tmp_path, rescale_betas_zero_snr=True, prediction_type="v_prediction"))
    schedule = prior.model.schedule
    highest = schedule.at(schedule.highest)
    assert all(value.isfinite().all() for value in prior.prior(latents(1, 3, 16, 16), highest))


@pytest.mark.parametrize("size", [(13, 18), (16, 15), (1, 1), (3, 40)])
def test_diffusers_takes_odd_sizes(flat: Path, size: tuple[int, int]) -> None:
    """Padded for the network, and cut to size again; a size that fits is not touched."""
    prior, level = asked(flat), DDPMSchedule.linear().at(300)
    x = latents(1, 3, *size)
    eps, x0 = prior.prior(x, level)
    assert eps.shape == x0.shape == x.shape
    assert eps.isfinite().all()
    assert (level.alpha * x0 + level.sigma * eps - x).abs().max() < 1e-5
    with torch.no_grad():
        output = network()(pad_to_multiple(x, 4), 300).sample
    assert (eps - output[..., : size[0], : size[1]]).abs().max() < 1e-5
    assert prior.model.geometry == (4, 16)


def test_diffusers_is_asked_about_the_picture_itself(flat: Path) -> None:
    """At the clean level x0 is x, and the network is asked at its lowest timestep."""
    prior, x = asked(flat), latents(1, 3, 16, 16)
    eps, x0 = prior.prior(x, prior.model.schedule.clean)
    assert torch.equal(x0, x)
    with torch.no_grad():
        assert (eps - network()(x, 0).sample).abs().max() < 1e-5


@pytest.mark.parametrize("compute", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_diffusers_precision(flat: Path, dtype: torch.dtype, compute: torch.dtype) -> None:
    """The network computes in its own precision; what comes out is in x's."""
    prior, x, level = Diffusers(path=str(flat)), latents(1, 3, 16, 16).to(dtype), DDPMSchedule.linear().at(300)
    exact = asked(flat).prior(x, level).eps
    found = Evaluator(prior.load(torch.device("cpu"), compute)).prior(x, level)
    for value in found:
        assert value.dtype == dtype
        assert value.isfinite().all()
    off = (found.eps - exact).norm() / exact.norm()
    assert (off > 0) == (compute == torch.bfloat16)
    assert off < 0.05


def test_diffusers_network_is_not_trained(flat: Path) -> None:
    unet = Diffusers(path=str(flat)).load(torch.device("cpu"), torch.float32).predict.__self__.network.module
    assert not unet.training
    assert not any(parameter.requires_grad for parameter in unet.parameters())


# ----------------------------------------------------------------------------- folders that will not do


def refusal(path: Path | str) -> str:
    """The one line that a user sees."""
    with pytest.raises(DreamCleanError) as caught:
        loaded(Diffusers(path=str(path)))
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    assert len(message) < 500
    return message


@pytest.mark.parametrize(
    "path", ["/no/such/folder", "no-such-folder", "./no-such-folder", "../a/b", "models/faces/ddpm", "~/ddpm"]
)
def test_diffusers_refuses_a_missing_folder(path: str) -> None:
    assert refusal(path) == f"there is no folder '{path}'"


@pytest.mark.parametrize("path", ["no-such/folder"])
def test_diffusers_refuses_a_missing_folder_that_could_be_a_hub_id(path: str) -> None:
    assert f"hub model '{path}' is not available" in refusal(path)


def edit(path: Path, **changes: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def swap_weights(folder: Path) -> None:
    save_file({"embedding.weight": torch.zeros(3)}, str(folder / WEIGHTS), metadata={"format": "pt"})


VE = {"_class_name": "ScoreSdeVeScheduler", "sigma_min": 0.01, "sigma_max": 1348.0, "num_train_timesteps": 2000}
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda f: [file.unlink() for file in f.iterdir()], "no file named"),
    "photos": (lambda f: [(file.unlink(), file.with_suffix(".jpg").touch()) for file in f.iterdir()], "no file named"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "no file named"),
    "no scheduler": (lambda f: (f / "scheduler_config.json").unlink(), "scheduler_config.json"),
    "broken config": (lambda f: (f / "config.json").write_text("{"), "not a valid JSON"),
    "truncated weights": (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:999]), "Unable to load"),
    "weights of another size": (lambda f: edit(f / "config.json", block_out_channels=[8, 8, 32]), "size mismatch"),
    "weights of another network": (swap_weights, "another network's"),
    "unknown blocks": (lambda f: edit(f / "config.json", down_block_types=["Nothing"] * 3), "Nothing"),
    "scheduler without betas": (
        lambda f: (f / "scheduler_config.json").write_text(json.dumps(VE)),
        "ScoreSdeVeScheduler, has no betas",
    ),
    "unknown prediction": (lambda f: edit(f / "scheduler_config.json", prediction_type="flow"), "flow"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_diffusers_refuses_a_folder_that_holds_something_else(copy: Path, damage: str) -> None:
    apply, reason = DAMAGE[damage]
    apply(copy)
    if damage == "unknown prediction":
        with pytest.raises(DreamCleanError, match="predicts 'flow'"):
            loaded(Diffusers(path=str(copy)))
    else:
        assert reason in refusal(copy)


class Payload:
    """Code in a pickle: it makes a folder when it is run."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> Any:
        return Path.mkdir, (self.target,)


def test_diffusers_runs_no_code_in_a_pickle(copy: Path, tmp_path: Path) -> None:
    (copy / WEIGHTS).unlink()
    pickle, target = copy / "diffusion_pytorch_model.bin", tmp_path / "was-run"
    torch.save({"conv_in.weight": Payload(target)}, pickle)
    refusal(copy)
    assert not target.exists()
    torch.load(pickle, weights_only=False)  # the payload works where nobody looks out for it
    assert target.exists()


def test_diffusers_reads_a_plain_pickle(copy: Path) -> None:
    (copy / WEIGHTS).unlink()
    torch.save(network().state_dict(), copy / "diffusion_pytorch_model.bin")
    check_prediction(copy, 3, "epsilon", "epsilon")

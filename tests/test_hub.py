"""A model on the hub that is not available: the true cause, in one line, without a retry."""

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from diffusers import DDPMScheduler, DiTTransformer2DModel, UNet2DModel

from dreamclean import Diffusers, DreamCleanError
from dreamclean.builtin.priors.hub import hub_options
from dreamclean.testing import loaded

FILES = ["unet/config.json", "config.json"]


@pytest.fixture
def asked() -> list[str]:
    """The addresses that a hub was asked for."""
    return []


def point_at(endpoint: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Take ``endpoint`` for the hub; its environment variable was read at import."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))


@pytest.fixture
def unreachable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hub behind a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    point_at(endpoint, tmp_path / "cache", monkeypatch)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits {seconds} s for another try"))
    return endpoint


@pytest.fixture
def hub(asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub on this machine that has nothing; what it says of a model is the model's name: ``404-RepoNotFound``."""

    class Answer(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            status, _, code = self.path.split("/")[2].partition("-")
            self.send_response(int(status))
            self.send_header("X-Error-Code", code)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    point_at(f"http://127.0.0.1:{server.server_port}", tmp_path / "cache", monkeypatch)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def refusal(path: str, **settings: str) -> str:
    """The one line that is said of a model."""
    with pytest.raises(DreamCleanError) as caught:
        loaded(Diffusers(path=path, **settings))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_hub_that_cannot_be_reached(unreachable: str, capfd: pytest.CaptureFixture[str]):
    said = refusal("some/model")
    assert f"hub model 'some/model' is not available: {unreachable} cannot be reached" in said
    assert "refused" in said
    assert "not in the cache" in said
    assert capfd.readouterr() == ("", "")


def test_hub_offline_is_a_cause(unreachable: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refusal("some/model")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("404-RepoNotFound", "there is none of this name, or it is private"),
        ("403-GatedRepo", "it is gated: accept its terms"),
        ("404-RevisionNotFound", "has no revision 'v9'"),
        ("503-Busy", "cannot be reached (.*503"),
    ],
)
def test_hub_answers_are_one_line(hub: None, asked: list[str], answer: str, said: str):
    refused = refusal(f"some/{answer}", revision="v9")
    before, _, after = said.partition(".*")
    assert before in refused
    assert after in refused
    assert asked == [f"/some/{answer}/resolve/v9/unet/config.json"]


def test_hub_is_not_asked_for_what_cannot_be_an_id():
    assert "there is no folder 'some/model-', and no hub id looks like it" in refusal("some/model-")


def test_hub_that_answers_is_asked_for_the_rest(hub: None):
    assert hub_options("some/404-EntryNotFound", None, FILES) == {}


def test_hub_is_not_needed_for_a_model_in_the_cache(unreachable: str, unet: str, tmp_path: Path):
    """Neither for its files nor for those that it does not have."""
    repo = tmp_path / "cache/models--some--model"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs/main").write_text("c0ffee" * 6 + "abcd")
    (repo / "snapshots").mkdir()
    (repo / "snapshots" / ("c0ffee" * 6 + "abcd")).symlink_to(unet.removeprefix("diffusers:path="))
    assert hub_options("some/model", None, FILES) == {"local_files_only": True}
    assert loaded(Diffusers(path="some/model")).geometry.native_size == 32


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], str]:
    """``cached(folder)``: a pipeline as it lies in the cache of a machine without a network; its hub id."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))

    def put(folder: Path) -> str:
        model = tmp_path / "cache" / "models--some--model"
        shutil.copytree(folder, model / "snapshots" / ("0" * 40))
        (model / "refs").mkdir()
        (model / "refs" / "main").write_text("0" * 40)
        return "some/model"

    return put


@pytest.mark.parametrize("members", [["vqvae", "unet"], ["transformer"]])
def test_hub_model_is_looked_at_as_a_folder_is(tmp_path: Path, cached: Callable[[Path], str], members: list[str]):
    folder = tmp_path / "pipeline"
    if "unet" in members:
        UNet2DModel(
            sample_size=16,
            block_out_channels=(4,),
            norm_num_groups=2,
            down_block_types=("DownBlock2D",),
            up_block_types=("UpBlock2D",),
        ).save_pretrained(folder / "unet")
    else:
        DiTTransformer2DModel(
            num_attention_heads=1,
            attention_head_dim=4,
            in_channels=3,
            num_layers=1,
            norm_num_groups=2,
            sample_size=16,
            patch_size=4,
            num_embeds_ada_norm=5,
        ).save_pretrained(folder / "transformer")
    DDPMScheduler().save_pretrained(folder / "scheduler")
    (folder / "model_index.json").write_text(json.dumps({key: ["diffusers", "A"] for key in [*members, "scheduler"]}))
    name = cached(folder)
    if "vqvae" in members:
        assert "its network is of latents" in refusal(str(folder))
        assert "its network is of latents" in refusal(name)
    else:
        assert loaded(Diffusers(path=name)).geometry == loaded(Diffusers(path=str(folder))).geometry

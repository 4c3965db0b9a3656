"""A model on the hub that is not available: the true cause, in one line, without a retry."""

import socket
from pathlib import Path

import pytest
import torch
from dreamclean_latent.prior import Latent
from safetensors.torch import save_file

from dreamclean import DreamCleanError


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A hub behind a port where nobody listens, and an empty cache."""
    from huggingface_hub import constants

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"waits {seconds} s for another try"))
    return endpoint


def refusal(**settings: str) -> str:
    """The one line that is said of a model."""
    with pytest.raises(DreamCleanError) as caught:
        Latent(**settings).configured()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_hub_out_of_reach_is_named_for_a_model(hub: str):
    assert f"hub model 'some/model' is not available: {hub} cannot be reached" in refusal(path="some/model")


def test_hub_out_of_reach_is_named_for_an_autoencoder(hub: str, tiny):
    said = refusal(path=str(tiny("sd1")), vae="some/vae")
    assert f"vae 'some/vae': hub model 'some/vae' is not available: {hub} cannot be reached" in said


@pytest.mark.parametrize("given", [{}, {"config": "some/model"}])
def test_hub_out_of_reach_is_named_for_the_configs_of_a_single_file(hub: str, tmp_path: Path, given: dict[str, str]):
    save_file({"other": torch.zeros(1)}, tmp_path / "one.safetensors")
    said = refusal(path=str(tmp_path / "one.safetensors"), **given)
    assert f"is not available: {hub} cannot be reached" in said
    assert given or "offline give config=FOLDER" in said

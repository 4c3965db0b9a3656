"""Folders, single files, and what is wrong with some of them."""

import gc
import json
import subprocess
import sys
import weakref
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from dreamclean_latent.loading import one_line
from dreamclean_latent.prior import Latent
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel

from dreamclean import DreamCleanError, Restorer
from dreamclean.host.host import host
from dreamclean.testing.component import pictures


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """No hub is asked, in case a path looks like one's."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def networks(prior: Latent, dtype: torch.dtype = torch.float32) -> Any:
    """The model of ``prior`` on the CPU: what encodes, decodes and predicts."""
    return prior.load(torch.device("cpu"), dtype).codec


def refused(said: str, **settings: Any) -> None:
    """These settings are refused with one line that matches ``said``, when the prior is first used."""
    with pytest.raises(DreamCleanError, match=said) as caught:
        Restorer({"name": "latent", **settings}, device="cpu", dtype="float32")(pictures((8, 8)))
    assert "\n" not in str(caught.value)


def configure(file: Path, **changes: Any) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))


def test_host_makes_it_from_a_string(tiny):
    assert host().make("prior", f"latent:path={tiny('sd1')},prompt=a cat,offload=true").offload
    assert host().failures == {}


def test_load_drops_text_encoders_before_a_run_begins(tiny, monkeypatch):
    encoders: list[weakref.ref[PreTrainedModel]] = []
    made = PreTrainedModel.__init__
    monkeypatch.setattr(
        PreTrainedModel, "__init__", lambda self, *a, **k: (made(self, *a, **k), encoders.append(weakref.ref(self)))[0]
    )
    prior = Latent(path=str(tiny("sd3")))
    kept = networks(prior).loaded
    gc.collect()
    assert len(encoders) >= 3
    assert not [encoder for encoder in encoders if encoder() is not None]
    assert networks(prior, torch.bfloat16).loaded.texts.prompt["pooled_projections"].dtype == torch.bfloat16
    assert kept.texts.prompt["pooled_projections"].dtype == torch.float32


def test_offload_changes_no_value(component, folder):
    component, offloaded = networks(component), networks(Latent(path=str(folder), offload=True))
    schedule = component.model.family.schedule
    image, level = pictures((8, 12)), schedule.at(schedule.resolve("nsr:1"))
    with torch.no_grad():
        x = component.encode(image)
        torch.testing.assert_close(offloaded.encode(image), x)  # loaded anew, maybe to other alignments
        torch.testing.assert_close(offloaded.predict(x, level), component.predict(x, level))
        torch.testing.assert_close(offloaded.decode(x), component.decode(x))


def test_offload_brings_weights_to_the_device(folder):
    """The device without memory stands for another one: all of a run happens there, and no weight remains."""
    meta = torch.device("meta")
    model = Latent(path=str(folder), offload=True).load(meta, torch.float32)
    prior = model.codec
    x = prior.encode(torch.rand(1, 3, 8, 12, device=meta))
    eps = model.predict(x, model.schedule.at(model.schedule.resolve("nsr:1")))
    assert prior.decode(eps).device.type == "meta"
    for module in (prior.loaded.network, prior.loaded.vae.module):
        assert {weight.device.type for weight in module.state_dict().values()} == {"cpu"}


def test_load_takes_stable_diffusion_3_without_t5(make, tmp_path):
    folder = make("sd3", tmp_path)
    configure(folder / "model_index.json", text_encoder_3=[None, None], tokenizer_3=[None, None])
    texts = networks(Latent(path=str(folder))).loaded.texts
    assert texts.prompt["encoder_hidden_states"][:, 77:].abs().max() == 0


def test_load_does_not_make_up_missing_weights(make, tmp_path):
    folder = make("sd1", tmp_path)
    file = folder / "unet/diffusion_pytorch_model.safetensors"
    weights = load_file(file)
    del weights["conv_in.weight"]
    save_file(weights, file)
    refused("conv_in.weight", path=str(folder))
    save_file(weights, tmp_path / "single.safetensors")
    refused(
        "the weights of a UNet2DConditionModel are not in it, or not all of them",
        path=str(tmp_path / "single.safetensors"),
        config=str(folder),
    )


def test_load_takes_parts_that_lack_the_variant_without_it(make, tmp_path):
    """As diffusers' pipelines do."""
    folder = make("sd1", tmp_path)
    for file in [*folder.glob("unet/*.safetensors"), *folder.glob("text_encoder/*.safetensors")]:
        file.rename(file.with_suffix(".fp16.safetensors"))
    model = Latent(path=str(folder), variant="fp16").load(torch.device("cpu"), torch.float32)
    assert model.codec.loaded.vae.module is not None
    with pytest.raises(DreamCleanError, match="could not be loaded"):
        _ = Latent(path=str(folder), variant="ema").load(torch.device("cpu"), torch.float32).codec.loaded


def test_load_refuses_what_is_no_model(tmp_path, tiny):
    (tmp_path / "model.ckpt").write_bytes(b"\x80\x02.")
    (tmp_path / "cut.safetensors").write_bytes(b"\xff" * 100)
    (tmp_path / "empty").mkdir()
    refused("there is no folder or file", path=str(tmp_path / "nowhere"))
    refused("is not a safetensors file", path=str(tmp_path / "model.ckpt"))
    refused("cut.safetensors' could not be loaded", path=str(tmp_path / "cut.safetensors"))
    refused("could not be loaded", path=str(tmp_path / "cut.safetensors"), config=str(tiny("sd1")))
    refused("model_index.json", path=str(tmp_path / "empty"))
    refused("leave config out", path=str(tiny("sd1")), config=str(tiny("sd1")))
    refused("hub model .nobody/nothing. is not available", path="nobody/nothing")


@pytest.mark.parametrize(
    ("file", "changes", "said"),
    [
        (
            "model_index.json",
            {"_class_name": "KandinskyPipeline"},
            "KandinskyPipeline; supported are Stable.*FluxPipeline",
        ),
        ("model_index.json", {"text_encoder": ["os", "system"]}, "names the package os"),
        ("scheduler/scheduler_config.json", {"prediction_type": "flow"}, "predicts 'flow'"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "cube"}, "could not be loaded"),
        ("unet/config.json", {"in_channels": 9}, "9 channels .*not an inpainting"),
        ("vae/config.json", {"_class_name": "VQModel"}, "VQModel; supported are AutoencoderKL"),
    ],
)
def test_load_refuses_models_that_are_not_supported(make, tmp_path, file, changes, said):
    folder = make("sd1", tmp_path)
    configure(folder / file, **changes)
    refused(said, path=str(folder))


def test_load_refuses_schedulers_without_betas(make, tmp_path):
    folder = make("sdxl", tmp_path)
    (folder / "scheduler/scheduler_config.json").write_text('{"_class_name": "EDMEulerScheduler", "sigma_max": 80}')
    refused("EDMEulerScheduler, has no betas", path=str(folder))


def test_latent_refuses_settings_that_cannot_be(tiny):
    refused("negative_prompt does nothing at guidance 1", path=str(tiny("sd1")), negative_prompt="rain")
    refused("takes no negative prompt", path=str(tiny("flux")), negative_prompt="rain", guidance=2)
    refused("guidance", path=str(tiny("sd1")), guidance=-1)


def test_latent_refuses_a_picture_too_large_for_the_positions_of_stable_diffusion_3(tiny):
    prior = networks(Latent(path=str(tiny("sd3"))))
    with pytest.raises(DreamCleanError, match="at most 384 pixels"):
        prior.predict(prior.encode(pictures((8, 388))), prior.model.family.schedule.at(0.5))


def test_schedule_of_zero_terminal_snr_stops_before_its_end(tiny):
    """a = 0 at t = 999, of which nothing can be said about x0."""
    assert Latent(path=str(tiny("sd2"))).configured().family.schedule.highest == 998
    assert Latent(path=str(tiny("sd1"))).configured().family.schedule.highest == 999


def test_help_does_not_wait_for_the_libraries():
    code = (
        "import sys, dreamclean_latent.plugin as plugin; assert 'torch' not in sys.modules;"
        "plugin.register_priors(register=print); assert not {'diffusers', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_diffusers_classes_are_those_of_the_layouts():
    from dreamclean_latent.model import FAMILIES

    assert all(hasattr(diffusers, name) and hasattr(diffusers, family.network) for name, family in FAMILIES.items())


def test_load_does_not_call_a_model_damaged_that_does_not_fit_into_memory() -> None:
    with pytest.raises(RuntimeError, match="allocate memory"), one_line("the model"):
        torch.empty(10**15)

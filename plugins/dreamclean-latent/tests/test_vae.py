"""Pictures to latents and back: scaling, precision, tiles, and other autoencoders."""

import json
from typing import Any

import diffusers
import pytest
import torch
from dreamclean_latent.prior import Latent
from safetensors.torch import load_file, save_file
from torch import Tensor

from dreamclean import DreamCleanError, DreamCleanWarning, Restorer
from dreamclean.testing.check import distance
from dreamclean.testing.component import pictures


def configure(folder: Any, **changes: Any) -> None:
    """Change entries of a JSON file."""
    folder.write_text(json.dumps({**json.loads(folder.read_text()), **changes}))


def networks(prior: Latent, dtype: torch.dtype = torch.float32) -> Any:
    """The model of ``prior`` on the CPU: what encodes, decodes and predicts."""
    return prior.load(torch.device("cpu"), dtype).codec


@pytest.fixture
def random_vae(family, make, tmp_path):
    """A model of ``family`` whose autoencoder has random weights, and that autoencoder."""
    folder = make(family, tmp_path)
    config = diffusers.AutoencoderKL.load_config(folder, subfolder="vae")
    vae = getattr(diffusers, config["_class_name"]).from_config(config).eval()
    if hasattr(vae, "bn"):
        vae.bn.running_mean.uniform_(-0.5, 0.5)
        vae.bn.running_var.uniform_(0.5, 1.5)
    vae.save_pretrained(folder / "vae")
    return folder, vae


def test_vae_encodes_and_decodes_as_the_autoencoder_does(family, random_vae):
    """The mean of its posterior, shifted and scaled as diffusers' pipelines do."""
    (folder, vae), image = random_vae, pictures((24, 32))
    prior = networks(Latent(path=str(folder)))
    shift, scale = vae.config.get("shift_factor") or 0, vae.config.get("scaling_factor")
    pack = unpack = torch.clone
    if hasattr(vae, "bn"):  # FLUX.2
        shift = vae.bn.running_mean.view(1, -1, 1, 1)
        scale = (vae.bn.running_var.view(1, -1, 1, 1) + vae.config.batch_norm_eps) ** -0.5
        pack, unpack = (
            getattr(diffusers.Flux2KleinPipeline, f"_{name}_latents") for name in ("patchify", "unpatchify")
        )
    if family == "qwen":  # a video of one frame
        shift, deviation = (torch.tensor(vae.config[f"latents_{name}"]).view(1, -1, 1, 1) for name in ("mean", "std"))
        scale, pack, unpack = 1 / deviation, lambda z: z[:, :, 0], lambda z: z[:, :, None]
        image = image[:, :, None]
    with torch.no_grad():
        encoded = vae.encode(2 * image - 1)
        image = image.squeeze(2)
        z = pack(encoded.latent_dist.mean if hasattr(encoded, "latent_dist") else encoded.latent)
        torch.testing.assert_close(prior.encode(image), (z - shift) * scale, rtol=0, atol=1e-5)
        x = torch.randn_like(z)
        decoded = vae.decode(unpack(x / scale + shift)).sample
        decoded = decoded[:, :, 0] if family == "qwen" else decoded
        torch.testing.assert_close(prior.decode(x), decoded / 2 + 0.5, rtol=0, atol=1e-5)


def test_vae_scales_by_mean_and_standard_deviation_of_each_channel(make, tmp_path):
    """x = (z - mean) scale / std, as in diffusers' SDXL pipeline."""
    folder, image = make("sdxl", tmp_path), pictures((8, 8))
    plain = networks(Latent(path=str(folder))).encode(image)
    mean, std = torch.tensor([0.5, -0.5, 0.25, 0.0]), torch.tensor([2.0, 4.0, 1.0, 0.5])
    configure(folder / "vae/config.json", latents_mean=mean.tolist(), latents_std=std.tolist())
    prior = networks(Latent(path=str(folder)))
    expected = (plain - 0.13025 * mean.view(1, 4, 1, 1)) / std.view(1, 4, 1, 1)
    torch.testing.assert_close(prior.encode(image), expected, rtol=0, atol=1e-6)
    assert distance(prior.decode(prior.encode(image)), image) < 0.2


@pytest.mark.parametrize("upcast", [True, False])
def test_vae_overflows_in_float16_unless_it_is_upcast(make, tmp_path, upcast):
    folder, image = make("sdxl", tmp_path), pictures((16, 16))
    weights = load_file(folder / "vae/diffusion_pytorch_model.safetensors")
    for key in ("encoder.conv_in.bias", "decoder.conv_in.bias"):
        weights[key] *= 100  # 300 to 30,000, whose square float16 cannot hold; nor twice as much
        weights[key][3:5] *= 3
    for key in ("encoder.conv_norm_out.weight", "decoder.conv_norm_out.weight"):
        weights[key] *= 300
    save_file(weights, folder / "vae/diffusion_pytorch_model.safetensors")
    configure(folder / "vae/config.json", force_upcast=upcast)
    prior = networks(Latent(path=str(folder)), torch.float16)
    assert prior.encode(image).isfinite().all() == upcast
    assert prior.decode(torch.zeros(1, 4, 8, 8)).isfinite().all() == upcast
    assert prior.loaded.network.dtype == torch.float16


def test_vae_in_tiles_and_slices(make, tmp_path):
    """Tiles of 32 pixels, one picture at a time: nearly the same latents, in more calls of the encoder."""
    folder, image = make("sd1", tmp_path), pictures((48, 48))
    configure(folder / "vae/config.json", sample_size=32)
    priors = Latent(path=str(folder)), Latent(path=str(folder), vae_tiling=True, vae_slicing=True)
    whole, parts = map(networks, priors)
    shapes: list[torch.Size] = []
    parts.loaded.vae.module.encoder.register_forward_pre_hook(lambda _, args: shapes.append(args[0].shape))
    x = parts.encode(image)
    assert distance(x, whole.encode(image)) < 0.1
    assert distance(parts.decode(x), whole.decode(x)) < 0.1
    assert len(shapes) > 2
    assert {shape[0] for shape in shapes} == {1}
    assert max(shape[-1] for shape in shapes) == 32


@pytest.mark.parametrize("way", ["encode", "decode"])
def test_vae_works_in_tiles_where_memory_runs_out(make, tmp_path, monkeypatch, way):
    folder = make("sd1", tmp_path)
    configure(folder / "vae/config.json", sample_size=32)
    codec, tiled = networks(Latent(path=str(folder))), networks(Latent(path=str(folder), vae_tiling=True))
    module, asked = codec.loaded.vae.module, []

    def exhausted(values: Tensor, *args: Any, **kwargs: Any) -> Any:
        asked.append(values.shape)
        if not module.use_tiling:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return own(values, *args, **kwargs)

    own = getattr(module, way)
    monkeypatch.setattr(module, way, exhausted)
    given = pictures((48, 48)) if way == "encode" else torch.randn(1, 4, 24, 24)
    with pytest.warns(DreamCleanWarning, match="in tiles, for lack of memory"):
        found = getattr(codec, way)(given)
    assert torch.equal(found, getattr(tiled, way)(given)) and len(asked) == 2


@pytest.fixture
def taesd(tmp_path):
    """A tiny autoencoder in the family of TAESD: its latents are scaled already."""
    torch.manual_seed(0)
    blocks: Any = dict(
        encoder_block_out_channels=(8, 8),
        decoder_block_out_channels=(8, 8),
        num_encoder_blocks=(1, 1),
        num_decoder_blocks=(1, 1),
    )
    diffusers.AutoencoderTiny(**blocks).save_pretrained(tmp_path / "taesd")
    return tmp_path / "taesd"


def test_vae_may_be_a_tiny_autoencoder(tiny, taesd):
    prior, image = Latent(path=str(tiny("sd1")), vae=str(taesd)), pictures((21, 27))
    vae = diffusers.AutoencoderTiny.from_pretrained(taesd, low_cpu_mem_usage=False)
    codec = networks(prior)
    x = codec.encode(image[..., :20, :26])
    with torch.no_grad():
        expected = vae.encode(2 * image[..., :20, :26] - 1).latents
        torch.testing.assert_close(x, expected, rtol=0, atol=1e-5)
        torch.testing.assert_close(codec.decode(x), vae.decode(x).sample / 2 + 0.5, rtol=0, atol=1e-5)
    result = Restorer(prior, preset="paper", steps=2, device="cpu", dtype="float32")(image)
    assert result.image.shape == image.shape


def test_vae_that_is_tiny_and_of_many_channels_does_not_work_in_tiles(tiny, tmp_path):
    blocks: Any = dict(encoder_block_out_channels=(8, 8), decoder_block_out_channels=(8, 8))
    numbers: Any = dict(num_encoder_blocks=(1, 1), num_decoder_blocks=(1, 1))
    diffusers.AutoencoderTiny(**blocks, **numbers, latent_channels=16).save_pretrained(tmp_path / "taef1")
    prior = Latent(path=str(tiny("sd3")), vae=str(tmp_path / "taef1"), vae_tiling=True)
    with pytest.raises(DreamCleanError, match="only with latents of 4 channels; leave vae_tiling out"):
        networks(prior).encode(pictures((16, 16)))


def test_vae_of_another_model_is_refused(make, tiny, tmp_path):
    """Its folder ``vae`` is found; one whose latents have other channels is refused."""
    other = make("sdxl", tmp_path)
    assert networks(Latent(path=str(tiny("sd1")), vae=str(other))).loaded.vae.module.config.scaling_factor == 0.13025
    for vae, said in (
        (tiny("flux"), "4 channels .* makes 16"),
        (other / "unet", "UNet2DConditionModel"),
        (tmp_path, "config.json"),
    ):
        with pytest.raises(DreamCleanError, match=said) as caught:
            Latent(path=str(tiny("sd1")), vae=str(vae)).configured()
        assert "\n" not in str(caught.value)

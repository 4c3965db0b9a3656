"""Whole runs: there and back again, evaluations counted, half precision at 1024 x 1024."""

from contextlib import nullcontext

import pytest
import torch
from dreamclean_latent.prior import Latent
from torch import Tensor

from dreamclean import DreamCleanWarning, Evaluator, Restorer, Uniform
from dreamclean.host.host import host
from dreamclean.method.loaded import sized
from dreamclean.testing import loaded
from dreamclean.testing.check import distance
from dreamclean.testing.component import pictures


@torch.no_grad()
def there_and_back(prior: Latent, x: Tensor, steps: int) -> Tensor:
    """DDIM inversion to a noise-to-signal ratio of 1.24 and DDIM sampling, with no corrector between."""
    model = loaded(prior)
    levels, denoise = model.schedule.ladder("nsr:1.24", steps, Uniform()), Evaluator(model).denoise
    latent = host().make("initializer", "ddim-inversion")(x, levels, denoise, torch.zeros_like)
    for lower in levels[-2::-1]:
        latent = host().make("sampler", "ddim")(latent, lower, denoise, torch.zeros_like)
    return latent.x


def test_latent_inversion_and_sampling_return_the_latent(component):
    """To first order in the size of the steps: four times the steps, about a quarter of the error.

    Of latents with a standard deviation of 1, as trained autoencoders scale them.
    """
    x = torch.randn(1, component.configured().family.channels, 12, 16, generator=torch.Generator().manual_seed(0))
    coarse, fine = (distance(there_and_back(component, x, steps), x) for steps in (10, 40))
    assert 0 < fine < 0.35 * coarse
    assert fine < 0.03


@pytest.mark.parametrize(("operator", "nfe"), [(None, 90), ("downsample:factor=2", 60)], ids=["blind", "known"])
def test_latent_evaluations_of_the_paper(component, operator, nfe):
    restorer = Restorer(component, operator=operator, preset="paper", device="cpu", dtype="float32")
    y = pictures((20, 28))[:1]
    result = restorer(restorer.operator.degrade(y) if restorer.operator else y)
    assert result.nfe == nfe
    assert result.image.shape == y.shape
    assert result.image.isfinite().all()


@pytest.mark.parametrize(("guidance", "rows"), [(1, 3), (0, 3), (2, 6)])
def test_guidance_doubles_the_batch_and_not_the_count(tiny, guidance, rows):
    """The count is of the prior's evaluations; the network sees both prompts in one batch, on the way down."""
    prior = Latent(path=str(tiny("sd1")), guidance=guidance)
    seen: list[int] = []
    restorer = Restorer(prior, preset="paper", steps=2, device="cpu", dtype="float32")
    network = restorer.model.codec.codec.loaded.network
    network.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    result = restorer(pictures((8, 8))[:1].repeat(3, 1, 1, 1))
    assert seen == [3, 3, rows, rows, rows, rows]
    assert result.nfe == 6


def test_latent_inverts_without_guidance(family, folder):
    """At guidance 4 it answers as at 1, while sampling does not; what is below 1 stays."""
    priors = (Latent(path=str(folder), prompt="a cat", guidance=guidance) for guidance in (0, 1, 4))
    low, plain, high = map(loaded, priors)
    channels = Latent(path=str(folder)).configured().family.channels
    x = torch.randn(1, channels, 8, 8, generator=torch.Generator().manual_seed(0))
    level = plain.schedule.at(plain.schedule.resolve("nsr:1"))
    with torch.no_grad():
        eps = plain.predict(x, level)
        assert torch.equal(high.invert(x, level), eps)
        assert (high.predict(x, level) - eps).abs().max() > 1e-4
        assert torch.equal(low.invert(x, level), low.predict(x, level))
        assert (low.invert(x, level) - eps).abs().max() > 1e-4


def test_latent_without_a_prompt_sees_what_the_network_takes_for_none(family, folder):
    texts = Latent(path=str(folder)).load(torch.device("cpu"), torch.float32).codec.loaded.texts
    assert texts.prompt.keys() == texts.negative.keys()
    assert all(torch.equal(texts.prompt[name], texts.negative[name]) for name in texts.prompt)
    assert family != "sdxl" or not any(value.any() for value in texts.prompt.values())


def test_guidance_zero_is_the_negative_prompt_alone(tiny):
    folder, x = str(tiny("sd1")), torch.randn(1, 4, 8, 8)
    priors = Latent(path=folder, guidance=0, negative_prompt="rain"), Latent(path=folder, prompt="rain")
    other, negative = map(loaded, priors)
    level = other.schedule.at(500)
    with torch.no_grad():
        torch.testing.assert_close(other.predict(x, level), negative.predict(x, level), rtol=0, atol=1e-6)


def test_latent_cuts_a_picture_larger_than_the_native_size_into_tiles(tiny):
    """64 pixels for this model, 32 elements of its latents; the autoencoder sees the picture whole."""
    prior, image = Latent(path=str(tiny("sd3"))), pictures((70, 150))[:1]
    restorer = Restorer(prior, preset="paper", steps=2, device="cpu", dtype="float32")
    assert (restorer.model.geometry, restorer.model.codec.scale_factor) == ((4, 64), 2)
    seen: list[torch.Size] = []
    restorer.model.codec.codec.loaded.network.register_forward_pre_hook(
        lambda _, args, named: seen.append(args[0].shape[-2:]), with_kwargs=True
    )
    result = restorer(image)
    assert result.image.shape == image.shape
    assert set(seen) == {(32, 32)}


def test_latent_does_not_mix_sizes_of_pictures(component):
    """Pictures that share a size of latents come back as each was."""
    model = loaded(component)
    for size in ((21, 27), (24, 28), (21, 27)):
        image, codec = pictures(size), sized(model, *size).codec
        assert codec.decode(codec.encode(image)).shape == image.shape


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_latent_network_in_half_precision_at_full_size(family, folder, dtype):
    """The latents of 1024 x 1024 pixels, at a quiet and at a loud level."""
    prior, noise = Latent(path=str(folder)), torch.Generator().manual_seed(0)
    overflows = dtype == torch.float16 and family in ("z-image", "qwen", "sana")
    with pytest.warns(DreamCleanWarning, match="they run in bfloat16") if overflows else nullcontext():
        model = prior.load(torch.device("cpu"), dtype)
    ran_in = dtype if model.codec.model.family.float16 else torch.bfloat16
    assert {weight.dtype for weight in model.codec.loaded.network.parameters()} == {ran_in}
    x = torch.randn(1, prior.configured().family.channels, 128, 128, generator=noise)
    for ratio in ("nsr:0.1", "nsr:1.24"):
        with torch.no_grad():
            estimate = Evaluator(model).prior(x, model.schedule.at(model.schedule.resolve(ratio)))
        assert estimate.eps.dtype == torch.float32
        assert estimate.eps.isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autoencoder_in_half_precision_at_full_size(make, tmp_path, dtype):
    """1024 x 1024 pixels, to latents of an eighth of the side and back."""
    prior, image = Latent(path=str(make("sdxl", tmp_path, blocks=4))), pictures((1024, 1024))[:1]
    prior = prior.load(torch.device("cpu"), dtype).codec
    with torch.no_grad():
        x = prior.encode(image)
        assert x.shape == (1, 4, 128, 128)
        assert distance(prior.decode(x), image) < 0.2

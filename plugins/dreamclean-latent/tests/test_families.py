"""Every family does what a prior does, and asks its network what diffusers' own pipeline asks."""

from typing import Any

import diffusers
import pytest
import torch
from dreamclean_latent.prior import Latent
from torch import Tensor

from dreamclean.method.asking import fitted
from dreamclean.testing import PriorSuite, loaded

PROMPT, NEGATIVE = "a cat at a bed", "rain"
HEIGHT, WIDTH = 32, 64


@pytest.mark.usefixtures("component")
class TestConformance(PriorSuite):
    """The kernel's suite, on each family."""


def own_pipeline(folder) -> Any:
    pipe = diffusers.DiffusionPipeline.from_pretrained(folder, low_cpu_mem_usage=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def recorded(pipe: Any, **options: Any) -> list[tuple[Tensor, float, Tensor]]:
    """What diffusers' pipeline hands its network and gets back, step by step: latents, timestep, output."""
    network = getattr(pipe, "unet", None) or pipe.transformer
    steps: list[tuple[Tensor, float, Tensor]] = []

    def note(_: Any, positional: Any, named: Any, result: Any) -> None:
        x = positional[0] if positional else named["hidden_states"]
        t = positional[1] if len(positional) > 1 else named["timestep"]
        x, out = (torch.stack(v).squeeze(2) if isinstance(v, list) else v for v in (x, result[0]))  # lists: Z-Image
        steps.append((x, float(torch.as_tensor(t).flatten()[0]), out))

    handle = network.register_forward_hook(note, with_kwargs=True)
    pipe(prompt=PROMPT, height=HEIGHT, width=WIDTH, num_inference_steps=4, output_type="latent", **options)
    handle.remove()
    return steps


def klein_steps(pipe: Any, noise: Tensor, guidance: float) -> list[tuple[Tensor, float, Tensor]]:
    """Of latents of 2 x 2 patches; the negative prompt is empty."""
    wide = noise.repeat(1, 4, 1, 1)
    steps = recorded(pipe, latents=wide, guidance_scale=guidance)
    shaped = [(*(v.mT.reshape(wide.shape) for v in (x, out)), t) for x, t, out in steps]
    if guidance == 1:
        return [(x, t, out) for x, out, t in shaped]
    pairs = zip(shaped[::2], shaped[1::2], strict=True)
    return [(x, t, other + guidance * (out - other)) for (x, out, t), (_, other, _) in pairs]


def z_image_steps(pipe: Any, noise: Tensor, guidance: float) -> list[tuple[Tensor, float, Tensor]]:
    """Told 1 - t, it answers x0 - eps, and adds the guidance to what the prompt alone says."""
    steps = recorded(pipe, latents=noise, guidance_scale=guidance - 1, negative_prompt=NEGATIVE)
    if guidance == 1:
        return [(x, 1 - t, -out) for x, t, out in steps]
    mixed = [(x[:1], 1 - t, out.chunk(2)) for x, t, out in steps]
    return [(x, t, -(other + guidance * (out - other))) for x, t, (out, other) in mixed]


def qwen_steps(pipe: Any, noise: Tensor, guidance: float) -> list[tuple[Tensor, float, Tensor]]:
    """Packed as FLUX's; what is mixed has, of each patch, the norm of what the prompt alone says."""
    packed = pipe._pack_latents(noise, *noise.shape)
    steps = recorded(pipe, latents=packed, true_cfg_scale=guidance, negative_prompt=NEGATIVE)
    if guidance != 1:
        pairs = zip(steps[::2], steps[1::2], strict=True)
        mixed = [(x, t, out, other + guidance * (out - other)) for (x, t, out), (_, _, other) in pairs]
        steps = [(x, t, made * (out.norm(dim=-1) / made.norm(dim=-1))[..., None]) for x, t, out, made in mixed]
    unpack = pipe._unpack_latents
    return [(unpack(x, HEIGHT, WIDTH, 2)[:, :, 0], t, unpack(out, HEIGHT, WIDTH, 2)[:, :, 0]) for x, t, out in steps]


OWN_STEPS = {"klein": klein_steps, "z-image": z_image_steps, "qwen": qwen_steps}


def own_steps(pipe: Any, family: str, guidance: float) -> list[tuple[Tensor, float, Tensor]]:
    """Latents, timestep of the prior's schedule, and what the pipeline takes for the output there."""
    channels = pipe.vae.config.get("latent_channels") or pipe.vae.config.z_dim
    noise = torch.randn(1, channels, HEIGHT // 2, WIDTH // 2)
    if family in ("flux", "schnell"):
        packed = pipe._pack_latents(noise, *noise.shape)
        more = dict(guidance_scale=guidance) if family == "flux" else {}
        if family == "schnell":
            more = dict(max_sequence_length=256)  # as its makers ask
            if guidance != 1:
                more |= dict(true_cfg_scale=guidance, negative_prompt=NEGATIVE)
        steps = recorded(pipe, latents=packed, **more)
        steps = [(*(pipe._unpack_latents(v, HEIGHT, WIDTH, 2) for v in (x, out)), t) for x, t, out in steps]
        steps = [(x, t, out) for x, out, t in steps]
        if more.get("true_cfg_scale"):  # schnell asks about the prompt and about the negative prompt by turns
            pairs = zip(steps[::2], steps[1::2], strict=True)
            return [(x, t, other + guidance * (out - other)) for (x, t, out), (_, _, other) in pairs]
        return steps
    if family in OWN_STEPS:
        return OWN_STEPS[family](pipe, noise, guidance)
    more = dict(use_resolution_binning=False, clean_caption=False) if family in ("pixart", "sana") else {}
    steps = recorded(pipe, latents=noise, guidance_scale=guidance, negative_prompt=NEGATIVE, **more)
    if family == "pixart":  # the rest is a learned variance
        steps = [(x, t, out[:, :4]) for x, t, out in steps]
    scale = 1000 if family in ("sd3", "sana") else 1
    if guidance == 1:
        return [(x, t / scale, out) for x, t, out in steps]
    mixed = [(x[:1], t / scale, out.chunk(2)) for x, t, out in steps]
    return [(x, t, other + guidance * (out - other)) for x, t, (other, out) in mixed]


def noise_of(pipe: Any, family: str, x: Tensor, t: float, output: Tensor) -> Tensor:
    """eps by the papers' formulas, from the pipeline's own scheduler."""
    if family in ("sd3", "flux", "schnell", "sana", "z-image", "klein", "qwen"):
        return x + (1 - t) * output
    kept = pipe.scheduler.alphas_cumprod[round(t)]
    return kept.sqrt() * output + (1 - kept).sqrt() * x if family == "sd2" else output


def prior_of(folder: Any, family: str, guidance: float) -> Latent:
    negative = NEGATIVE if guidance != 1 and family not in ("flux", "klein") else None
    return Latent(path=str(folder), prompt=PROMPT, negative_prompt=negative, guidance=guidance)


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_latent_predicts_the_noise_that_diffusers_own_pipeline_finds(family, folder, guidance):
    """At every step of a run of the pipeline, to 1e-5."""
    torch.manual_seed(1)
    pipe, prior = own_pipeline(folder), loaded(prior_of(folder, family, guidance))
    steps = [step for step in own_steps(pipe, family, guidance) if step[1] <= prior.schedule.highest]
    assert len(steps) >= 3
    for x, t, output in steps:
        with torch.no_grad():
            eps = prior.predict(x, prior.schedule.at(t))
        torch.testing.assert_close(eps, noise_of(pipe, family, x, t, output), rtol=0, atol=1e-5)


def test_latent_depends_on_prompt_and_guidance(family, folder, component):
    """What the comparison with diffusers would not notice if tiny networks ignored it."""
    family, x = component.configured().family, torch.randn(1, component.configured().family.channels, 8, 8)
    level = family.schedule.at(family.schedule.resolve("nsr:1"))
    priors = component, Latent(path=str(folder), prompt=PROMPT), Latent(path=str(folder), prompt=PROMPT, guidance=3)
    with torch.no_grad():
        eps = [loaded(prior).predict(x, level) for prior in priors]
    assert (eps[0] - eps[1]).abs().max() > 1e-4
    assert (eps[1] - eps[2]).abs().max() > 1e-4


def test_latent_asks_about_the_picture_itself_at_the_quietest_level(component):
    """Its own level has no noise; the output is read at the level that the network was told."""
    model, channels = loaded(component), component.configured().family.channels
    x, schedule = torch.randn(1, channels, 8, 8), model.schedule
    with torch.no_grad():
        eps = fitted(model).predict(x, schedule.clean)
        torch.testing.assert_close(eps, model.predict(x, schedule.at(schedule.lowest)), rtol=0, atol=1e-6)

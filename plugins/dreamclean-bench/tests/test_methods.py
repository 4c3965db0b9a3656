"""Every method of the bench: what comes out, what it costs, what it refuses; and the baselines and DreamClean exactly."""

import sys
from types import SimpleNamespace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest
import torch
from dreamclean_bench.method import Method, Problem
from dreamclean_bench.methods import bm3d, sampling
from dreamclean_bench.plugin import METHODS
from PIL import Image
from torch import Tensor

from dreamclean import (
    JPEG,
    Blur,
    Downsample,
    DreamCleanError,
    FourierMagnitude,
    Identity,
    Inpaint,
    Mixture,
    Operator,
    Restorer,
)
from dreamclean.host.host import host
from dreamclean.method.loop import resample

SIDE = 16
ROUNDING = 2e-5
"""Between a batch and its images alone: the prior's sums and the products with matrices take another order."""
GENERATOR = torch.Generator().manual_seed(0)
IMAGES = torch.nn.functional.interpolate(torch.rand(4, 3, 4, 4, generator=GENERATOR), SIDE, mode="bilinear")
PRIOR = Mixture.around(IMAGES, std=0.1)

SUPER, NOISY, CODEC = Downsample(factor=2, noise=0.05), Identity(noise=0.1), JPEG(quality=(10,))
CONJUGATE = Blur(shape="motion", size=5, angle=30, noise=0.05)
"""Of rank above 1: solved by conjugate gradients."""

CASES: dict[str, tuple[Operator, int, bool]] = {  # operator, evaluations of the prior, whether it is random
    "dreamclean:preset=paper,steps=4": (SUPER, 4 + 4 + 4, True),  # inversion, VPS, DDIM
    "dreamclean:preset=paper,steps=4,corrector=none": (SUPER, 4 + 4, False),
    "dreamclean:preset=paper,steps=4,corrector=langevin,repeats=2": (CODEC, 4 + 8 + 4, True),
    "dreamclean-known:preset=paper,steps=4": (SUPER, 4 + 4, True),  # forward noising costs none
    "dreamclean-known:preset=paper,steps=4,fused=true": (CODEC, 4, True),
    "input": (SUPER, 0, False),
    "pseudo-inverse": (SUPER, 0, False),
    "bicubic": (SUPER, 0, False),
    "lanczos": (SUPER, 0, False),
    "bm3d": (NOISY, 0, False),
    "ddnm:steps=5": (SUPER, 5, True),
    "ddnm-plus:steps=5": (SUPER, 5, True),
    "ddnm-plus:steps=5,travel_length=1,travel_repeat=2": (SUPER, 5 + 4, True),  # each level but the picture's again
    "ddrm:steps=5": (SUPER, 5, True),
    "ddrm-jpeg:steps=5": (CODEC, 5, True),
    "diffpir:steps=5": (SUPER, 5, True),
    "diffpir:steps=2": (CONJUGATE, 2, True),
    "dps:steps=6": (SUPER, 6, True),
    "dps:steps=5": (FourierMagnitude(noise=0.05), 5, True),
    "gdp:steps=6": (SUPER, 6, True),
    "one-step": (NOISY, 1, False),
    "pigdm:steps=5": (SUPER, 5, True),
    "pigdm:steps=2": (CONJUGATE, 2, True),
    "red:iterations=5": (SUPER, 5, False),
    "red:iterations=2": (CONJUGATE, 2, False),
    "snips:steps=4,repeats=2": (SUPER, 4 * 2, True),
}
EVERY = pytest.mark.parametrize("spec", CASES)


class Latent(Mixture):
    """A prior that says its space is another."""

    space: ClassVar[Literal["pixel", "latent"]] = "latent"


class Forbidden(Operator):
    """Nobody may ask it anything."""

    name = "forbidden"

    def degrade(self, x: Tensor) -> Tensor:
        raise AssertionError("a blind method asked for the degradation")

    project = start = image_shape = noise_variance = guide = degrade  # type: ignore[assignment]


def make(spec: str) -> Method:
    method: Method = host().make("method", spec)
    return method


def problem(known: Operator | None, /, seeds: tuple[int, ...] = (1, 2), **changes: Any) -> Problem:
    """Measurements of the first images, one for each seed."""
    y = (known or SUPER).measure(IMAGES[: len(seeds)], torch.Generator().manual_seed(5))
    shown = torch.nn.functional.interpolate(y, SIDE).clamp(0, 1) if y.shape[1] == 3 else IMAGES[: len(seeds)]
    return Problem(**{"y": y, "shown": shown, "operator": known, "prior": PRIOR, "seeds": seeds, **changes})


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[np.ndarray, float]]:
    """In the place of the package bm3d one that halves the image; what it was given."""
    calls: list[tuple[np.ndarray, float]] = []

    def bm3d_rgb(image: np.ndarray, sigma: float) -> np.ndarray:
        calls.append((image, sigma))
        return image / 2

    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d_rgb=bm3d_rgb))
    return calls


def test_methods_are_all_in_the_cases():
    registered = {entry for names in METHODS.values() for entry in names.split()}
    assert {type(make(spec)).__name__ for spec in CASES} == registered - {
        "DGP",
        "Network",
    }  # refuses everything; needs a file


@EVERY
@pytest.mark.usefixtures("told")
def test_method_has_its_shape_range_seeds_and_cost(spec):
    operator, nfe, random = CASES[spec]
    first = problem(operator)
    image = make(spec)(first)
    assert image.shape == (2, 3, SIDE, SIDE)
    assert image.isfinite().all()
    assert image.min() >= 0
    assert image.max() <= 1
    assert first.estimate.nfe == nfe
    assert torch.equal(image, make(spec)(problem(operator)))
    other = make(spec)(problem(operator, (3, 4)))
    assert torch.equal(image, other) == (not random)


@EVERY
@pytest.mark.usefixtures("told")
def test_method_gives_the_same_image_alone_and_in_a_batch(spec):
    operator, method = CASES[spec][0], make(spec)
    both = problem(operator)
    together = method(both)
    for k in range(2):
        alone = problem(operator, both.seeds[k : k + 1], y=both.y[k : k + 1], shown=both.shown[k : k + 1])
        torch.testing.assert_close(method(alone), together[k : k + 1], rtol=0, atol=ROUNDING)


NONE = "needs the operator"
REFUSED: list[tuple[str, Operator | None, str]] = [
    *(
        (name, None, NONE)
        for name in [
            "dreamclean-known",
            "pseudo-inverse",
            "bicubic",
            "lanczos",
            "ddnm",
            "ddnm-plus",
            "ddrm",
            "ddrm-jpeg",
        ]
    ),
    *((name, None, NONE) for name in ["diffpir", "dps", "gdp", "one-step", "pigdm", "red", "snips"]),
    *(
        (name, CODEC, "needs a linear operator")
        for name in ["ddnm", "ddnm-plus", "ddrm", "diffpir", "pigdm", "red", "snips"]
    ),
    *((name, CONJUGATE, "singular value decomposition") for name in ["ddnm-plus", "ddrm", "snips"]),
    *((name, FourierMagnitude(), "needs a picture") for name in ["bicubic", "bm3d:sigma=25", "input", "dreamclean"]),
    ("bm3d", None, "needs the noise level"),
    ("dgp", SUPER, "retrains BigGAN"),
    ("bm3d", CODEC, "needs the noise level"),
    ("dps", CODEC, "needs a differentiable operator"),
    ("dps:normalized=false", Downsample(factor=2), "needs measurement noise"),
    ("gdp", CODEC, "needs a differentiable operator"),
    ("ddrm-jpeg", SUPER, "needs the JPEG operator"),
    ("one-step", SUPER, "is for Gaussian noise alone"),
    ("one-step", Identity(), "is for Gaussian noise alone"),
]


def check_refusal(spec: str, operator: Operator | None, prior: Mixture, said: str) -> None:
    method = make(spec)
    why = method.refuses(operator, prior)
    assert said in why
    assert len(why) <= 60
    with pytest.raises(DreamCleanError, match=f"^{method.name}: .*{said}"):
        method(problem(operator, prior=prior))


@pytest.mark.parametrize(("spec", "operator", "said"), REFUSED, ids=[f"{r[0]}-{r[1] and r[1].name}" for r in REFUSED])
def test_method_refuses_what_it_cannot_do(spec, operator, said):
    check_refusal(spec, operator, PRIOR, said)


@pytest.mark.parametrize(
    "name", ["ddnm", "ddnm-plus", "ddrm", "ddrm-jpeg", "diffpir", "dps", "gdp", "one-step", "pigdm", "red", "snips"]
)
def test_method_for_pixels_refuses_a_prior_of_latents(name):
    check_refusal(name, CODEC if name == "ddrm-jpeg" else NOISY, Latent.around(IMAGES), "works in pixel space")


@EVERY
def test_method_does_not_refuse_what_it_can_do(spec):
    assert make(spec).refuses(CASES[spec][0], PRIOR) == ""


@pytest.mark.parametrize("name", ["ddnm", "ddnm-plus", "ddrm-jpeg", "diffpir", "dps", "gdp", "pigdm"])
def test_methods_run_the_kernel_s_loop(name, monkeypatch):
    calls = []
    monkeypatch.setattr(sampling, "resample", lambda *parts: calls.append(parts) or resample(*parts))
    spec = next(spec for spec in CASES if spec.partition(":")[0] == name)
    make(spec)(problem(CASES[spec][0]))
    assert len(calls) == 1


def test_problem_evens_noise_to_its_root_mean_square():
    operator = Downsample(factor=2, noise=0.05, poisson=0.5)
    given = problem(operator)
    wanted = float(torch.as_tensor(operator.noise_variance(given.y)).mean().sqrt())
    assert (given.evenly().noise, given.evenly().poisson) == (pytest.approx(wanted), 0)
    assert problem(SUPER).evenly() is SUPER


# Baselines


def test_input_is_what_was_shown():
    given = problem(None)
    assert torch.equal(make("input")(given), given.shown)


@pytest.mark.parametrize("operator", [SUPER, Inpaint(share=0.5), CONJUGATE], ids=lambda o: o.name)
def test_pseudo_inverse_is_the_operator_s(operator):
    given = problem(operator)
    assert torch.equal(make("pseudo-inverse")(given), operator.pseudo_inverse(given.y).clamp(0, 1))


def test_pseudo_inverse_of_an_operator_that_is_not_linear_is_its_start():
    given = problem(CODEC)
    assert torch.equal(make("pseudo-inverse")(given), CODEC.start(given.y).clamp(0, 1))


@pytest.mark.parametrize("factor", [2, 4])
@pytest.mark.parametrize("name", ["bicubic", "lanczos"])
def test_bicubic_and_lanczos_are_pillow_s(name, factor):
    """Pillow resizes a plane of floating-point numbers: 1e-6 apart. Another bicubic (a = -0.75) is far off."""
    given = problem(Downsample(factor=factor))
    found = make(name)(given)
    for picture, y in zip(found, given.y, strict=True):
        for plane, small in zip(picture, y, strict=True):
            wanted = np.asarray(Image.fromarray(small.numpy()).resize((SIDE, SIDE), Image.Resampling[name.upper()]))
            np.testing.assert_allclose(plane.numpy(), wanted.clip(0, 1), rtol=0, atol=1e-6)
    another = torch.nn.functional.interpolate(given.y, SIDE, mode="bicubic").clamp(0, 1)
    assert (found - another).abs().max() > 0.005


def test_bicubic_leaves_a_picture_of_full_size_alone():
    given = problem(NOISY)
    assert torch.equal(make("bicubic")(given), given.shown)


# BM3D


@pytest.mark.parametrize("read", [0.0, 2.0])
@pytest.mark.parametrize("count", [1.0, 5.0, 100.0])
def test_bm3d_makes_photons_even_and_back_without_bias(count: float, read: float):
    generator = np.random.default_rng(0)
    counts = generator.poisson(count, 200_000) + read * generator.standard_normal(200_000)
    even = bm3d._stable(counts, read)
    assert even.std() == pytest.approx(1, abs=0.05 if count > 1 else 0.25)
    assert float(bm3d._unstable(even.mean(), read)) == pytest.approx(count, rel=0.02, abs=0.02)


def test_bm3d_gets_poisson_noise_one_wide(monkeypatch):
    """In the place of the package one that gives the mean of each channel: the picture's, whose noise it is."""
    asked = []

    def bm3d_rgb(image: np.ndarray, sigma: float) -> np.ndarray:
        asked.append(image.std((0, 1)).mean() / sigma)
        return np.broadcast_to(image.mean((0, 1)), image.shape)

    monkeypatch.setitem(sys.modules, "bm3d", SimpleNamespace(bm3d_rgb=bm3d_rgb))
    clean = torch.tensor([0.1, 0.4, 0.8]).view(1, 3, 1, 1).expand(1, 3, 64, 64)
    operator = Identity(poisson=0.1)
    y = operator.measure(clean, torch.Generator().manual_seed(0))
    made = make("bm3d")(Problem(y, y.clamp(0, 1), operator, PRIOR, [0]))
    assert asked == [pytest.approx(1, abs=0.05)]
    assert torch.allclose(made, clean, atol=0.01)


def test_bm3d_that_is_not_there_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "bm3d", None)
    with pytest.raises(DreamCleanError, match=r'pip install "dreamclean-bench\[bm3d\]"'):
        make("bm3d")(problem(NOISY))


@pytest.mark.parametrize(
    ("spec", "operator", "sigma"),
    [("bm3d", NOISY, 0.1), ("bm3d", SUPER, 0.05), ("bm3d:sigma=25.5", NOISY, 0.1), ("bm3d:sigma=51", None, 0.2)],
)
def test_bm3d_is_told_the_noise_on_the_scale_of_its_images(told, spec, operator, sigma):
    given = problem(operator)
    seen = given.y if operator is NOISY else given.shown
    image = make(spec)(given)
    assert [call[1] for call in told] == pytest.approx([sigma, sigma], rel=1e-6)
    np.testing.assert_array_equal(np.stack([call[0] for call in told]), seen.double().permute(0, 2, 3, 1).numpy())
    assert torch.equal(image, (seen / 2).clamp(0, 1))


def test_bm3d_is_told_the_root_mean_square_of_poisson_noise_after_another_operator(told):
    y = IMAGES[:1]
    make("bm3d")(Problem(y, y, Inpaint(share=0.0, noise=0.1, poisson=0.5), PRIOR, [0]))
    wanted = float((0.01 + y.clamp(min=1 / 255) / (255 * 0.5)).mean().sqrt())
    assert told[0][1] == pytest.approx(wanted, rel=1e-6)


def test_bm3d_takes_a_grey_picture_for_grey(told, monkeypatch):
    """Its colour form divides by the spread of the colour differences, which a grey picture lacks."""
    grey = IMAGES[:2, :1].expand(-1, 3, -1, -1)
    monkeypatch.setattr(sys.modules["bm3d"], "bm3d", lambda image, sigma: image / 4, raising=False)
    image = make("bm3d")(Problem(grey, grey, NOISY, PRIOR, [0, 1]))
    torch.testing.assert_close(image, grey / 4)
    assert not told


def test_bm3d_gets_no_picture_too_small_for_its_blocks(told):
    small = torch.rand(1, 3, 9, 20, generator=torch.Generator().manual_seed(1))
    image = make("bm3d")(Problem(small, small, NOISY, PRIOR, [0]))
    assert told[0][0].shape == (16, 20, 3)
    assert torch.equal(image, small / 2)


# DreamClean

CORRECTORS = {
    "none": "none",
    "langevin": "langevin:gamma=0.2,repeats=2",
    "vps": "vps:gamma=0.2,repeats=2",
    "gradient-ascent": "gradient-ascent:gamma=0.2,repeats=2",
}
SAID = "steps=3,strength=250,preset=paper"


def restored(given: Problem, y: Tensor, **settings: Any) -> Tensor:
    image: Tensor = Restorer(given.prior, steps=3, strength=250, device="cpu", **settings)(y, seed=given.seeds).image
    return image


def given_corrector(name: str) -> str:
    return f"corrector={name}" + ("" if name == "none" else ",gamma=0.2,repeats=2")


@pytest.mark.parametrize("name", CORRECTORS)
def test_dreamclean_is_the_kernel_s_on_what_was_shown(name):
    given = problem(None, operator=Forbidden(), y=torch.full((2, 3, SIDE, SIDE), torch.nan))
    found = make(f"dreamclean:{SAID},{given_corrector(name)}")(given)
    assert torch.equal(found, restored(given, given.shown, corrector=CORRECTORS[name]))


def test_dreamclean_without_settings_is_the_recommended_restoration():
    noise = 0.3 * torch.randn(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    given = problem(None, shown=(0.5 + noise).clamp(0, 1))  # which any prior can tell
    recommended = Restorer(given.prior, device="cpu")(given.shown, seed=given.seeds)
    assert torch.equal(make("dreamclean")(given), recommended.image)
    assert given.estimate.nfe == recommended.nfe


@pytest.mark.parametrize("operator", [SUPER, CODEC, CONJUGATE], ids=lambda o: o.name)
@pytest.mark.parametrize("name", ["none", "vps"])
def test_dreamclean_known_is_the_kernel_s_with_the_operator(operator, name):
    given = problem(operator, shown=torch.full((2, 3, SIDE, SIDE), torch.nan))
    found = make(f"dreamclean-known:{SAID},{given_corrector(name)}")(given)
    assert torch.equal(found, restored(given, given.y, operator=operator, corrector=CORRECTORS[name]))


def test_dreamclean_makes_another_image_with_each_setting():
    """Table 5: none, Langevin and VPS differ, and so does each of their settings."""
    base = "dreamclean:preset=paper,steps=3"
    settings = [
        "",
        *(f",corrector={name}" for name in ("none", "langevin", "gradient-ascent")),
        *(",gamma=0.3", ",repeats=2", ",fused=true", ",strength=200", ",initializer=forward-noising"),
    ]
    images = [make(base + setting)(problem(SUPER)) for setting in settings]
    for k, image in enumerate(images):
        assert all((image - other).abs().max() > 1e-4 for other in images[:k]), settings[k]
    assert torch.equal(make(base + ",corrector=vps")(problem(SUPER)), images[0])


def test_dreamclean_inherits_corrector_settings_from_the_preset():
    method = make("dreamclean:preset=paper,corrector=langevin")
    corrector = method.restorer(problem(None), None).corrector  # type: ignore[attr-defined]
    assert (corrector.name, corrector.gamma, corrector.repeats) == ("langevin", 0.05, 1)


def test_dreamclean_refuses_a_setting_that_the_corrector_does_not_know():
    with pytest.raises(DreamCleanError, match="gamma"):
        make("dreamclean:corrector=none,gamma=0.1")(problem(None))


def test_one_step_is_the_posterior_mean():
    """Of one Gaussian: m + w^2 / (w^2 + sigma^2) (y - m). The level's s / a is the nearest to sigma: 2 % apart at most."""
    prior = Mixture.around(IMAGES[:1], std=0.1)
    given = problem(NOISY, (1,), prior=prior)
    level = prior.schedule.at(prior.schedule.timestep(0.2))
    assert level.ratio == pytest.approx(0.2, rel=0.02)
    wanted = IMAGES[:1] + 0.2**2 / (0.2**2 + level.ratio**2) * (given.y - IMAGES[:1])
    torch.testing.assert_close(make("one-step")(given), wanted.clamp(0, 1), rtol=0, atol=1e-5)


def test_dreamclean_alone_takes_auto_for_a_strength():
    assert host().make("method", "dreamclean:strength=auto").strength == "auto"
    with pytest.raises(DreamCleanError, match="a strength is a timestep such as 300, or nsr:R"):
        host().make("method", "ddrm:strength=auto")


def test_dreamclean_known_takes_detail() -> None:
    """It is the sampler's eta beside an operator, and the number of steps beside noise alone."""
    y = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    method: Any = make("dreamclean-known:detail=1")
    problem = Problem(y, y, NOISY, PRIOR, [0])
    assert method.restorer(problem, Inpaint(share=0.9, noise=0.1)).sampler.eta == 0.86
    assert method.restorer(problem, Identity(noise=0.1)).recipe.steps == 8


@pytest.mark.parametrize("name", ["ddrm", "ddnm-plus", "pigdm", "dps", "diffpir"])
def test_methods_with_a_strength_start_from_the_operators_first_image(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paper's sigma_T hides any picture, a lower one does not: none may start from grey where another may not."""
    given = problem(Inpaint(share=0.5, noise=0.02))
    monkeypatch.setattr(given, "noise", torch.zeros_like)
    asked: list[Tensor] = []
    prior = given.estimate.prior

    def ask(x: Tensor, level: Any) -> Any:
        asked.append(x.detach() / level.alpha)
        return prior(x, level)

    monkeypatch.setattr(given.estimate, "prior", ask)
    make(f"{name}:strength=300,steps=2").restore(given)
    torch.testing.assert_close(asked[0], given.start, atol=0.1, rtol=0)
    assert float((asked[0] - given.start).abs().mean()) < 0.03


def test_methods_that_start_from_noise_alone_ask_for_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    given = problem(SUPER)
    monkeypatch.setattr(Downsample, "start", None)
    for name in ("dps", "gdp", "pigdm", "ddnm-plus"):
        assert make(f"{name}:steps=3").restore(given).shape == IMAGES[:2].shape

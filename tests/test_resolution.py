"""Enlargements and blurs are found from the picture alone, on pictures made by code."""

import io
import math
from functools import lru_cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from dreamclean import Blur, Enlarged
from dreamclean.builtin.operators import kernels
from dreamclean.builtin.planners.diagnosis.resolution import enlargement
from dreamclean.builtin.planners.diagnosis.resolution.blur import estimate_blur
from dreamclean.builtin.planners.diagnosis.resolution.edges import sharpest
from dreamclean.builtin.planners.diagnosis.resolution.enlargement import estimate_enlargement, later_noise
from dreamclean.builtin.planners.diagnosis.resolution.families import likeliest
from dreamclean.builtin.planners.diagnosis.resolution.spectrum import fit, radial, spectrum, transfer
from dreamclean.builtin.planners.diagnosis.resolution.traces import blockiness, small_sizes


@lru_cache
def scene(side: int = 128, seed: int = 0) -> Tensor:
    """Leaves of all sizes that lie over each other, (1, 3, side, side): edges and a power law, as in photographs.

    Lee, Mumford & Huang 2001, "Occlusion models for natural images". Drawn three times as large.
    """
    rng, large = np.random.default_rng(seed), 3 * side
    picture = Image.new("RGB", (large, large), (90, 110, 120))
    draw = ImageDraw.Draw(picture)
    for _ in range(900):
        radius = 4 / (1 - rng.random() * 0.96)
        x, y = rng.uniform(-20, large + 20, 2)
        colour = tuple(int(v) for v in np.clip(rng.uniform(20, 235) + rng.normal(0, 25, 3), 0, 255))
        corners = [
            (x + radius * math.cos(a), y + radius * math.sin(a)) for a in np.sort(rng.uniform(0, 2 * math.pi, 7))
        ]
        draw.polygon(corners, fill=colour)
    small = np.asarray(picture.resize((side, side), Image.Resampling.LANCZOS))
    return torch.from_numpy(small.copy()).permute(2, 0, 1)[None].float() / 255


def eight_bit(x: Tensor) -> Tensor:
    return (x.clamp(0, 1) * 255).round() / 255


def noisy(x: Tensor, std: float) -> Tensor:
    return eight_bit(x + std / 255 * torch.randn(x.shape, generator=torch.Generator().manual_seed(1)))


def jpeg(x: Tensor, quality: int) -> Tensor:
    file = io.BytesIO()
    Image.fromarray((x[0] * 255).byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1)[None].float() / 255


def pillow(x: Tensor, size: tuple[int, int], method: Image.Resampling) -> Tensor:
    picture = Image.fromarray((x[0] * 255).round().byte().permute(1, 2, 0).numpy()).resize(size[::-1], method)
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255


def enlarged(x: Tensor, factor: float, method: str) -> Tensor:
    """Made smaller in 8 bits, and enlarged by Pillow, or by torch."""
    height, width = x.shape[2:]
    small = pillow(x, (round(height / factor), round(width / factor)), Image.Resampling.BICUBIC)
    if method == "nearest":  # as exact as Pillow's, which goes either way where a centre lies between two pixels
        return F.interpolate(small, size=(height, width), mode="nearest-exact")
    if method == "bicubic-0.75":
        return eight_bit(F.interpolate(small, size=(height, width), mode="bicubic", align_corners=False))
    return pillow(small, (height, width), Image.Resampling[method.upper()])


KERNELS = ("nearest", "bilinear", "bicubic", "bicubic-0.75", "lanczos")


@pytest.mark.parametrize("factor", [1.5, 2.0, 2.5, 3.0, 4.0])
@pytest.mark.parametrize("method", KERNELS)
def test_enlargement_is_found(method: str, factor: float) -> None:
    found = estimate_enlargement(enlarged(scene(120), factor, method))
    assert found is not None
    assert found.operator == Enlarged(factor=(factor,), method=method)  # type: ignore[arg-type]
    assert found.sure > 0.9


@pytest.mark.parametrize("factor", [1.7, 3.4])
def test_enlargement_by_an_odd_factor_of_an_oblong_picture_is_found(factor: float) -> None:
    x = scene(128)[..., :101, :]
    found = estimate_enlargement(enlarged(x, factor, "bicubic"))
    assert found is not None
    operator = found.operator
    assert isinstance(operator, Enlarged)
    assert operator.small(x).shape[2:] == (round(101 / factor), round(128 / factor))


@pytest.mark.parametrize("std", [2.0, 4.0])
def test_enlargement_is_found_under_noise_and_the_noise_with_it(std: float) -> None:
    found = estimate_enlargement(noisy(enlarged(scene(), 2, "bicubic"), std))
    assert found is not None
    assert isinstance(found.operator, Enlarged)
    assert found.operator.factor == (2.0,)
    assert 255 * found.operator.noise == pytest.approx(std, rel=0.1)


def test_enlargement_is_found_under_jpeg() -> None:
    found = estimate_enlargement(jpeg(enlarged(scene(), 3, "bicubic"), 75))
    assert found is not None
    assert isinstance(found.operator, Enlarged)
    assert found.operator.factor == (3.0,)


def stripes(side: int = 128) -> Tensor:
    """Ruled paper: every fourth row and column dark."""
    x = torch.full((1, 3, side, side), 0.9)
    x[..., ::4, :] = 0.3
    x[..., ::4] = 0.2
    return eight_bit(x)


NEVER_ENLARGED = {
    "sharp": lambda: scene(seed=2),
    "noise": lambda: noisy(scene(seed=2), 5),
    "jpeg 30": lambda: jpeg(scene(seed=2), 30),
    "jpeg 80": lambda: jpeg(scene(seed=2), 80),
    "blur": lambda: eight_bit(Blur(shape="gaussian", size=11, std=(1.5,)).degrade(scene(seed=2))),
    "stripes": stripes,
    "flat": lambda: torch.full((1, 3, 96, 96), 0.5),
    "small": lambda: enlarged(scene(), 2, "bicubic")[..., :40, :40],
}


@pytest.mark.parametrize("kind", list(NEVER_ENLARGED))
def test_enlargement_is_not_found_where_there_is_none(kind: str) -> None:
    assert estimate_enlargement(NEVER_ENLARGED[kind]()) is None


def test_enlargement_is_judged_by_its_controls() -> None:
    """A soft picture is explained well by half as many pixels, and as well on a grid that is shifted."""
    soft, twice = (
        enlargement._fit(enlargement._parts(255 * x[0].mean(0)), (64, 64), "bicubic")
        for x in (NEVER_ENLARGED["blur"](), enlarged(scene(seed=2), 2, "bicubic"))
    )
    assert soft.residual < 1
    assert soft.ratio > enlargement.SURE
    assert twice.ratio < 0.2


def test_later_noise_is_none_for_rounding() -> None:
    assert later_noise(enlarged(scene(), 2, "bicubic"), Enlarged(factor=(2.0,))) == 0


def test_small_sizes_hold_the_true_one() -> None:
    """At 2.3, which is not among the common factors, it comes from the spectrum."""
    luma = 255 * enlarged(scene(), 2.3, "bicubic")[0].mean(0)
    assert (56, 56) in small_sizes(luma)
    assert (56, 56) not in small_sizes(255 * scene()[0].mean(0))


def test_blockiness_is_that_of_jpeg_and_not_of_enlargement() -> None:
    luma = 255 * scene()[0].mean(0)
    assert blockiness(255 * jpeg(scene(), 20)[0].mean(0)) > 1.1
    assert blockiness(luma) < 1.08
    assert blockiness(255 * enlarged(scene(), 2, "nearest")[0].mean(0)) < 1.08


# ---------------------------------------------------------------------------------------------- blur


def blurred(noise: float, **settings: object) -> Tensor:
    return noisy(Blur(**settings).degrade(scene(192, seed=4)), noise)


@pytest.mark.parametrize("noise", [0.5, 4.0])
@pytest.mark.parametrize("std", [1.0, 1.5, 2.5])
def test_blur_gaussian_is_found(std: float, noise: float) -> None:
    found = estimate_blur(blurred(noise, shape="gaussian", size=2 * math.ceil(3.5 * std) + 1, std=(std,)))
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert found.operator.shape == "gaussian"
    assert found.operator.std[0] == pytest.approx(std, rel=0.15)
    assert 255 * found.operator.noise == pytest.approx(noise, abs=0.6)


@pytest.mark.parametrize("radius", [2.5, 4.0])
def test_blur_of_the_lens_is_found(radius: float) -> None:
    found = estimate_blur(blurred(2, shape="defocus", radius=radius))
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert found.operator.shape == "defocus"
    assert found.operator.radius == pytest.approx(radius, abs=0.25)


@pytest.mark.parametrize(("length", "angle"), [(7, 30), (9, 0)])
def test_blur_of_motion_is_found(length: float, angle: float) -> None:
    found = estimate_blur(blurred(2, shape="motion", length=length, angle=angle))
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert found.operator.shape == "motion"
    assert found.operator.length == pytest.approx(length, abs=1)
    assert abs((found.operator.angle - angle + 90) % 180 - 90) <= 5


@pytest.mark.parametrize(
    ("blur", "length", "angle"),
    [
        (Blur(shape="motion", length=9, angle=60, width=1.0), 9, 60),
        (Blur(shape="gaussian", size=9, std=(20.0, 1.0)), 9.5, 90),
        (Blur(shape="gaussian", size=9, std=(1.0, 20.0)), 9.5, 0),
    ],
    ids=["soft motion", "papers", "papers, turned"],
)
def test_blur_of_two_widths_is_found_as_a_soft_motion(blur: Blur, length: float, angle: float) -> None:
    found = estimate_blur(noisy(blur.degrade(scene(192, seed=4)), 2))
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert found.operator.shape == "motion"
    assert found.operator.length == pytest.approx(length, abs=1)
    assert abs((found.operator.angle - angle + 90) % 180 - 90) <= 5
    assert found.operator.width == pytest.approx(1, abs=0.3)


@pytest.mark.parametrize("noise", [0.5, 4.0])
@pytest.mark.parametrize("size", [5, 9])
def test_blur_by_a_box_is_found(size: int, noise: float) -> None:
    found = estimate_blur(blurred(noise, shape="uniform", size=size))
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert (found.operator.shape, found.operator.size) == ("uniform", size)


IN_NOISE = {
    "gaussian": Blur(shape="gaussian", size=13, std=(2.0,)),
    "uniform": Blur(shape="uniform", size=7),
    "defocus": Blur(shape="defocus", radius=3.0),
    "motion": Blur(shape="motion", length=9.0, angle=30.0),
    "soft motion": Blur(shape="motion", length=9.0, angle=120.0, width=1.0),
}


@pytest.mark.parametrize("blur", IN_NOISE.values(), ids=IN_NOISE)
def test_blur_is_found_in_loud_noise_by_a_prior(blur: Blur) -> None:
    """By the edges that a prior sees; the family may be another one, as noise hides what tells them apart."""
    soft = blur.degrade(scene(192, seed=4))
    asked = []

    def ask(picture: Tensor, std: float) -> Tensor:
        asked.append(std)
        return soft

    picture = noisy(soft, 12)
    assert estimate_blur(picture) is None
    found = estimate_blur(picture, ask)
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert (found.operator.shape == "motion") == (blur.shape == "motion")
    assert spread(found.operator) == pytest.approx(spread(blur), rel=0.15)
    assert asked == [found.operator.noise]
    assert 255 * found.operator.noise == pytest.approx(12, rel=0.05)


def spread(blur: Blur) -> float:
    """Standard deviation in pixels along the widest axis."""
    kernel = blur.kernel()
    off = torch.arange(len(kernel), dtype=kernel.dtype) - len(kernel) // 2
    down, right = torch.meshgrid(off, off, indexing="ij")
    moments = torch.stack([(kernel * a * b).sum() for a in (down, right) for b in (down, right)]).view(2, 2)
    return float(torch.linalg.eigvalsh(moments)[-1].sqrt())


def test_blur_in_loud_noise_needs_edges_that_are_wide() -> None:
    """The spectrum says blur, the prior sees the sharp picture that lines and letters are."""
    soft = noisy(Blur(shape="gaussian", size=13, std=(2.0,)).degrade(scene(192, seed=4)), 12)
    assert estimate_blur(soft, lambda picture, std: scene(192, seed=4)) is None


def test_blur_by_a_gaussian_is_no_wider_than_its_edges_say() -> None:
    """Loud noise hides how a photograph's spectrum falls; too wide a blur is worse than one that is too narrow."""
    wide, narrow = (Blur(shape="gaussian", size=13, std=(std,)).degrade(scene(192, seed=4)) for std in (2.0, 1.2))
    found = estimate_blur(noisy(wide, 12), lambda picture, std: narrow)
    assert found is not None
    assert isinstance(found.operator, Blur)
    assert found.operator.std[0] == pytest.approx(sharpest(255 * narrow[0].mean(0)) / 0.65, abs=0.01)
    assert found.operator.std[0] < 1.7


def test_blur_of_stripes_is_none_of_motion_and_no_box() -> None:
    """They are as if moved for ever along themselves."""
    stripes = scene(256, seed=4).mean(2, keepdim=True).expand(1, 3, 256, 256)
    stripes = 0.5 + (stripes - stripes.mean()) / stripes.std() / 5
    for noise in (2, 15):
        plane = spectrum(255 * noisy(stripes, noise)[0].mean(0))
        assert likeliest(plane).blur.shape not in ("motion", "uniform")


def test_blur_of_motion_is_found_beside_lines_of_the_scene() -> None:
    """Lines along the motion are as if moved for ever: alone they are no motion, and they hide none."""
    moved = likeliest(spectrum(255 * noisy(Blur(shape="motion", length=7, angle=90).degrade(lined(2)), 6)[0].mean(0)))
    assert moved.blur.shape == "motion"
    assert moved.blur.length == pytest.approx(7, abs=1)
    assert likeliest(spectrum(255 * noisy(lined(4), 6)[0].mean(0))).blur.shape != "motion"


def lined(strength: float) -> Tensor:
    """Something, and ``strength`` times as strong the lines of something else."""
    lines = scene(256, seed=4).mean(2, keepdim=True).expand(1, 3, 256, 256)
    whole, lines = ((part - part.mean()) / part.std() for part in (scene(256, seed=5), lines))
    return 0.5 + 0.12 * (whole / strength + lines)


def half_soft() -> Tensor:
    """Shallow depth of field: the left half sharp, the right one soft."""
    x = scene(192, seed=4)
    soft = Blur(shape="gaussian", size=15, std=(2.0,)).degrade(x)
    return noisy(torch.cat([x[..., :96], soft[..., 96:]], -1), 1)


def sky() -> Tensor:
    """A smooth gradient and a little noise."""
    ramp = torch.linspace(0.4, 0.8, 192)
    return noisy((ramp[:, None] + 0.05 * ramp**2).expand(1, 3, 192, 192).contiguous(), 0.7)


NEVER_BLURRED = {
    "sharp": lambda: scene(192, seed=4),
    "noise": lambda: noisy(scene(192, seed=4), 20),
    "half soft": half_soft,
    "sky": sky,
    "flat": lambda: torch.full((1, 3, 96, 96), 0.5),
    "small": lambda: blurred(1, shape="gaussian", size=9, std=(1.5,))[..., :60, :60],
}


@pytest.mark.parametrize("kind", list(NEVER_BLURRED))
def test_blur_is_not_found_where_there_is_none(kind: str) -> None:
    assert estimate_blur(NEVER_BLURRED[kind]()) is None


def test_sharpest_edges_are_as_wide_as_the_blur_of_a_step() -> None:
    step = torch.zeros(96, 96)
    step[:, 48:] = 200
    for std in (1.0, 2.0):
        soft = Blur(shape="gaussian", size=15, std=(std,)).degrade(step[None, None])[0, 0]
        assert sharpest(soft) == pytest.approx(std, rel=0.25)
        assert sharpest(soft, angle=0) == pytest.approx(std, rel=0.25)
        assert sharpest(soft, angle=90) is None
    assert sharpest(torch.full((96, 96), 100.0)) is None


def test_spectrum_fit_finds_slope_and_noise() -> None:
    """Of a Gaussian field with the power law that the model supposes."""
    line = torch.fft.fftfreq(256) * 2 * math.pi
    size = (line[:, None].square() + line.square()).sqrt().clamp(min=0.01)
    generator = torch.Generator().manual_seed(0)
    white = torch.fft.fft2(torch.randn(256, 256, generator=generator))
    field = torch.fft.ifft2(white * 20 * size**-1.2).real + 3 * torch.randn(256, 256, generator=generator)
    rings = radial(spectrum(field))
    found = fit(rings, torch.ones(1, len(rings.power)), rounds=200)
    assert found.slope == pytest.approx(2.4, abs=0.21)
    assert found.variance == pytest.approx(9, rel=0.25)


@pytest.mark.parametrize("kernel", [kernels.motion(15, 30), kernels.disc(5)], ids=["motion", "disc"])
def test_transfer_is_what_a_windowed_spectrum_shows(kernel: Tensor) -> None:
    noise = torch.randn(1, 1, 1500, 1500, generator=torch.Generator().manual_seed(0))
    shown = spectrum(F.conv2d(noise, kernel.float()[None, None])[0, 0])
    expected = transfer(kernel, shown.frequency)
    assert float((shown.power / expected).log().abs().max()) < 0.4  # |K|^2 itself is 0 in places
    assert float((shown.power / expected).log().mean().abs()) < 0.02

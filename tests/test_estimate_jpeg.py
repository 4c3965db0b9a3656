"""``estimate_jpeg``: what the pixels say of a JPEG compression."""

import io
import json
import math
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw
from torch import Tensor

from dreamclean import JPEG, Picture
from dreamclean.builtin.operators.jpeg_tables import tables_of
from dreamclean.builtin.planners.diagnosis.degradation import _jpeg as jpeg_of
from dreamclean.builtin.planners.diagnosis.jpeg.estimate import estimate_jpeg
from dreamclean.builtin.planners.diagnosis.jpeg.found import Found, nearest_quality, said_by_file
from dreamclean.builtin.planners.diagnosis.jpeg.lattice import evidence, histograms
from dreamclean.method.measured import info_of

CAMERA = [
    [3 + (3 * i + 4 * j + i * j) // 2 for i in range(8) for j in range(8)],
    [4 + 3 * i + 3 * j for i in range(8) for j in range(8)],
]
"""Tables that no quality has."""


def natural(seed: int, side: int = 192) -> Tensor:
    """A picture with the spectrum of photographs, 1/f in amplitude, and edges: (1, 3, side, side), 8 bits."""
    generator = torch.Generator().manual_seed(seed)
    frequency = (torch.fft.fftfreq(side)[:, None] ** 2 + torch.fft.rfftfreq(side) ** 2).sqrt().clamp(min=1 / side)
    waves = torch.fft.irfft2(
        torch.fft.rfft2(torch.randn(3, side, side, generator=generator)) / frequency, s=(side, side)
    )
    grey, colour = waves[:1] / waves[:1].std(), waves / waves.std()
    edges = F.interpolate(torch.randn(1, 1, 7, 7, generator=generator), size=(side, side), mode="bicubic")[0].sign()
    values = 0.5 + 0.1 * grey + 0.06 * colour + 0.09 * edges
    return eight_bit(values[None])


def eight_bit(x: Tensor) -> Tensor:
    return (x.clamp(0, 1) * 255).round() / 255


def noisy(x: Tensor, std: float) -> Tensor:
    return eight_bit(x + std / 255 * torch.randn(x.shape, generator=torch.Generator().manual_seed(9)))


def found_in(image: Tensor) -> Found:
    found = estimate_jpeg(image)
    assert found is not None
    return found


def as_operator(found: Found) -> JPEG:
    """Of plain data: what a recipe holds."""
    return JPEG(**json.loads(json.dumps(found.settings)))


@pytest.mark.parametrize("quality", [5, 10, 30, 60, 90])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4"])
def test_estimate_jpeg_finds_tables_grid_and_subsampling(quality: int, subsampling: str) -> None:
    jpeg = JPEG(quality=quality, subsampling=subsampling, shift=[(3, 13 if subsampling == "4:2:0" else 5)])
    found = found_in(jpeg.degrade(natural(quality)))
    assert found.quality == quality
    assert found.settings["tables"][0] == list(tables_of(quality)[0])
    assert [part % 8 for part in as_operator(found).grids()[0][:2]] == [3, 5]
    assert found.sure > 0.99
    if quality > 5:  # at 5 hardly any colour is left
        assert as_operator(found).grids() == jpeg.grids()
        assert as_operator(found).passes() == jpeg.passes()
        assert found.earlier == ()


@pytest.mark.parametrize("subsampling", ["4:2:2", "4:4:0", "grey"])
def test_estimate_jpeg_tells_other_subsamplings(subsampling: str) -> None:
    jpeg = JPEG(quality=50, subsampling=subsampling)
    found = found_in(jpeg.degrade(natural(1)))
    assert (found.settings["subsampling"], found.quality) == (subsampling, 50)
    assert len(found.settings["tables"]) == (1 if subsampling == "grey" else 2)


def test_estimate_jpeg_finds_tables_of_their_own() -> None:
    found = found_in(JPEG(tables=CAMERA).degrade(natural(2, 256)))
    luma, true = torch.tensor(found.settings["tables"][0]), torch.tensor(CAMERA[0])
    assert found.quality is None
    assert (luma == true).float().mean() > 0.7
    assert (luma / true).log().abs().mean() < 0.1
    assert "tables of its own" in found.words()


@pytest.mark.parametrize("crop", [(0, 0), (3, 5), (9, 2)])
def test_estimate_jpeg_of_a_crop(crop: tuple[int, int]) -> None:
    """The grid starts where the crop says; halved colour planes have blocks of 16."""
    y = JPEG(quality=40).degrade(natural(3, 208))[..., crop[0] :, crop[1] :]
    assert as_operator(found_in(y)).grids()[0][:2] == crop


@pytest.mark.parametrize("std", [1, 2])
def test_estimate_jpeg_under_mild_noise(std: float) -> None:
    found = found_in(noisy(JPEG(quality=20).degrade(natural(4)), std))
    assert found.quality == 20
    assert 0.5 * std < 255 * found.settings["noise"] < 1.5 * std


def slanted() -> Tensor:
    down, across = torch.meshgrid(torch.arange(160.0), torch.arange(160.0), indexing="ij")
    return eight_bit((0.3 * down + across) / 220).expand(1, 3, 160, 160)


def letters() -> Tensor:
    page = Image.new("RGB", (320, 320), (250, 248, 240))
    draw = ImageDraw.Draw(page)
    for line in range(20):
        draw.text((5 - line, 16 * line), "The quick brown fox jumps over the lazy dog" * 2, fill=(20, 20, 30))
    small = page.resize((200, 200), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 255


def changed() -> dict[str, Any]:
    """Pictures that are no JPEGs: never compressed, or changed since."""
    jpeg = JPEG(quality=60).degrade(natural(5))
    return {
        "clean": natural(6),
        "noise": noisy(natural(7), 12),
        "blurred": eight_bit(F.avg_pool2d(natural(8), 3, 1)),
        "enlarged": eight_bit(F.interpolate(natural(9, 96), scale_factor=2, mode="bicubic")),
        "enlarged, nearest": F.interpolate(natural(9, 96), scale_factor=2, mode="nearest"),
        "flat": torch.full((1, 3, 64, 64), 128 / 255),
        "ramp": eight_bit(torch.linspace(0, 1, 160).expand(1, 3, 160, 160)),
        "slanted ramp": slanted(),
        "letters": letters(),
        "two tones": (natural(10) > 0.5).float(),
        "small": JPEG(quality=30).degrade(natural(11, 24)),
        "resized JPEG": eight_bit(F.interpolate(jpeg, scale_factor=0.8, mode="bicubic", antialias=True)),
        "JPEG under much noise": noisy(jpeg, 15),
        "quality 100": JPEG(quality=100).degrade(natural(12)),
        "quality 98": JPEG(quality=98).degrade(natural(12)),
    }


@pytest.mark.parametrize("name", changed())
def test_estimate_jpeg_says_none_of_other_pictures(name: str) -> None:
    assert estimate_jpeg(changed()[name]) is None


def test_estimate_jpeg_sees_an_earlier_pass_on_another_grid() -> None:
    cascade = JPEG(quality=(40, 90), shift=[(3, 5), 0])
    found = found_in(cascade.degrade(natural(13, 256)))
    assert found.quality == 90
    assert [earlier["shift"] for earlier in found.earlier] == [["3:5"]]
    assert "before that JPEG, about quality" in found.words()
    both = JPEG(**found.cascade())
    assert both.grids() == cascade.grids()
    steps = [torch.tensor(jpeg.passes()[0][0]).float().log() for jpeg in (both, cascade)]
    assert (steps[0] - steps[1]).abs().mean() < 0.1


def test_evidence_is_that_of_the_lattice() -> None:
    """Against the sum of log q N(c - q n; 0, s^2) for exact multiples, and none for values that are anywhere."""
    n, q, s = 50, 12, 0.36
    on = torch.zeros(n, 64)
    on[:, 7] = q * torch.randint(1, 9, (n,), generator=torch.Generator().manual_seed(0)) + 0.12
    found = evidence(histograms(on), s)
    peak = n * math.log(0.98 * q / (s * math.sqrt(2 * math.pi)) + 0.02)
    assert found[7].argmax() == q - 1
    assert abs(float(found[7, q - 1]) - peak) < 0.15 * peak
    assert not found[8].any()
    anywhere = torch.rand(4000, 64, generator=torch.Generator().manual_seed(1)) * 200 + 3
    assert evidence(histograms(anywhere), s)[:, 2:].max() < 0


@pytest.mark.parametrize(("quality", "harmless"), [(30, False), (90, False), (98, True), (100, True)])
def test_said_by_file_is_what_the_file_holds(quality: int, harmless: bool) -> None:
    """And no damage where the steps are nearly all 1."""
    file = io.BytesIO()
    Image.fromarray((natural(1)[0].permute(1, 2, 0) * 255).byte().numpy()).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        found = said_by_file(info_of(Picture.from_pil(image)))
    assert found is not None and found.harmless == harmless
    words = f"JPEG, quality {quality} (from the file), 4:2:0"
    assert (found.quality, found.sure, found.words()) == (quality, 1.0, words)
    assert as_operator(found) == JPEG(tables=tables_of(quality))
    assert said_by_file({"jpeg": None}) is None


@pytest.mark.parametrize("quality", [10, 30])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:2:2", "4:4:0", "4:4:4"])
def test_pale_colours_tell_their_subsampling_by_compressing_again(quality: int, subsampling: Any) -> None:
    """Nearly all of their coefficients are 0, which lie on the lattice of any subsampling."""
    grey = natural(4).mean(1, keepdim=True)
    pale = grey + 0.4 * (natural(4) - grey)
    found = found_in(JPEG(quality=quality, subsampling=subsampling).degrade(pale))
    assert (found.quality, found.settings["subsampling"]) == (quality, subsampling)
    assert "noise" not in found.settings


def test_clipped_colours_are_no_noise() -> None:
    x = (2.2 * natural(4) - 0.6).clamp(0, 1)
    assert "noise" not in found_in(JPEG(quality=10).degrade(x)).settings


@pytest.mark.parametrize(("quality", "shift"), [((20, 50), (0, 1)), ((60, 80), (0, "2:5")), ((10, 20, 40), (0, 3, 6))])
def test_estimate_jpeg_finds_every_pass_that_a_finer_one_followed(quality: tuple[int, ...], shift: Any) -> None:
    """The last of them is the paper's cascade (Table 3)."""
    found = found_in(JPEG(quality=quality, shift=shift).degrade(natural(13, 256)))
    assert found.quality == quality[-1]
    assert [one["shift"][0] for one in (*found.earlier, found.settings)] == list(shift)
    for settings, wanted in zip(found.earlier, quality[:-1], strict=True):
        own, true = (torch.tensor(table).float().log() for table in (settings["tables"][0], tables_of(wanted)[0]))
        assert (own - true).abs().mean() < 0.1


@pytest.mark.parametrize("quality", [15, 50, 85])
def test_estimate_jpeg_sees_no_earlier_pass_where_there_was_none(quality: int) -> None:
    for seed in range(3):
        assert found_in(JPEG(quality=quality, shift=(1,)).degrade(natural(seed, 192))).earlier == ()


@pytest.mark.parametrize("quality", [75, 98])
def test_a_file_that_was_saved_again_shows_what_it_was_before(quality: int) -> None:
    """A picture of the web: a coarse JPEG, cut, and saved again; that the last save was a mild one says little."""
    coarse = JPEG(quality=30).degrade(natural(2, 208))[..., 3:195, 5:197]
    file = io.BytesIO()
    Image.fromarray((coarse[0].permute(1, 2, 0) * 255).byte().numpy()).save(file, "JPEG", quality=quality)
    with Image.open(file) as image:
        picture = Picture.from_pil(image)
    found = jpeg_of(picture.pixels, info_of(picture))
    assert found is not None
    *_, first = found.earlier or (found.settings,)
    assert (nearest_quality(first["tables"][0]), first["shift"]) == (30, ["3:5"])


@pytest.mark.parametrize(("first", "second"), [(20, 90), (40, 90), (10, 60)])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_a_file_that_was_saved_again_on_its_own_grid_shows_the_coarser_pass(
    first: int, second: int, subsampling: int
) -> None:
    """Opened and saved again, without a crop: the commonest of all."""
    files = [io.BytesIO(), io.BytesIO()]
    Picture(natural(2, 192)).with_pixels(natural(2, 192)).save(files[0], "jpeg", quality=first, subsampling=subsampling)
    once = Picture.from_pil(Image.open(files[0]))
    assert (found := jpeg_of(once.pixels, info_of(once))) and not found.earlier
    once.with_pixels(once.pixels).save(files[1], "jpeg", quality=second, subsampling=subsampling)
    again = Picture.from_pil(Image.open(files[1]))
    found = jpeg_of(again.pixels, info_of(again))
    assert found and found.quality == second and len(found.earlier) == 1
    before = found.earlier[0]
    assert nearest_quality(before["tables"][0]) == pytest.approx(first, abs=3)
    assert (before["shift"], before["subsampling"]) == (found.settings["shift"], found.settings["subsampling"])
    assert JPEG(**found.shortest()).decisive() == 0


@pytest.mark.parametrize("quality", [15, 40, 75])
def test_estimate_jpeg_of_a_picture_that_was_turned_on_its_side(quality: int) -> None:
    """As a portrait from a telephone, saved upright: libjpeg's luma table is not symmetric."""
    found = found_in(JPEG(quality=quality).degrade(natural(5, 192)).transpose(2, 3))
    luma, chroma = tables_of(quality)
    turned = [luma[8 * column + row] for row in range(8) for column in range(8)]
    assert (found.quality, found.settings["tables"]) == (quality, [turned, list(chroma)])
    assert "tables of its own" not in found.words()

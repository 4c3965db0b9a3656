"""What explains a picture: from its file and its pixels, alone and before a JPEG; noise before it; and the review of a result."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dreamclean import (
    JPEG,
    Auto,
    Blur,
    Diagnosis,
    Enlarged,
    EnlargedJPEG,
    Grain,
    Identity,
    Inpaint,
    Mixture,
    Picture,
    Plan,
    Restorer,
)
from dreamclean.builtin.operators.kernels import gaussian_size
from dreamclean.builtin.planners.diagnosis import degradation
from dreamclean.builtin.planners.diagnosis.damages.drawn import screenshot
from dreamclean.builtin.planners.diagnosis.damages.kind import eight_bit, normal
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS
from dreamclean.builtin.planners.diagnosis.degradation import explained
from dreamclean.builtin.planners.diagnosis.diagnose import diagnose_image
from dreamclean.builtin.planners.diagnosis.jpeg.noise_before import noise_before
from dreamclean.builtin.planners.diagnosis.resolution.found import Found
from dreamclean.builtin.planners.diagnosis.resolution.narrowed import narrowed
from dreamclean.builtin.planners.diagnosis.review import LOUDER, revised, unexplained
from dreamclean.builtin.planners.diagnosis.treatment import treatment
from dreamclean.contracts.levels import DDPMSchedule
from dreamclean.contracts.operator import Chain
from dreamclean.testing.loaded import loaded

PHOTO = Path(__file__).parent.parent / "docs/images/real-noise.jpg"


def scene(side: int = 128, seed: int = 0, slope: float = 1.2) -> Tensor:
    """A picture (1, 3, side, side) in 8 bits with the falling spectrum of photographs, and edges."""
    generator = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft2(torch.randn(1, 3, side, side, generator=generator))
    wave = torch.hypot(torch.fft.fftfreq(side)[:, None], torch.fft.rfftfreq(side)[None])
    x = torch.fft.irfft2(spectrum / (wave + 0.01) ** slope, s=(side, side))
    x = 0.5 + 0.16 * (x - x.mean()) / x.std()
    for k in range(12):
        top, left, height, width = torch.randint(4, side - side // 3, (4,), generator=generator).tolist()
        x[..., top : top + height // 3, left : left + width // 3] += 0.12 * (-1) ** k
    return eight_bit(x)


def expects(image: Tensor) -> Any:
    """A prior that knows the picture."""
    return lambda picture, std: image


def test_explained_says_nothing_of_clean_pictures() -> None:
    for image in (scene(), scene(seed=1), screenshot(scene(), 0).shown):
        assert explained(image, {}, expects(image)) is None


def test_explained_believes_the_file() -> None:
    image = scene()
    told = {
        "jpeg": JPEG(quality=(30,)).model_dump(mode="json")
        | {"tables": [list(t) for t in JPEG(quality=(30,)).passes()[0]]}
    }
    found = explained(image, told, expects(image))
    assert found is not None and found.family == "JPEG" and "from the file" in found.words


def test_explained_finds_a_jpeg_in_the_pixels() -> None:
    image = scene()
    found = explained(JPEG(quality=(40,)).degrade(image), {}, expects(image))
    assert found is not None and found.family == "JPEG"
    assert isinstance(found.operator, JPEG) and found.operator.quality == (40,)


def test_explained_finds_what_came_before_a_mild_jpeg() -> None:
    image = scene()
    enlarged = KINDS["enlarged"].make(image, 0, factor=2, method="nearest").shown
    found = explained(JPEG(quality=(90,), subsampling="4:4:4").degrade(enlarged), {}, expects(image))
    assert found is not None and found.family == "enlarged"
    assert isinstance(found.operator, Chain)
    first, last = found.operator.links
    assert isinstance(first, Enlarged) and first.factor == (2.0,) and first.noise == 0
    assert isinstance(last, JPEG) and last.quality == (90,)


def test_explained_believes_half_of_a_blurs_noise_before_a_jpeg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without any, noise that was there is amplified; with all of it, the JPEG's rounding counts twice."""
    image = scene(slope=2.2)
    blur = Found(Blur(shape="gaussian", size=7, std=(1.5,), noise=0.01), 0.9)
    monkeypatch.setattr(degradation, "estimate_blur", lambda image, ask: blur)
    monkeypatch.setattr(degradation, "find_outliers", lambda image, ask: None)
    found = explained(JPEG(quality=(90,)).degrade(blur.operator.degrade(image)), {}, expects(image))
    assert found is not None and isinstance(found.operator, Chain)
    first, last = found.operator.links
    assert isinstance(last, JPEG) and isinstance(first, Blur) and first.noise == 0.005


def test_explained_looks_no_further_after_a_strong_jpeg() -> None:
    enlarged = KINDS["enlarged"].make(scene(), 0, factor=2, method="nearest").shown
    found = explained(JPEG(quality=(10,)).degrade(enlarged), {}, expects(scene()))
    assert found is not None and isinstance(found.operator, JPEG)


def test_explained_takes_lost_pixels_out() -> None:
    damaged = KINDS["salt-and-pepper"].make(scene(), 3, share=0.05)
    found = explained(damaged.shown, {}, expects(scene()))
    assert found is not None and found.family == "outliers" and isinstance(found.operator, Inpaint)
    lost = found.operator.known(128, 128) == 0
    assert damaged.lost is not None
    assert float((lost & damaged.lost).sum() / damaged.lost.sum()) > 0.9


def test_explained_takes_out_what_was_lost_before_a_mild_jpeg_after_it() -> None:
    """It was compressed as well: a mask before the JPEG would leave the white lines in the measurement."""
    image = scene(slope=1.6)
    damaged = KINDS["scratches"].make(image, 3, count=6, std=0.0)
    shown = JPEG(quality=(85,)).degrade(damaged.shown)
    found = explained(shown, {}, expects(image))
    assert found is not None and found.family == "outliers"
    assert isinstance(found.operator, Chain)
    assert [type(link) for link in found.operator.links] == [JPEG, Inpaint]
    y = found.operator.from_picture(shown)
    known = found.operator.links[1].known(128, 128) > 0
    assert damaged.lost is not None
    scratched, around = (F.max_pool2d(damaged.lost.float(), side, 1, side // 2) > 0 for side in (3, 9))
    near = known & around & ~scratched
    start, projected = found.operator.start(y), found.operator.project(image, y, 0.05)
    for made in (start, projected):
        assert float(((made - image) * near).square().sum() / near.sum() / 3) ** 0.5 < 0.1


def test_explained_says_the_noise_of_what_a_dense_mask_leaves() -> None:
    """The spectrum of a picture of which half was filled in shows less noise than there is."""
    operator = Inpaint(share=0.5, noise=0.05)
    shown = eight_bit(operator.measure(scene(), torch.Generator().manual_seed(0)).clamp(0, 1))
    found = explained(shown, {}, expects(scene()))
    assert found is not None and isinstance(found.operator, Inpaint)
    assert found.operator.noise > 0.045
    assert float((found.operator.known(128, 128) == operator.known(128, 128)).float().mean()) > 0.98


def test_explained_takes_coarse_grain_for_no_blur(monkeypatch: pytest.MonkeyPatch) -> None:
    """A blur explains the noise too; grain is much louder than what a blur leaves over."""
    blur = Found(Blur(shape="gaussian", size=7, std=(0.9,), noise=5.5 / 255), 0.7)
    monkeypatch.setattr(degradation, "estimate_blur", lambda image, ask: blur)
    grainy = KINDS["grain"].make(scene(), 1, std=25.0, blur=1.5).shown
    soft = KINDS["blur"].make(scene(), 1, std=1.5, noise=4.0).shown
    assert explained(grainy, {}, expects(grainy)) is None
    found = explained(soft, {}, expects(soft))
    assert found is not None
    assert found.family == "blurred"


def test_explained_finds_a_jpeg_that_was_enlarged() -> None:
    small = JPEG(quality=(40,)).degrade(scene(160)[..., :80, :80])
    shown = eight_bit(F.interpolate(small, scale_factor=2, mode="nearest"))
    found = explained(shown, {}, expects(shown))
    assert found is not None and found.family == "enlarged" and isinstance(found.operator, EnlargedJPEG)
    assert found.operator.quality == (40,) and found.operator.factor == (2.0,) and found.operator.method == "nearest"
    assert found.words.startswith("JPEG, quality 40")
    noisy = eight_bit(shown + 2 / 255 * normal(shown, 0))
    found = explained(noisy, {}, expects(shown))
    assert found is not None and isinstance(found.operator, EnlargedJPEG)
    assert found.operator.noise * 255 == pytest.approx(2, rel=0.3)


def test_explained_finds_noise_that_was_enlarged() -> None:
    small = scene(192, slope=2.2)[..., :96, :96]
    noisy = eight_bit(small + 15 / 255 * normal(small, 4))
    found = explained(F.interpolate(noisy, scale_factor=2, mode="nearest"), {}, expects(small))
    assert found is not None and isinstance(found.operator, Enlarged)
    assert found.operator.grain == pytest.approx(15 / 255, rel=0.25)
    assert found.words.startswith("noise of standard deviation 1")


# ------------------------------------------------------------------------------------------ noise before a JPEG


@pytest.mark.parametrize("quality", [60, 85])
def test_noise_before_finds_noise_that_was_compressed(quality: int) -> None:
    operator = JPEG(quality=(quality,), shift=("3:5",))
    image = scene(192, slope=2.2)
    found = noise_before(operator.degrade(eight_bit(image + 20 / 255 * normal(image, 1))), operator)
    assert found == pytest.approx(20 / 255, rel=0.3)
    assert noise_before(operator.degrade(image), operator) is None


def test_noise_before_a_jpeg_makes_a_chain() -> None:
    operator, image = JPEG(quality=(85,)), scene(192, slope=2.2)
    y = operator.degrade(eight_bit(image + 20 / 255 * normal(image, 1)))
    prior = Mixture.around(image[..., :32, :32])
    found = diagnose_image(y, {}, prior, loaded(prior))
    assert isinstance(found.operator, Chain)
    assert isinstance(found.operator.links[0], Identity) and found.operator.links[0].noise == pytest.approx(
        20 / 255, rel=0.3
    )
    assert found.words().startswith("noise of standard deviation ") and "JPEG, quality 85" in found.words()
    assert treatment(found, DDPMSchedule.linear()) == {"operator": found.operator}


@pytest.mark.parametrize("kind", ["grain", "grey-noise"])
@pytest.mark.parametrize("quality", [75, 92])
def test_grain_in_a_jpeg_is_removed_as_if_there_were_no_jpeg(kind: str, quality: int) -> None:
    """Noise that is not white is not found before a JPEG, and is much the greater damage; a review may drop it."""
    made = KINDS[kind].make(scene(192, slope=2.2), 1, std=20.0)
    operator = JPEG(quality=(quality,))
    prior = Mixture.around(made.clean[..., :32, :32])
    found = diagnose_image(operator.degrade(made.shown), {}, prior, loaded(prior))
    assert found.family == "coloured noise" and isinstance(found.operator, Grain)
    assert found.words().startswith("grain or" if kind == "grain" else "noise of a grey")
    assert f"; JPEG, quality {quality}" in found.words()
    assert found.otherwise is not None and found.otherwise.family == "JPEG"


@pytest.mark.parametrize(("quality", "std"), [(75, 0.0), (92, 0.0), (92, 4.0), (30, 20.0)])
def test_clean_coarse_and_faintly_grainy_jpegs_are_jpegs(quality: int, std: float) -> None:
    image = scene(192, slope=2.2)
    shown = KINDS["grain"].make(image, 1, std=std, blur=1.0).shown if std else image
    prior = Mixture.around(image[..., :32, :32])
    found = diagnose_image(JPEG(quality=(quality,)).degrade(shown), {}, prior, loaded(prior))
    assert found.family == "JPEG"


# ------------------------------------------------------------------------------------------ the review


def blurred(std: float, noise: float) -> tuple[Blur, Diagnosis]:
    blur = Blur(shape="gaussian", size=gaussian_size(std), std=(std,), noise=noise)
    return blur, Diagnosis("blurred", 0.9, blur, "a blur")


def test_revised_counts_the_grain_of_a_small_picture() -> None:
    operator = Enlarged(factor=(2.0,), grain=0.05)
    y = eight_bit(operator.measure(scene(), torch.Generator().manual_seed(3)))
    found = Diagnosis("enlarged", 0.9, operator, "enlarged")
    assert unexplained(y, operator, scene()) > LOUDER / 255
    assert revised(y, found, scene()) is None
    assert revised(y, Diagnosis("enlarged", 0.9, Enlarged(factor=(2.0,)), "enlarged"), scene()) is not None


def test_grain_is_confirmed_where_it_was_not_cut_off() -> None:
    """Of more than half of this picture, blown white, next to nothing can be taken away."""
    clean = scene(192)
    clean[..., 80:, :] = 1.0
    grain = Grain(std=0.1)
    y = eight_bit(grain.measure(clean, torch.Generator().manual_seed(0)).clamp(0, 1))
    y[..., 80:, :] = 1.0
    found = Diagnosis("coloured noise", 0.99, grain, "grain", otherwise=Diagnosis("clean"))
    assert revised(y, found, clean) is None
    assert revised(y, found, y) == Diagnosis("clean")


def test_revised_knows_that_grey_noise_is_that_of_the_mean() -> None:
    """The noise that a blur says is three times the variance of the mean over the channels."""
    grey = scene().mean(1, keepdim=True).expand(-1, 3, -1, -1)
    blur = Blur(shape="gaussian", size=7, std=(1.5,))
    noise = 0.02 * torch.randn(1, 1, 128, 128, generator=torch.Generator().manual_seed(0))
    y = blur.degrade(grey) + noise
    found = Diagnosis("blurred", 0.9, blur.model_copy(update={"noise": 0.02 * 3**0.5}), "blur")
    assert revised(y, found, grey) is None
    off = grey + 0.05 * torch.sin(torch.arange(128) / 6)  # leaves 1.9 times the noise
    assert revised(y, found, off) is not None


def test_revised_lets_a_result_stand_that_explains_the_picture() -> None:
    blur, found = blurred(1.5, 5 / 255)
    y = eight_bit(blur.degrade(scene()) + 5 / 255 * normal(scene(), 2))
    assert unexplained(y, blur, scene()) == pytest.approx(5 / 255, rel=0.05)
    assert revised(y, found, scene()) is None


def test_revised_takes_a_blur_for_narrower_where_the_result_contradicts_the_picture() -> None:
    blur, found = blurred(2.0, 2 / 255)
    y = eight_bit(blur.degrade(scene()) + LOUDER * 2.5 / 255 * normal(scene(), 2))
    second = revised(y, found, scene())
    assert second is not None and isinstance(second.operator, Blur)
    assert second.operator.std[0] == pytest.approx(1.7) and "1.7 pixels" in second.words()


def test_narrowed_makes_a_soft_motion_smaller_in_both_directions_and_words_name_both() -> None:
    blur = Blur(shape="motion", length=10, angle=90, width=1.0, noise=0.05)
    assert degradation.blur_words(blur).startswith("motion blur, 10 pixels at 90 degrees, std 1 across, noise")
    assert (narrowed(blur, 0.8).length, narrowed(blur, 0.8).width) == (8, 0.8)
    thin = Blur(shape="motion", length=10, angle=90)
    assert degradation.blur_words(thin) == "motion blur, 10 pixels at 90 degrees"


def test_revised_takes_a_box_for_the_next_smaller_one() -> None:
    box = Blur(shape="uniform", size=9, noise=2 / 255)
    y = eight_bit(box.degrade(scene()) + LOUDER * 2.5 / 255 * normal(scene(), 2))
    second = revised(y, Diagnosis("blurred", 0.9, box), scene())
    assert second is not None and isinstance(second.operator, Blur)
    assert second.operator.size == 7 and "box blur, 7 pixels" in second.words()


def test_explained_asks_a_prior_about_a_blur_in_loud_noise() -> None:
    soft = Blur(shape="gaussian", size=13, std=(2.0,)).degrade(scene(192, seed=4))
    noisy = eight_bit(soft + 12 / 255 * normal(soft, 2))
    found = explained(noisy, {}, expects(soft))
    assert found is not None and found.family == "blurred"
    assert 255 * found.operator.noise == pytest.approx(12, rel=0.05)
    assert explained(noisy, {}, expects(scene(192, seed=4))) is None


def test_revised_takes_the_noise_of_other_operators_for_louder() -> None:
    enlarged = Enlarged(factor=(2.0,), noise=1 / 255)
    y = eight_bit(enlarged.degrade(scene()) + 6 / 255 * normal(scene(), 2))
    second = revised(y, Diagnosis("enlarged", 0.9, enlarged), scene())
    assert second is not None and second.operator is not None
    assert second.operator.noise == pytest.approx(6 / 255, rel=0.05)


GRAIN = Grain(std=10 / 255, blur=1.0)


def reviewed(share: float, otherwise: Diagnosis | None, sure: float = 0.8) -> Diagnosis | None:
    """The review of a result that took away so much of the grain that was said."""
    y = GRAIN.measure(scene(), torch.Generator().manual_seed(0))
    return revised(y, Diagnosis("coloured noise", sure, GRAIN, otherwise=otherwise), torch.lerp(y, scene(), share))


def test_revised_has_nothing_to_say_without_another_diagnosis() -> None:
    assert reviewed(0.1, None) is None


@pytest.mark.parametrize(("share", "sure"), [(0.8, 0.8), (0.8, 0.99), (0.53, 0.99)])
def test_revised_lets_grain_stand_that_the_prior_takes_away(share: float, sure: float) -> None:
    assert reviewed(share, Diagnosis("clean", 0.7), sure) is None


@pytest.mark.parametrize(("share", "sure"), [(0.4, 0.8), (0.53, 0.8), (0.45, 0.99)])
def test_revised_drops_grain_that_the_prior_keeps(share: float, sure: float) -> None:
    assert reviewed(share, Diagnosis("clean", 0.7), sure) == Diagnosis("clean", 0.7)


def test_restorer_follows_a_review_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second plan's result is returned, with the evaluations of both."""
    image = scene(32)
    plans = iter(["identity:noise=0.2", "identity:noise=0.1"])
    reviews = []

    def plan(*args: Any) -> Plan:
        return Plan({"operator": next(plans), "strength": "nsr:0.3", "steps": 3})

    monkeypatch.setattr(Auto, "__call__", plan)
    monkeypatch.setattr(Auto, "review", lambda *args: reviews.append(args) or plan())
    result = Restorer(Mixture.around(image), planner="auto", device="cpu", seed=0)(image)
    assert len(reviews) == 1 and reviews[0][3].shape == image.shape
    assert result.recipe.operator is not None and result.recipe.operator["noise"] == 0.1
    once = Restorer(
        Mixture.around(image), operator="identity:noise=0.1", strength="nsr:0.3", steps=3, device="cpu", seed=0
    )(image)
    assert result.nfe == 2 * once.nfe
    torch.testing.assert_close(result.image, once.image)


# ------------------------------------------------------------------------------------------ on the command line


def test_explain_draws_what_was_found(cli: Any, unet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = JPEG(quality=(30,)).degrade(scene(64))
    Picture(pixels).with_pixels(pixels).save("in.png")
    status, out, err = cli("restore", "in.png", "--prior", unet, "--explain", "why.png")
    assert (status, "JPEG, quality 30" in out) == (0, True), err
    sheet = Picture.open("why.png").pixels
    assert sheet.shape[-1] > 4 * 64 and sheet.shape[-2] > 64
    torch.testing.assert_close(sheet[..., 22 : 22 + 64, 8 : 8 + 64], pixels, atol=0.6 / 255, rtol=0)


def test_explain_draws_a_result_of_another_size_and_the_first_of_several_pages(
    cli: Any, unet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = Picture(scene(48)).with_pixels(scene(48))
    page.save("in.png")
    page.save("in.tif", save_all=True, append_images=[page.rotate(180)])
    for options in (["in.png", "--enlarge", "2"], ["in.tif", "--operator", "identity:noise=0.1"]):
        status, _, err = cli("restore", *options, "--prior", unet, "--steps", "1", "--explain", f"{options[0]}.png")
        assert status == 0 and "only the first" not in err, err
    assert Picture.open("in.png.png").pixels.shape[-1] > 3 * 96
    sheet = Picture.open("in.tif.png").pixels[..., 22 : 22 + 48, 8 : 8 + 48]
    torch.testing.assert_close(sheet, scene(48), atol=0.6 / 255, rtol=0)


def test_explain_draws_the_picture_that_its_result_replaces(
    cli: Any, unet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Picture(scene(48)).with_pixels(scene(48)).save("in.png")
    options = ["-o", "in.png", "--overwrite", "--operator", "identity:noise=0.3", "--explain", "why.png"]
    assert cli("restore", "in.png", *options, "--prior", unet, "--steps", "1").status == 0
    given, result = Picture.open("why.png").pixels[..., 22 : 22 + 48, 8 : 8 + 48], Picture.open("in.png").pixels
    torch.testing.assert_close(given, scene(48), atol=0.6 / 255, rtol=0)
    assert float((result - scene(48)).abs().mean()) > 2 / 255


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("in.png --explain in.png --overwrite", "the drawing would replace in.png; give it another name"),
        ("in.png -o out.png --explain out.png", "the drawing would replace out.png"),
        ("in.png --explain folder/in.png", "folder/in.png is there already; choose another name or say --overwrite"),
        ("folder --explain why.png", "--explain is for one picture"),
        ("in.png --explain why.jpg", "why.jpg cannot be drawn; choose a name that ends in .png"),
        ("in.png --explain nowhere/why.png", "there is no folder nowhere"),
        ("in.png --enlarge 2 --operator blur", "give either --enlarge or --operator"),
    ],
)
def test_explain_and_enlarge_refuse(
    arguments: str, message: str, cli: Any, unet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    for name in ("in.png", "folder/in.png"):
        Picture(scene(48)).with_pixels(scene(48)).save(name)
    status, out, err = cli("restore", *arguments.split(), "--prior", unet)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert sorted(path.name for path in Path().rglob("*.png")) == ["in.png", "in.png"]


def test_enlarge_makes_a_small_picture_larger(
    cli: Any, unet: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Picture(scene(48)).with_pixels(scene(48)).save("in.png")
    assert cli("restore", "in.png", "-o", "out.png", "--prior", unet, "--enlarge", "2")[0] == 0
    assert Picture.open("out.png").pixels.shape[-2:] == (96, 96)


@pytest.mark.parametrize(("share", "grain"), [(0.5, 0.0), (0.8, 0.05)])
def test_revised_drops_the_noise_of_a_small_picture_that_the_prior_keeps(share: float, grain: float) -> None:
    """Fine texture that is made small looks like noise."""
    small = scene(64) + 0.05 * torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    enlarged = Enlarged(factor=(2.0,), method="nearest", shrunk="average", grain=0.05)
    image = enlarged.enlarge(small, 128, 128)
    result = enlarged.enlarge(torch.lerp(small, scene(64), share), 128, 128)
    words = "noise of standard deviation 13 of 255; then enlarged 2 times, bicubic"
    second = revised(image, Diagnosis("enlarged", 0.9, enlarged, words), result)
    if grain:
        assert second is None or (isinstance(second.operator, Enlarged) and second.operator.grain == grain)
    else:
        assert second is not None and isinstance(second.operator, Enlarged)
        assert (second.operator.grain, second.found) == (0.0, "enlarged 2 times, bicubic")

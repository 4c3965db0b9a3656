"""What can be given from Python: arrays and lists as well; and what is refused, in a short line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import (
    VPS,
    Diffusers,
    DreamCleanError,
    Identity,
    LinearOperator,
    Mixture,
    Operator,
    Plan,
    Planner,
    Restorer,
    Step,
)

QUICK: dict[str, Any] = {"strength": 300, "steps": 3, "device": "cpu", "dtype": "float32"}


@pytest.fixture(scope="module")
def restorer(unet: str) -> Restorer:
    return Restorer(unet, **QUICK)


# Arrays


@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_array_of_bytes_is_a_picture(mode: str, restorer: Restorer, photo: Image.Image) -> None:
    given = photo.convert(mode)
    result, wanted = restorer(np.asarray(given)).image, np.asarray(restorer(given).image)
    assert result.dtype == np.uint8
    assert np.array_equal(result, wanted) and not np.array_equal(result, np.asarray(given))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_array_of_numbers_is_restored_as_the_picture_is(
    dtype: type, mode: str, restorer: Restorer, photo: Image.Image
) -> None:
    given = photo.convert(mode)
    array = (np.asarray(given) / 255).astype(dtype)
    before = array.copy()
    result = restorer(array).image
    assert (result.dtype, result.shape) == (dtype, array.shape)
    assert np.abs(result * 255 - np.asarray(restorer(given).image)).max() < 2
    assert np.array_equal(array, before)


def test_array_is_taken_by_an_operator(unet: str, photo: Image.Image) -> None:
    large, grey = Restorer(unet, operator="downsample:factor=2", **QUICK), np.asarray(photo.convert("L"))
    assert large(np.asarray(photo)).image.shape == (42, 66, 3)
    assert large(grey / 255).image.shape == (42, 66)
    colours = Restorer(unet, operator="colorize", **QUICK)
    assert colours(grey).image.shape == colours(grey / 255).image.shape == (21, 33, 3)
    with pytest.raises(DreamCleanError, match="is not a picture; give it as a tensor"):
        Restorer(unet, operator="fourier-magnitude", **QUICK)(grey)


def test_array_that_comes_out_can_be_written_to(restorer: Restorer, photo: Image.Image) -> None:
    for array in (np.asarray(photo), np.asarray(photo) / 255):
        assert restorer(array).image.flags.writeable


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_tensor_of_half_precision_is_restored_in_single(dtype: torch.dtype, unet: str) -> None:
    blind = Restorer(Mixture.around(torch.rand(1, 3, 40, 48)), strength=100, steps=2, device="cpu")
    blur = Restorer(unet, operator="blur:length=5,angle=30,noise=0.05", **QUICK)
    image = torch.rand(1, 3, 40, 48, generator=torch.Generator().manual_seed(0)).to(dtype)
    for restorer in (blind, blur):
        made = restorer(image).image
        assert made.dtype == dtype and made.equal(restorer(image.float()).image.to(dtype))
    assert blind.plan(image) == blind.plan(image.float())


def test_empty_tensor_is_refused(restorer: Restorer) -> None:
    with pytest.raises(DreamCleanError, match=r"the tensor is \(0, 3, 8, 8\); give \(B, 3, H, W\), one image or more"):
        restorer(torch.zeros(0, 3, 8, 8))


@pytest.mark.parametrize("seed", [np.int64(3), 3])
def test_list_takes_one_seed_of_any_kind(seed: Any, restorer: Restorer, photo: Image.Image) -> None:
    assert [made.recipe.seed for made in restorer([photo, photo], seed=seed)] == [3, 3]


def test_array_can_be_diagnosed(photo: Image.Image) -> None:
    restorer = Restorer(Mixture.around(torch.rand(1, 3, 21, 33)), **QUICK)
    wanted = restorer.plan(photo).report
    assert restorer.plan(np.asarray(photo)).report == wanted
    assert restorer.plan(np.asarray(photo) / np.float32(255)).report == wanted


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 8, 8, 3), np.uint8),
        np.zeros((3, 8, 8)),
        np.zeros((8, 8, 4), np.uint8),
        np.zeros(8),
        np.zeros((8, 8, 3), np.int64),
        np.zeros((8, 8, 3), bool),
        np.zeros((0, 8, 3)),
        np.array([object()]),
    ],
)
def test_array_of_another_form_is_refused(array: np.ndarray, restorer: Restorer) -> None:
    for use in (restorer, restorer.plan):
        with pytest.raises(
            DreamCleanError, match=r"give \(H, W, 3\) or \(H, W\) of uint8, or of floating-point values"
        ):
            use(array)


# Lists


def test_list_gives_a_list(restorer: Restorer, photo: Image.Image, tmp_path: Path) -> None:
    photo.save(tmp_path / "in.png")
    batch = torch.rand(2, 3, 12, 20)
    results = restorer([photo, tmp_path / "in.png", np.asarray(photo), batch])
    alone = restorer(photo).image
    assert results[0].image.tobytes() == results[1].image.tobytes() == alone.tobytes()
    assert np.array_equal(results[2].image, np.asarray(alone))
    assert torch.equal(results[3].image, restorer(batch).image)
    assert restorer([]) == []
    assert len(restorer((photo, photo))) == 2


def test_list_takes_a_seed_for_each(restorer: Restorer, photo: Image.Image) -> None:
    results = restorer([photo, photo], seed=[4, 5])
    assert [result.recipe.seed for result in results] == [4, 5]
    assert results[1].image.tobytes() == restorer(photo, seed=5).image.tobytes() != results[0].image.tobytes()
    assert [result.recipe.seed for result in restorer([photo, photo], seed=7)] == [7, 7]
    with pytest.raises(DreamCleanError, match="3 seeds for 2 pictures"):
        restorer([photo, photo], seed=[1, 2, 3])


def test_list_names_a_bad_one(restorer: Restorer, photo: Image.Image) -> None:
    for bad in (np.zeros(3), [photo]):
        with pytest.raises(DreamCleanError, match="picture 2 of 3: "):
            restorer([photo, bad, photo])


@pytest.mark.parametrize("strength", [300, "auto"])
def test_step_says_whose_it_is(strength: int | str, monkeypatch: pytest.MonkeyPatch) -> None:
    images = 0.5 + torch.zeros(3, 3, 32, 32)
    noisy = images + 0.1 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    restorer = Restorer(Mixture.around(images[:1], std=0.01), **{**QUICK, "strength": strength, "steps": None})
    heard: list[Step] = []
    results = restorer([noisy[:1], noisy[1:]], on_step=heard.append, trace=True)
    assert all(result.nfe > 6 for result in results)  # none was left as it is
    one_by_one = strength == "auto"
    assert list(dict.fromkeys(step.image for step in heard)) == ([0, 1, 2] if one_by_one else [0, 1])
    assert {step.image: len(step.x) for step in heard} == ({0: 1, 1: 1, 2: 1} if one_by_one else {0: 1, 1: 2})
    assert [step.image for result in results for step in result.trace] == [step.image for step in heard]


# What is refused


SECRET = "SECRET" * 40_000


class Chatty:
    """An object that prints what it holds."""

    def __repr__(self) -> str:
        return SECRET


@pytest.mark.parametrize(
    "use",
    [
        lambda restorer, given: restorer(given),
        lambda restorer, given: restorer([given]),
        lambda restorer, given: restorer.plan(given).report,
        lambda restorer, given: Restorer(given),
        lambda restorer, given: Restorer(corrector=given),
        lambda restorer, given: Restorer(corrector={"gamma": given}),
        lambda restorer, given: Restorer(corrector={"name": "vps", "gamma": given}),
        lambda restorer, given: VPS(gamma=given),
        lambda restorer, given: Restorer(operator="identity", noise=given),
        lambda restorer, given: Restorer(recipe=given),
        lambda restorer, given: Restorer(strength=given),
        lambda restorer, given: Restorer(restorer.prior, dtype=given),
        lambda restorer, given: restorer(torch.zeros(1, 3, 8, 8), seed=given),
    ],
)
@pytest.mark.parametrize(
    "given",
    [SECRET, SECRET.encode(), bytearray(SECRET.encode()), Chatty(), {"a": SECRET}],
    ids=lambda g: type(g).__name__,
)
def test_restorer_does_not_print_what_it_refuses(
    use: Callable[[Restorer, Any], object], given: Any, restorer: Restorer
) -> None:
    with pytest.raises(DreamCleanError) as refused:
        use(restorer, given)
    assert len(str(refused.value)) < 500 and "\n" not in str(refused.value)
    assert str(refused.value).count("SECRET") < 24


@pytest.mark.parametrize("given", [b"\x89PNG", bytearray(3), None, 5, {"a": 1}, object()])
def test_restorer_refuses_what_is_no_picture(given: Any, restorer: Restorer) -> None:
    with pytest.raises(DreamCleanError, match="a picture is a path, a PIL image, an array") as refused:
        restorer(given)
    assert ("io.BytesIO" in str(refused.value)) == isinstance(given, bytes | bytearray)


def wide(x: Tensor) -> Tensor:
    return x * 2 - 1


def smooth(low: float, high: float) -> Tensor:
    return torch.linspace(low, high, 32).expand(1, 3, 16, 32).clone()


NOISE = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
"""Of a fixed seed: of other noise no part may be dark enough to tell."""


@pytest.mark.parametrize("image", [smooth(0, 1), smooth(0.3, 1), smooth(0.1, 0.3), NOISE])
def test_tensor_in_minus_one_to_one_is_refused(image: Tensor, restorer: Restorer, unet: str) -> None:
    operator = Restorer(unet, operator="identity", noise=0.01, **QUICK)
    for use in (restorer, restorer.plan, operator):
        with pytest.raises(DreamCleanError, match=r"scale them to \[0, 1\], which is \(x \+ 1\) / 2"):
            use(wide(image))
    array = wide(image)[0].movedim(0, -1).numpy()
    with pytest.raises(DreamCleanError, match=r"\(x \+ 1\) / 2"):
        restorer(array)


def test_tensor_with_noise_below_black_is_accepted(restorer: Restorer, unet: str) -> None:
    for std, clean in ((0.1, smooth(0, 1)), (0.1, smooth(0, 0.1)), (0.3, smooth(0, 1)), (1.0, smooth(0, 1))):
        noisy = clean + std * torch.randn(clean.shape, generator=torch.Generator().manual_seed(0))
        assert noisy.min() < -0.1
        assert restorer(noisy).image.shape == clean.shape
    assert Restorer(unet, operator="identity", noise=0.3, **QUICK)(noisy.clamp(-1, 1)).image.shape == clean.shape


# Settings


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VPS(gamma=2), r"^corrector vps: gamma: Input should be less than or equal to 1 \(got 2\)$"),
        (lambda: VPS(gama=0.1), "^corrector vps: there is no setting 'gama'; did you mean 'gamma'[?]$"),
        (Diffusers, "^prior diffusers: setting 'path' is needed$"),
        (lambda: Identity(noise=float("-inf")), "^operator identity: noise: "),
        (lambda: Restorer(recipe={"stpes": 3}), "^recipe: there is no setting 'stpes'; did you mean 'steps'[?]$"),
    ],
)
def test_setting_that_cannot_be_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(DreamCleanError, match=message):
        make()


def test_setting_that_is_bad_is_a_value_error() -> None:
    with pytest.raises(ValueError, match="gamma"):
        VPS(gamma=2)


# Planners and operators from Python


class Own(LinearOperator):
    """Of the name of another, and not registered."""

    name = "blur"

    def degrade(self, x: Tensor) -> Tensor:
        return 0.5 * x

    def image_shape(self, y: Tensor) -> torch.Size:
        return y.shape


class Mono(LinearOperator):
    """One channel, and nothing else is said."""

    name = "mono"

    def degrade(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)


def test_measurement_of_one_channel_is_taken_as_it_is() -> None:
    x = torch.rand(1, 3, 16, 16)
    chain = Mono() @ Own()
    result = Restorer(Mixture.around(x, std=0.1), operator=chain, **QUICK)(chain.degrade(x))
    assert result.image.shape == x.shape


class Planning(Planner):
    """Plans an operator as an object."""

    name = "planning"

    def __call__(self, image: Tensor, info: Any, prior: Any, model: Any) -> Plan:
        assert dict(info) == {"transparent": False, "jpeg": None}
        return Plan({"operator": Own(), "strength": 100, "steps": 2})


def test_plan_with_an_operator_object_runs_that_object() -> None:
    image = torch.full((1, 3, 16, 16), 0.4)
    restorer = Restorer(Mixture.around(image, std=0.1), planner=Planning(), device="cpu", dtype="float32")
    result = restorer(image)
    assert (result.image - 0.8).abs().max() < 0.05
    assert "Own" in str(result.recipe.operator)
    assert "Own" in str(restorer.explain(image).settings["operator"].value)


@pytest.mark.parametrize(("factor", "side"), [(5, 100), (5, 200), (7, 91), (9, 90), (4, 100), (3, 96)])
def test_image_shape_of_what_shrinks_is_that_of_the_image(factor: int, side: int) -> None:
    class Shrink(LinearOperator):
        name = "shrink"

        def degrade(self, x: Tensor) -> Tensor:
            return torch.nn.functional.avg_pool2d(x, factor)

    assert (
        Shrink().image_shape(torch.rand(1, 3, side // factor, side // factor)).numel()
        == 3 * (side // factor * factor) ** 2
    )


def test_operator_without_a_forward_derivative_is_told_what_to_do() -> None:
    class Lens(Operator):
        name = "lens"

        def degrade(self, x: Tensor) -> Tensor:
            grid = torch.nn.functional.affine_grid(torch.eye(2, 3)[None], [1, 3, *x.shape[2:]]).expand(
                len(x), -1, -1, -1
            )
            return torch.nn.functional.grid_sample(x, grid, align_corners=False).clamp(min=1e-3) ** 0.5

    x = torch.rand(1, 3, 16, 16)
    with pytest.raises(
        DreamCleanError, match=r"lens: torch has no forward derivative .* override linearize, or make it a"
    ):
        Lens().project(x, Lens().degrade(x.flip(3)), 0.1)


# Operators of one channel


class Grey(LinearOperator):
    """The mean of the channels, by an author who forgot picture files."""

    name = "grey"

    def degrade(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True)


class SizedGrey(Grey):
    """The same, with the image's size."""

    name = "sized-grey"

    def image_shape(self, y: Tensor) -> torch.Size:
        return torch.Size((len(y), 3, *y.shape[2:]))


@pytest.mark.parametrize("operator", [Grey(), SizedGrey()])
def test_operator_of_one_channel_is_advised(operator: LinearOperator, unet: str, photo: Image.Image) -> None:
    restorer = Restorer(unet, operator=operator, **QUICK)
    for given in (photo, torch.rand(1, 3, 8, 8)):
        with pytest.raises(DreamCleanError, match=r"override from_picture.*pixels.mean\(1, keepdim=True\)"):
            restorer(given)

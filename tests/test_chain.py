"""Chains of operators: how they are written, what they are, and the noise between their links."""

import io
import math
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import (
    JPEG,
    Blur,
    Chain,
    Colorize,
    Downsample,
    DreamCleanError,
    FourierMagnitude,
    Identity,
    Inpaint,
    LinearOperator,
    Operator,
)
from dreamclean.builtin.operators import dct
from dreamclean.contracts.covariance import Covariance
from dreamclean.contracts.differentiable import differentiable
from dreamclean.host.host import host
from dreamclean.method.measured import EIGHT_BIT
from dreamclean.recipe.noise import with_noise
from dreamclean.recipe.recipe import make_recipe, read_recipe
from dreamclean.testing.component import pictures

TEXT = "blur:std=1.2 | downsample:factor=2 | jpeg:quality=30"
CHAIN = JPEG(quality=30) @ Downsample(factor=2) @ Blur(std=1.2)
LINEAR = Downsample(factor=2) @ Blur(std=1.2)
TABLES = [{"name": "blur", "std": 1.2}, {"name": "downsample", "factor": 2}, {"name": "jpeg", "quality": 30}]


def make(spec: Any) -> Any:
    return host().make("operator", spec)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# ------------------------------------------------------------------------------------------- how it is written


@pytest.mark.parametrize("spec", [TEXT, TEXT.replace(" ", ""), TABLES, TEXT.split(" | "), CHAIN, CHAIN.spec(), [CHAIN]])
def test_chain_is_the_same_however_it_is_written(spec: Any) -> None:
    made = make(spec)
    assert made == CHAIN and hash(made) == hash(CHAIN)
    assert [link.name for link in made.links] == ["blur", "downsample", "jpeg"]
    assert made.name == "chain"


def test_chain_reads_as_it_is_written() -> None:
    assert str(CHAIN) == "blur:shape=gaussian,std=1.2 | downsample:factor=2 | jpeg:quality=30"
    assert make(str(CHAIN)) == CHAIN
    assert repr(CHAIN) == "JPEG(quality=(30,)) @ Downsample(factor=2) @ Blur(shape='gaussian', std=(1.2,))"
    assert eval(repr(CHAIN)) == CHAIN


def test_chain_of_chains_is_flat() -> None:
    both = CHAIN @ (Blur(size=3) @ Identity(noise=0.1))
    assert [link.name for link in both.links] == ["identity", "blur", "blur", "downsample", "jpeg"]
    assert make(["identity:noise=0.1 | blur:size=3", CHAIN]) == both


def test_chain_differs_by_order_and_settings() -> None:
    assert Blur(std=1.2) @ Downsample(factor=2) != LINEAR
    assert Downsample(factor=4) @ Blur(std=1.2) != LINEAR


@pytest.mark.parametrize("chain", [CHAIN, LINEAR], ids=["chain", "linear"])
def test_chain_is_pickled(chain: Operator) -> None:
    again = pickle.loads(pickle.dumps(chain))
    assert again == chain and type(again) is type(chain)


@pytest.mark.parametrize("chain", [CHAIN, LINEAR], ids=["chain", "linear"])
def test_chain_is_provided_by_the_package(chain: Operator) -> None:
    assert host().provider(chain) == host().provider(Blur())
    assert host().spec(chain) == chain.spec()
    assert make(host().spec(chain)) == chain


def test_chain_of_one_is_that_operator() -> None:
    assert make(["blur:size=3"]) == make([Blur(size=3)]) == Blur(size=3)
    assert make_recipe(operator=["blur:size=3"]).operator == {"name": "blur", "size": "3"}


def test_chain_in_a_recipe_file(tmp_path: Path) -> None:
    table = 'operator = [{name = "blur", std = 1.2}, {name = "downsample", factor = 2}, {name = "jpeg", quality = 30}]'
    (tmp_path / "list.toml").write_text(table)
    (tmp_path / "text.toml").write_text(f'operator = "{TEXT}"')
    for name in ("list.toml", "text.toml"):
        assert make(read_recipe(tmp_path / name).operator) == CHAIN


class Own(LinearOperator):
    """Registered nowhere."""

    name = "own"

    def degrade(self, x: Tensor) -> Tensor:
        return 0.5 * x


def test_chain_with_an_operator_of_ones_own_says_so_in_its_recipe() -> None:
    form = host().spec(Blur(size=3) @ Own())
    with pytest.raises(DreamCleanError, match="object given from Python"):
        make(form)


def test_str_gives_what_is_not_as_by_default() -> None:
    assert str(Identity()) == "identity"
    assert str(Blur(std=(1.5, 2.0), noise=0.1)) == "blur:noise=0.1,shape=gaussian,std=1.5/2.0"
    assert make(str(Downsample(method="bicubic"))) == Downsample(method="bicubic")


@pytest.mark.parametrize(
    ("spec", "line"),
    [
        ("blr | jpeg", "there is no operator 'blr'; did you mean 'blur'?"),
        ("blur:std=0 | jpeg", "operator blur: std must be above 0"),
        ("blur | jpeg:qualty=3", "there is no setting 'qualty'; did you mean 'quality'?"),
        ("blur | ", "a link is missing in 'blur | '; write first | second, or a list of one or more"),
        ("blur || jpeg", "a link is missing"),
        ([], "a link is missing"),
        (["blur", 3], "3 names no component"),
        ("fourier-magnitude | blur", "fourier-magnitude makes no picture, so blur cannot follow it; put it last"),
        ("chain", "setting 'links' is needed"),
        ("chain:links=blur", "a link is an operator object"),
    ],
)
def test_chain_that_is_wrong_is_one_clear_line(spec: Any, line: str) -> None:
    with pytest.raises(DreamCleanError) as caught:
        make(spec)
    assert line in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("act", ["degrade", "measure"])
def test_chain_names_a_link_that_cannot_take_what_it_gets(act: str) -> None:
    with pytest.raises(DreamCleanError, match=r"jpeg cannot take what colorize makes of this picture, \(1, 8, 8\)"):
        getattr(make("colorize | jpeg"), act)(pictures((8, 8)))


def test_chain_leaves_the_error_of_a_link_that_gets_a_picture() -> None:
    class Broken(Own):
        def degrade(self, x: Tensor) -> Tensor:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        (Broken() @ Blur(size=3)).degrade(pictures((8, 8)))


def test_matmul_takes_operators_alone() -> None:
    with pytest.raises(TypeError, match="unsupported operand"):
        Blur() @ 3


# -------------------------------------------------------------------------------------------------- what it is


def test_chain_degrades_in_order() -> None:
    x = pictures((24, 32))
    by_hand = JPEG(quality=30).degrade(Downsample(factor=2).degrade(Blur(std=1.2).degrade(x)))
    assert CHAIN.degrade(x).equal(by_hand)


def test_chain_is_linear_where_all_links_are() -> None:
    assert isinstance(LINEAR, LinearOperator) and isinstance(LINEAR, Chain)
    assert not isinstance(CHAIN, LinearOperator)
    assert isinstance(CHAIN.model_copy(update={"links": CHAIN.links[:2]}), LinearOperator)


def test_linear_chain_refuses_other_links() -> None:
    with pytest.raises(DreamCleanError, match="jpeg is not linear, the chain is"):
        LINEAR.model_copy(update={"links": (Blur(), JPEG())})


def test_differentiable_chain() -> None:
    assert differentiable(LINEAR) and not differentiable(CHAIN)
    assert differentiable(FourierMagnitude() @ Blur(size=3))


def test_viewable_is_that_of_the_last_link() -> None:
    assert CHAIN.viewable and not (FourierMagnitude() @ Blur(size=3)).viewable


def test_image_shape_goes_backwards() -> None:
    class CutBorder(Own):
        def degrade(self, x: Tensor) -> Tensor:
            return x[..., 1:-1, 1:-1]

        def image_shape(self, y: Tensor) -> torch.Size:
            return torch.Size((*y.shape[:2], y.shape[2] + 2, y.shape[3] + 2))

    chain = Downsample(factor=2) @ CutBorder() @ Colorize()
    assert chain.image_shape(torch.zeros(2, 1, 5, 7)) == (2, 3, 12, 16)


def test_from_picture_is_of_the_channels_that_the_chain_makes() -> None:
    pixels = pictures((8, 8))
    assert (Downsample(factor=2) @ Colorize()).from_picture(pixels).equal(pixels.mean(1, keepdim=True))
    assert (Downsample(factor=2) @ Blur(size=3)).from_picture(pixels).equal(pixels)
    lost = Inpaint(share=0.5)
    assert (lost @ Blur(size=3)).from_picture(pixels).equal(lost.degrade(pixels))


# ---------------------------------------------------------------------------------------- noise between the links


def test_chain_noise_is_that_of_its_last_link() -> None:
    chain = Downsample(factor=2, noise=0.05) @ Blur(std=1.2, noise=0.1)
    assert (chain.noise, chain.poisson) == (0.05, 0.0)
    noisy = with_noise(chain, "25/255")
    assert [link.noise for link in noisy.links] == [0.1, 25 / 255] and noisy.noise == 25 / 255
    assert [link.noise for link in chain.links] == [0.1, 0.05]
    assert Chain(links=(Blur(), Identity(noise=0.2)), noise=0.3).links[1].noise == 0.3


def test_measure_draws_the_noise_of_each_link() -> None:
    x, g = pictures((16, 16)), generator(3)
    chain = Downsample(factor=2, poisson=0.5) @ Identity(noise=0.1)
    by_hand = Downsample(factor=2, poisson=0.5).measure(Identity(noise=0.1).measure(x, g), g)
    assert chain.measure(x, generator(3)).equal(by_hand)


def dense(operator: Operator, shape: tuple[int, ...]) -> Tensor:
    basis = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, *shape)
    return operator.degrade(basis).flatten(1).T


def full(covariance: Covariance, shape: tuple[int, ...]) -> Tensor:
    """S as a matrix, from what it makes of each unit vector."""
    basis = torch.eye(math.prod(shape), dtype=torch.float64).view(-1, 1, *shape)
    return torch.stack([covariance.times(v).flatten() for v in basis], 1)


def test_noise_covariance_is_propagated() -> None:
    chain = Downsample(factor=2, noise=0.02) @ Blur(std=0.8, size=3, noise=0.05) @ Identity(noise=0.1)
    y = pictures((4, 4), torch.float64)[:1]
    blur, down = dense(Blur(std=0.8, size=3), (3, 8, 8)), dense(Downsample(factor=2), (3, 8, 8))
    after_identity, eye = down @ blur, torch.eye(48, dtype=torch.float64)
    wanted = 0.01 * after_identity @ after_identity.T + 0.0025 * down @ down.T + 0.0004 * eye
    assert torch.allclose(full(chain.noise_covariance(y), (3, 4, 4)), wanted, atol=1e-12)


def test_noise_variance_is_that_of_what_measure_draws() -> None:
    chain = Blur(std=0.8, size=3, noise=0.03) @ Identity(noise=0.1)
    x = torch.full((1, 3, 64, 64), 0.5)
    drawn = float((chain.measure(x, generator()) - chain.degrade(x)).var())
    assert float(torch.as_tensor(chain.noise_variance(x)).mean()) == pytest.approx(drawn, rel=0.1)


def test_project_is_the_posterior_mean_under_propagated_noise() -> None:
    chain = Blur(std=0.8, size=3, noise=0.02) @ Downsample(factor=2) @ Identity(noise=0.1)
    x0, y, std = pictures((8, 8), torch.float64), pictures((4, 4), torch.float64), 0.2
    a = dense(chain, (3, 8, 8))
    noise = full(chain.noise_covariance(y[:1]), (3, 4, 4))
    residual = y.flatten(1) - x0.flatten(1) @ a.T
    wanted = x0.flatten(1) + std**2 * torch.linalg.solve(std**2 * a @ a.T + noise, residual.T).T @ a
    assert (chain.project(x0, y, std).flatten(1) - wanted).abs().max() < 1e-5


def test_chain_of_identities_with_white_noise_is_identity_with_it() -> None:
    x0, y = pictures((16, 16)), pictures((16, 16)).flip(3)
    alone = Identity(noise=0.06).project(x0, y, 0.2)
    for chain in (Identity() @ Identity(noise=0.06), Identity(noise=0.06) @ Identity()):
        assert torch.allclose(chain.project(x0, y, 0.2), alone, atol=1e-6)
    parts = Identity(noise=0.036) @ Identity(noise=0.048)  # 0.06 in sum
    assert torch.allclose(parts.project(x0, y, 0.2), alone, atol=1e-6)


def test_noise_covariance_of_poisson_noise_in_an_earlier_link_depends_on_the_brightness() -> None:
    chain = Downsample(factor=2) @ Identity(poisson=0.02)
    x0 = pictures((8, 8), torch.float64)[:1]
    dark, bright = ((chain.project(s * x0, s * Downsample(factor=2).degrade(x0) + 0.1, 0.1) - s * x0) for s in (0.1, 1))
    assert float(dark.mean()) > 1.5 * float(bright.mean()) > 0


@pytest.mark.parametrize("chroma", [False, True], ids=["full", "halved"])
@pytest.mark.parametrize("shift", [0, 3])
def test_rounding_covariance_is_that_of_rounded_coefficients(chroma: bool, shift: int) -> None:
    """Symmetric, positive, and in a coefficient of luma |c|^2 q^2 / 12, with |c| the norm of luma's weights."""
    size, weights = 16, torch.tensor([0.299, 0.587, 0.114], dtype=torch.float64)
    jpeg = JPEG(quality=30, shift=shift, chroma=chroma)
    y = torch.full((1, 3, size - shift, size - shift), 0.5, dtype=torch.float64)
    s = full(jpeg.noise_covariance(y), tuple(y.shape[1:]))
    assert torch.allclose(s, s.T, atol=1e-12) and torch.linalg.eigvalsh(s).min() > -1e-10
    file = io.BytesIO()
    Image.new("RGB", (16, 16)).save(file, "JPEG", quality=30)
    table = torch.tensor(Image.open(file).quantization[0], dtype=torch.float64).view(8, 8) / 255
    for frequency in ((0, 1), (2, 3), (7, 7)):
        unit = torch.zeros(1, 1, 2, 2, 8, 8, dtype=torch.float64)
        unit[0, 0, 1, 1][frequency] = 1  # in the last block, which lies inside the picture whatever the shift
        luma = weights.view(3, 1, 1) * dct.from_blocks(unit)[0]
        reading = luma[..., shift:, shift:].flatten()
        wanted = float(weights.square().sum() * table[frequency] ** 2 / 12)
        assert float(reading @ s @ reading) == pytest.approx(wanted, rel=1e-6)


@pytest.mark.parametrize("std", [0.02, 0.2, 1.0])
def test_project_through_a_chain_that_ends_in_jpeg(std: float) -> None:
    """x0 + r^2 A^T (r^2 A A^T + S)^-1 (y - A x0), S the noise before JPEG and JPEG's rounding."""
    chain = JPEG(quality=30, shift=3, noise=0.01) @ Blur(size=3, std=0.8, noise=0.05)
    x0, y = pictures((13, 13), torch.float64)[:1], pictures((13, 13), torch.float64)[1:]
    a = dense(Blur(size=3, std=0.8), (3, 13, 13))
    rounding = full(chain.links[1].noise_covariance(y), (3, 13, 13))
    s = rounding + 0.0025 * torch.eye(len(a), dtype=torch.float64)
    assert torch.allclose(full(chain.noise_covariance(y), (3, 13, 13)), s, atol=1e-12)
    residual = (y.flatten(1) - x0.flatten(1) @ a.T).T
    wanted = x0.flatten(1) + std**2 * torch.linalg.solve(std**2 * a @ a.T + s, residual).T @ a
    assert (chain.project(x0, y, std).flatten(1) - wanted).abs().max() < 1e-4


@pytest.mark.parametrize("std", [0.1, 0.5])
def test_projection_of_a_chain_in_single_precision_is_that_in_double(std: float) -> None:
    """As of a file: the rounding is small, and the blur nearly singular."""
    chain = Blur(shape="gaussian", size=13, std=(2.0,), noise=EIGHT_BIT) @ Identity(noise=0.05)
    x = pictures((16, 16))
    y = (chain.measure(x, torch.Generator().manual_seed(0)) * 255).round() / 255
    grey = torch.full_like(x, 0.5)
    exact = chain.project(grey.double(), y.double(), std)
    assert chain.project(grey, y, std).dtype == torch.float32
    assert float((chain.project(grey, y, std) - exact).abs().max()) < 1e-3


def test_an_operator_that_leaves_torch_passes_no_gradient() -> None:
    class Outside(Operator):
        name = "outside"

        def degrade(self, x: Tensor) -> Tensor:
            return torch.from_numpy(x.numpy().copy())

    assert not differentiable(Outside())


def test_chain_that_ends_with_a_mask_asks_the_others_for_what_is_lost() -> None:
    """A JPEG's blocks reach across a mask; what is under it must not be taken for a measurement of black."""
    image = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    image = torch.nn.functional.interpolate(image, 64, mode="bicubic").clamp(0, 1)
    known = torch.rand(1, 1, 64, 64, generator=torch.Generator().manual_seed(1)) > 0.2
    for subsampling in ("4:2:0", "4:4:4"):
        jpeg = JPEG(quality=(70,), subsampling=subsampling)
        operator = Inpaint.of(known) @ jpeg
        y = operator.measure(image)
        made = operator.project(image, y, 0.05)
        torch.testing.assert_close(made, jpeg.project(image, torch.where(known, y, jpeg.degrade(image)), 0.05))
        assert float((made - image).abs().max()) < 0.1
        assert float((operator.start(y) - image).square().mean()) ** 0.5 < 0.05
        told = operator.dequantized(y, image, 0.05)
        assert not bool((told * ~known).any())
        torch.testing.assert_close(told, known * jpeg.dequantized(jpeg.degrade(image), image, 0.05))
        louder = jpeg.model_copy(update={"noise": 0.04})
        whole = torch.where(known, y, jpeg.degrade(image))
        noisy = Inpaint.of(known, noise=0.04) @ jpeg
        torch.testing.assert_close(noisy.project(image, y, 0.05), louder.project(image, whole, 0.05))
    assert Inpaint.of(known, poisson=0.1).completed(y, image) is None  # its noise is not white

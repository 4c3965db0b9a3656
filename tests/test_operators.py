"""Operators against explicit matrices, Pillow, torch.fft and their own definitions.

Checks that a wrong operator could slip through are run on a broken one too, and have to fail there.
"""

import io
import math
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from dreamclean import (
    JPEG,
    Blur,
    Colorize,
    DDPMSchedule,
    Downsample,
    DreamCleanError,
    Enlarged,
    FlowSchedule,
    FourierMagnitude,
    Grain,
    Identity,
    Inpaint,
    LinearOperator,
    Operator,
    Picture,
    VESchedule,
)
from dreamclean.builtin.operators import kernels
from dreamclean.builtin.operators.phase_retrieval import _resized, _turned_like
from dreamclean.contracts.least_squares import least_squares

BOUNDARIES = ("reflect", "zero", "circular")


def rand(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def relative(value: Tensor, expected: Tensor) -> float:
    return float((value - expected).norm() / expected.norm())


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lopsided kernel and a mask, as pictures."""
    folder = tmp_path_factory.mktemp("files")
    kernel = np.array([[0, 10, 250, 30], [5, 90, 40, 0], [0, 0, 20, 60]], dtype=np.uint8)
    Image.fromarray(kernel).save(folder / "kernel.png")
    mask = np.full((8, 10), 255, dtype=np.uint8)
    mask[2:5, 3:9] = 0
    Image.fromarray(mask).save(folder / "mask.png")
    return folder


LINEAR = {
    "identity": Identity(),
    "average": Downsample(factor=2),
    "bicubic": Downsample(factor=2, method="bicubic"),
    "lanczos": Downsample(factor=2, method="lanczos"),
    **{f"defocus-{b}": Blur(shape="defocus", radius=1.4, boundary=b) for b in BOUNDARIES},
    "enlarged": Enlarged(factor=(2.0,), method="bicubic"),
    "enlarged-nearest": Enlarged(factor=(2.0, 1.6), method="nearest", shrunk="average"),
    "inpaint": Inpaint(share=0.4, seed=3),
    "colorize": Colorize(),
    "colorize-bt601": Colorize(weights=(0.299, 0.587, 0.114)),
    **{f"uniform-{b}": Blur(size=5, boundary=b) for b in BOUNDARIES},
    **{f"gaussian-{b}": Blur(shape="gaussian", size=5, std=(2.0, 0.8), boundary=b) for b in BOUNDARIES},
    **{f"motion-{b}": Blur(shape="motion", length=4, angle=30, boundary=b) for b in BOUNDARIES},
    "soft motion": Blur(shape="motion", length=3, angle=60, width=0.7),
}
FROM_FILES = {
    **{f"kernel-{b}": lambda f, b=b: Blur(shape="file", file=f / "kernel.png", boundary=b) for b in BOUNDARIES},
    "mask": lambda f: Inpaint(mask=f / "mask.png"),
}


@pytest.fixture(params=[*LINEAR, *FROM_FILES])
def linear(request: pytest.FixtureRequest, files: Path) -> LinearOperator:
    """Every linear operator, in every form."""
    return LINEAR[request.param] if request.param in LINEAR else FROM_FILES[request.param](files)


def accuracy(operator: LinearOperator) -> float:
    """How exactly noiseless measurements are explained; less so by conjugate gradients of an ill-conditioned A."""
    return 1e-5


def matrix(operator: Operator, shape: tuple[int, ...]) -> Tensor:
    """A, column by column: the measurements of the images with a single 1."""
    columns = []
    for index in range(math.prod(shape)):
        image = torch.zeros(math.prod(shape), dtype=torch.float64)
        image[index] = 1
        columns.append(operator.degrade(image.view(1, *shape)).flatten())
    return torch.stack(columns, 1)


# -------------------------------------------------------------------------------- what A is, by definition


def neighbour(position: int, size: int, boundary: str) -> int | None:
    """The pixel that stands at ``position``, also beyond the border; None: black."""
    if 0 <= position < size:
        return position
    if boundary == "zero":
        return None
    if boundary == "circular":
        return position % size
    return -1 - position if position < 0 else 2 * size - 1 - position


def convolved(image: Tensor, kernel: Tensor, boundary: str) -> Tensor:
    """The convolution sum, pixel by pixel: y[i, j] = sum k[u, v] x[i - u, j - v]."""
    result = torch.zeros_like(image)
    height, width = image.shape[-2:]
    for u, v in np.ndindex(*kernel.shape):
        for i, j in np.ndindex(height, width):
            row = neighbour(i - u + kernel.shape[0] // 2, height, boundary)
            column = neighbour(j - v + kernel.shape[1] // 2, width, boundary)
            if row is not None and column is not None:
                result[..., i, j] += kernel[u, v] * image[..., row, column]
    return result


def check_convolution(blur: Blur) -> None:
    x = rand(1, 3, 7, 9)
    assert (blur.degrade(x) - convolved(x, blur.kernel(), blur.boundary)).abs().max() < 1e-12


class Correlation(Blur):
    """Broken: the kernel is not turned round."""

    def degrade(self, x: Tensor) -> Tensor:
        return super().degrade(x.flip(2, 3)).flip(2, 3)


@pytest.mark.parametrize("boundary", BOUNDARIES)
@pytest.mark.parametrize("shape", ["uniform", "gaussian", "defocus", "motion", "file"])
def test_blur_is_a_convolution(shape: str, boundary: str, files: Path) -> None:
    file = files / "kernel.png" if shape == "file" else None
    check_convolution(Blur(shape=shape, size=5, std=(2.0, 0.8), length=4, angle=30, file=file, boundary=boundary))


def test_blur_convolution_check_can_fail(files: Path) -> None:
    with pytest.raises(AssertionError):
        check_convolution(Correlation(shape="file", file=files / "kernel.png"))


@pytest.mark.parametrize("size", [(8, 12), (9, 14), (11, 13)])
@pytest.mark.parametrize("factor", [2, 4])
def test_downsample_is_the_average(factor: int, size: tuple[int, int]) -> None:
    """Means of blocks; a remainder at the bottom and right is left out."""
    x = rand(2, 3, *size)
    y = Downsample(factor=factor).degrade(x)
    assert (y - F.avg_pool2d(x, factor)).abs().max() < 1e-12
    assert y.shape[2:] == (size[0] // factor, size[1] // factor)


@pytest.mark.parametrize("factor", [2, 4])
def test_downsample_bicubic_is_pillows(factor: int) -> None:
    """Pillow's antialiased bicubic resize of a floating-point image."""
    plane = rand(16, 24, dtype=torch.float32)
    resized = Image.fromarray(plane.numpy()).resize((24 // factor, 16 // factor), Image.Resampling.BICUBIC)
    y = Downsample(factor=factor, method="bicubic").degrade(plane.expand(1, 3, 16, 24))
    assert (y[0, 1] - torch.from_numpy(np.asarray(resized).copy())).abs().max() < 1e-6


@pytest.mark.parametrize("method", ["average", "bicubic"])
@pytest.mark.parametrize("size", [(9, 14), (11, 13), (8, 8)])
def test_downsample_of_any_size_finds_its_way_back(size: tuple[int, int], method: str) -> None:
    operator = Downsample(factor=4, method=method)
    y = operator.degrade(rand(1, 3, *size))
    assert operator.image_shape(y) == (1, 3, size[0] // 4 * 4, size[1] // 4 * 4)
    assert (operator.degrade(operator.start(y)) - y).abs().max() < 1e-10


def test_pseudo_inverse_of_average_downsampling_copies_each_pixel() -> None:
    y = rand(1, 3, 4, 5)
    copies = F.interpolate(y, scale_factor=4.0, mode="nearest")
    assert (Downsample().pseudo_inverse(y) - copies).abs().max() < 1e-12
    assert (Downsample().start(y) - copies).abs().max() < 1e-12


def test_colorize_is_the_weighted_mean() -> None:
    x = rand(2, 3, 4, 5)
    expected = (0.3 * x[:, 0] + 0.6 * x[:, 1] + 0.1 * x[:, 2])[:, None]
    assert (Colorize(weights=(0.3, 0.6, 0.1)).degrade(x) - expected).abs().max() < 1e-12


def test_inpaint_random_mask() -> None:
    """The share that is asked for, whole pixels, by seed."""
    known = Inpaint(share=0.3, seed=1).known(100, 100)
    assert known.unique().tolist() == [0, 1]
    assert abs(float(known.mean()) - 0.7) < 4 * math.sqrt(0.3 * 0.7 / 1e4)
    assert torch.equal(known, Inpaint(share=0.3, seed=1).known(100, 100))
    assert not torch.equal(known, Inpaint(share=0.3, seed=2).known(100, 100))
    x = rand(1, 3, 100, 100) + 1
    assert torch.equal(Inpaint(share=0.3, seed=1).degrade(x) > 0, known.bool().expand_as(x))


def test_inpaint_mask_file(files: Path) -> None:
    x = rand(1, 3, 8, 10)
    expected = x.clone()
    expected[..., 2:5, 3:9] = 0
    assert torch.equal(Inpaint(mask=files / "mask.png").degrade(x), expected)
    with pytest.raises(DreamCleanError, match=r"10x8.*9x8"):
        Inpaint(mask=files / "mask.png").degrade(x[..., :9])


# ------------------------------------------------------------- what follows from A, against its matrix


def check_against_matrix(operator: LinearOperator) -> None:
    """degrade, adjoint, pseudo-inverse, solve and projection are those of the matrix."""
    x, shape = rand(1, 3, 8, 10), (3, 8, 10)
    a = matrix(operator, shape)
    y = operator.degrade(x)
    v = rand(*y.shape, seed=1) - 0.5
    assert (y.flatten() - a @ x.flatten()).abs().max() < 1e-10
    assert (operator.adjoint(v).flatten() - a.T @ v.flatten()).abs().max() < 1e-10
    assert operator.adjoint(v).shape == operator.image_shape(v) == x.shape
    inverse = operator.pseudo_inverse(y).flatten()
    assert relative(a @ inverse, y.flatten()) < accuracy(operator)
    assert relative(torch.linalg.pinv(a, rtol=1e-9) @ a @ inverse, inverse) < 1e-6  # nothing that A does not see
    for gain, variance in ((1.0, 0.1), (0.04, 0.0025)):
        gram = gain * a @ a.T + variance * torch.eye(len(a), dtype=a.dtype)
        expected = a.T @ torch.linalg.solve(gram, v.flatten())
        assert relative(operator.solve(v, gain, variance).flatten(), expected) < 1e-5
        noisy = operator.model_copy(update={"noise": math.sqrt(variance)})
        step = gain * a.T @ torch.linalg.solve(gram, (v - y).flatten())
        assert relative((noisy.project(x, v, math.sqrt(gain)) - x).flatten(), step) < 1e-5


class WrongAdjoint(Downsample):
    """Broken: copies pixels where it should share them out."""

    def adjoint(self, y: Tensor) -> Tensor:
        return super().adjoint(y) * self.factor**2


class WrongSolve(Colorize):
    """Broken: adds the standard deviation where the variance belongs."""

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        return super().solve(v, gain, math.sqrt(variance))


def test_operator_is_its_matrix(linear: LinearOperator) -> None:
    check_against_matrix(linear)


@pytest.mark.parametrize("operator", [WrongAdjoint(factor=2), WrongSolve()])
def test_operator_matrix_check_can_fail(operator: LinearOperator) -> None:
    with pytest.raises(AssertionError):
        check_against_matrix(operator)


def check_dot_product(operator: LinearOperator, dtype: torch.dtype, tolerance: float) -> None:
    """<A x, v> = <x, A^T v>."""
    x = rand(2, 3, 8, 10, dtype=dtype) - 0.5
    y = operator.degrade(x)
    v = rand(*y.shape, seed=1, dtype=dtype) - 0.5
    assert abs((y * v).sum() - (x * operator.adjoint(v)).sum()) <= tolerance * y.norm() * v.norm()


def test_adjoint_dot_product(linear: LinearOperator) -> None:
    check_dot_product(linear, torch.float64, 1e-12)
    check_dot_product(linear, torch.float32, 1e-5)


def test_adjoint_dot_product_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_dot_product(WrongAdjoint(factor=2), torch.float64, 1e-12)


def check_pseudo_inverse(operator: LinearOperator, x: Tensor) -> None:
    """A A^+ A = A in float32; and the projection of any image agrees with an exact measurement."""
    y = operator.degrade(x)
    inverse = operator.pseudo_inverse(y)
    assert y.dtype == inverse.dtype == torch.float32
    assert relative(operator.degrade(inverse), y) < accuracy(operator)
    assert relative(operator.degrade(operator.project(x.flip(2, 3), y, 0.3)), y) < accuracy(operator)


def smooth(size: int = 32) -> Tensor:
    """A batch of images with the falling spectrum of photographs, float32."""
    return F.interpolate(rand(2, 3, 8, 8, dtype=torch.float32), size, mode="bicubic").clamp(0, 1)


def test_pseudo_inverse_of_every_operator(linear: LinearOperator) -> None:
    check_pseudo_inverse(linear, rand(2, 3, 8, 10, dtype=torch.float32))


@pytest.mark.parametrize("operator", [
    Downsample(), Downsample(method="bicubic"), Blur(), Blur(shape="gaussian", size=61, std=3.0, boundary="zero"),
    Blur(shape="gaussian", size=5, std=10.0), Blur(shape="gaussian", size=9, std=(20.0, 1.0)),
    Blur(shape="motion", length=7, angle=30),
], ids=str)  # fmt: skip
def test_pseudo_inverse_of_the_paper_settings(operator: LinearOperator) -> None:
    check_pseudo_inverse(operator, smooth())


class TooEarly(LinearOperator):
    """Broken: a few iterations are all it takes."""

    def degrade(self, x: Tensor) -> Tensor:
        return Blur(shape="motion", length=7, angle=30).degrade(x)

    def solve(self, v: Tensor, gain: float, variance: Tensor | float) -> Tensor:
        return least_squares(self.degrade, self.adjoint, v, gain, variance, iterations=10)


def test_pseudo_inverse_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_pseudo_inverse(TooEarly(), smooth())


# --------------------------------------------------------------------------- degrade alone is enough


class Pool(LinearOperator):
    """Average pooling, written by somebody who wrote nothing else."""

    name = "pool"

    def degrade(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 4)


class Mask(LinearOperator):
    """The random mask of ``Inpaint(share=0.4)``."""

    name = "mask"

    def degrade(self, x: Tensor) -> Tensor:
        return x * Inpaint(share=0.4).known(*x.shape[2:]).to(x)


class Soft(LinearOperator):
    """The blur ``Blur(shape="gaussian", size=3, std=0.5, boundary="zero")``."""

    name = "soft"

    def degrade(self, x: Tensor) -> Tensor:
        line = torch.tensor([math.exp(-2), 1, math.exp(-2)], dtype=x.dtype)
        kernel = line[:, None] * line / line.sum() ** 2
        return F.conv2d(x, kernel.expand(3, 1, 3, 3), padding=1, groups=3)


class Grey(LinearOperator):
    """``Colorize``."""

    name = "grey"

    def degrade(self, x: Tensor) -> Tensor:
        return 0.3333 * x[:, :1] + 0.3334 * x[:, 1:2] + 0.3333 * x[:, 2:]


TWINS = [
    (Pool, Downsample()),
    (Mask, Inpaint(share=0.4)),
    (Soft, Blur(shape="gaussian", size=3, std=0.5, boundary="zero")),
    (Grey, Colorize()),
]


@pytest.mark.parametrize("twin, closed", TWINS, ids=lambda v: v.name)
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_operator_needs_degrade_alone(twin: type[LinearOperator], closed: LinearOperator, noise: float) -> None:
    own, closed = twin(noise=noise), closed.model_copy(update={"noise": noise})
    x, other = rand(2, 3, 12, 16), rand(2, 3, 12, 16, seed=1)
    y = closed.degrade(x)
    assert own.image_shape(y) == x.shape
    assert relative(own.degrade(x), y) < 1e-12
    assert relative(own.adjoint(y), closed.adjoint(y)) < 1e-12
    assert relative(own.pseudo_inverse(y), closed.pseudo_inverse(y)) < 1e-4
    assert relative(own.project(other, y, 0.3), closed.project(other, y, 0.3)) < 1e-4
    assert relative(own.start(y), closed.start(y)) < 1e-4


@pytest.mark.parametrize("side", [7, 33, 100])
@pytest.mark.parametrize("factor", [2, 3, 32])
def test_image_shape_is_found_out(factor: int, side: int) -> None:
    class Pooled(LinearOperator):
        name = "pooled"

        def degrade(self, x: Tensor) -> Tensor:
            return F.avg_pool2d(x, factor)

    assert Pooled().image_shape(torch.zeros(2, 3, side, 5)) == (2, 3, side * factor, 5 * factor)


def test_image_shape_that_cannot_be_found_out() -> None:
    class Mean(LinearOperator):
        name = "mean"

        def degrade(self, x: Tensor) -> Tensor:
            return x.mean((2, 3))

    with pytest.raises(DreamCleanError, match="override image_shape"):
        Mean().start(torch.zeros(1, 3))


class Gamma(Operator):
    """A differentiable, non-linear operator with ``degrade`` alone."""

    name = "gamma"

    def degrade(self, x: Tensor) -> Tensor:
        return x.clamp(1e-3, 1) ** 2.2


def mismatch(operator: Operator, x: Tensor, y: Tensor) -> float:
    return float((operator.degrade(x) - y).norm())


def test_project_by_gauss_newton_pulls_towards_the_measurement() -> None:
    """Each projection halves the disagreement of a fair guess at least; repeated, they end in agreement."""
    gamma, clean = Gamma(), 0.2 + 0.6 * rand(2, 3, 8, 8)
    y = gamma.degrade(clean)
    guess = (clean + 0.2 * (rand(2, 3, 8, 8, seed=1) - 0.5)).clamp(0.1, 0.9)
    for _ in range(3):
        closer = gamma.project(guess, y, 0.3)
        assert mismatch(gamma, closer, y) < 0.5 * mismatch(gamma, guess, y)
        guess = closer
    assert (guess - clean).abs().max() < 1e-3


def test_project_by_gauss_newton_weighs_the_noise() -> None:
    """One step is that of x0 + r^2 J (r^2 J^2 + noise^2)^-1 (y - A(x0)), J the curve's slope."""
    gamma, guess = Gamma(noise=0.1), 0.2 + 0.6 * rand(1, 3, 4, 4)
    y = rand(1, 3, 4, 4, seed=1)
    slope = 2.2 * guess**1.2
    expected = guess + 0.09 * slope / (0.09 * slope**2 + 0.01) * (y - guess**2.2)
    assert (gamma.project(guess, y, 0.3) - expected).abs().max() < 1e-5


def test_project_is_not_harmed_by_saturated_pixels() -> None:
    """Where the curve is flat nothing can be learnt, and the other pixels are projected all the same."""
    gamma, guess = Gamma(), torch.full((1, 3, 4, 4), 0.5)
    guess[..., 0] = 1.5
    y = torch.full_like(guess, 0.25)
    projected = gamma.project(guess, y, 0.3)
    assert torch.equal(projected[..., 0], guess[..., 0])
    assert (gamma.degrade(projected) - y)[..., 1:].abs().max() < 0.01


# ------------------------------------------------------------------------------------ least squares


def test_least_squares_of_a_singular_system() -> None:
    """A measurement outside the range of A: the least-norm least-squares solution, and no blow-up."""
    a = rand(6, 4, seed=1) @ rand(4, 9, seed=2)
    b = rand(3, 6, seed=3)
    x = least_squares(lambda v: v @ a.T, lambda v: v @ a, b, 1.0, 0.0, tolerance=1e-9)
    assert relative(x, b @ torch.linalg.pinv(a).T) < 1e-6


def test_least_squares_with_a_diagonal() -> None:
    """A variance for each number in the measurement, as of Poisson noise."""
    a, b, variance = rand(6, 9, seed=1), rand(1, 6, seed=3), 0.1 + rand(1, 6, seed=4)
    x = least_squares(lambda v: v @ a.T, lambda v: v @ a, b, 0.5, variance, tolerance=1e-9)
    expected = a.T @ torch.linalg.solve(0.5 * a @ a.T + torch.diag(variance[0]), b[0])
    assert relative(x[0], expected) < 1e-6


def test_least_squares_keeps_the_batch_apart() -> None:
    """An element comes out alike alone and beside one that takes longer; one without a residual stays zero."""
    a, b = rand(6, 9, seed=1), rand(3, 6, seed=3)
    b[1] = 0
    together, alone = (least_squares(lambda v: v @ a.T, lambda v: v @ a, rows, 1.0, 0.01) for rows in (b, b[:1]))
    assert relative(together[0], alone[0]) < 1e-10
    assert not together[1].any()


# ------------------------------------------------------------------------------------------------ JPEG


def pillow_jpeg(image: np.ndarray, quality: int, subsampling: int) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=quality, subsampling=subsampling)
    return np.asarray(Image.open(file))


def to_array(x: Tensor) -> np.ndarray:
    return (x[0] * 255).round().byte().permute(1, 2, 0).numpy()


@pytest.mark.parametrize(("subsampling", "pillows"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
@pytest.mark.parametrize("quality", [10, 75])
def test_jpeg_is_pillows(quality: int, subsampling: str, pillows: int) -> None:
    x = smooth(20)[:1]
    expected = pillow_jpeg(to_array(x), quality, pillows)
    y = JPEG(quality=(quality,), subsampling=subsampling).degrade(x)
    assert (to_array(y) == expected).all()
    assert relative(y, x) > 1e-3


@pytest.mark.parametrize("shift", [3, 6, 8, 11])
def test_jpeg_shift_moves_the_grid(shift: int) -> None:
    """Compressing, shifted, is compressing the image with that many rows and columns put before it.

    Blocks of halved colour planes are 16 pixels wide.
    """
    x = smooth(20)[:1]
    image = np.pad(to_array(x), ((shift, 0), (shift, 0), (0, 0)), mode="edge")
    y = JPEG(quality=(10,), shift=(shift,)).degrade(x)
    assert y.shape == x.shape
    assert (to_array(y) == pillow_jpeg(image, 10, 2)[shift:, shift:]).all()


def block_edges(y: Tensor) -> Tensor:
    """Mean jump between neighbouring columns, by the column's place in an 8-pixel grid."""
    jumps = (y[..., 1:] - y[..., :-1]).abs().mean((0, 1, 2))
    return torch.stack([jumps[place::8].mean() for place in range(8)])


@pytest.mark.parametrize("shift", [0, 3, 6])
def test_jpeg_blocks_are_where_the_grid_is(shift: int) -> None:
    """A steep ramp at quality 1 breaks up into blocks; the grid is moved down and right by the shift."""
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)
    edges = block_edges(JPEG(quality=(1,), shift=(shift,)).degrade(ramp))
    assert int(edges.argmax()) == (7 - shift) % 8


def test_jpeg_cascade_is_one_pass_after_the_other() -> None:
    x = smooth(20)
    step = x
    for quality, shift in ((10, 0), (20, 3), (40, 6)):
        step = JPEG(quality=(quality,), shift=(shift,)).degrade(step)
    cascade = JPEG(quality=(10, 20, 40), shift=(0, 3, 6)).degrade(x)
    assert torch.equal(cascade, step)
    assert not torch.equal(cascade, JPEG(quality=(10, 20, 40)).degrade(x))


def cosine(down: int, across: int) -> Tensor:
    """A JPEG basis function of unit norm in every 8 x 8 block of a (1, 3, 32, 32) grey image, from the DCT's definition."""
    i = torch.arange(32, dtype=torch.float64) % 8
    column, row = (torch.cos((2 * i + 1) * k * math.pi / 16) * (0.5 if k else 0.125**0.5) for k in (down, across))
    return (column[:, None] * row).expand(1, 3, 32, 32)


@pytest.mark.parametrize(("down", "across", "step"), [(0, 0, 16), (0, 7, 61), (3, 1, 17), (7, 7, 99)])
@pytest.mark.parametrize("std", [0.02, 0.2])
def test_jpeg_projection_weighs_each_frequency_by_its_rounding(down: int, across: int, step: int, std: float) -> None:
    """Quality 50 is the standard's own luma table (ITU T.81, K.1), of which four entries stand here."""
    jpeg, x0, offset = JPEG(quality=(50,)), torch.full((1, 3, 32, 32), 0.5, dtype=torch.float64), cosine(down, across)
    moved = jpeg.project(x0, x0 + 0.1 * offset, std) - x0
    weight = std**2 / (std**2 + (step / 255) ** 2 / 12)
    assert relative(moved, weight * 0.1 * offset) < 1e-4


def test_jpeg_projection_follows_the_shifted_grid() -> None:
    x0, offset = torch.full((1, 3, 32, 32), 0.5, dtype=torch.float64), cosine(2, 5)
    plain = JPEG(quality=(50,)).project(x0, x0 + offset, 0.05) - x0
    shifted = JPEG(quality=(50,), shift=(3,)).project(x0, x0 + offset.roll((-3, -3), (2, 3)), 0.05) - x0
    assert relative(shifted.roll((3, 3), (2, 3))[..., 8:-8, 8:-8], plain[..., 8:-8, 8:-8]) < 1e-4
    unshifted = JPEG(quality=(50,)).project(x0, x0 + offset.roll((-3, -3), (2, 3)), 0.05) - x0
    assert relative(unshifted.roll((3, 3), (2, 3))[..., 8:-8, 8:-8], plain[..., 8:-8, 8:-8]) > 0.05


def test_jpeg_passes_add_their_rounding() -> None:
    x0, offset = torch.full((1, 3, 32, 32), 0.5, dtype=torch.float64), cosine(0, 0)
    moved = JPEG(quality=(50, 50)).project(x0, x0 + offset, 0.02) - x0
    assert relative(moved, 0.02**2 / (0.02**2 + 2 * (16 / 255) ** 2 / 12) * offset) < 1e-4


def test_jpeg_colour_is_known_in_twos_where_it_was_halved() -> None:
    x0, checks = torch.full((1, 3, 32, 32), 0.5), torch.ones(32)
    checks[1::2] = -1
    colour = torch.tensor([1.0, 0.0, -1.0]).view(1, 3, 1, 1) * checks
    colour = colour - 0.299 * colour[:, :1] - 0.587 * colour[:, 1:2] - 0.114 * colour[:, 2:]  # no luma
    assert torch.allclose(JPEG(quality=(50,)).project(x0, x0 + colour, 1.0), x0, atol=1e-5)
    full = JPEG(quality=(95,), subsampling="4:4:4").project(x0, x0 + colour, 10.0)
    assert torch.allclose(full, x0 + colour, atol=1e-3)


@pytest.mark.parametrize(("quality", "std"), [(50, 0.05), (50, 0.1), (80, 0.03)])
def test_jpeg_projection_is_nearer_the_image_than_estimate_and_measurement(quality: int, std: float) -> None:
    """Of an image whose coefficients fill the rounding's bins, and an estimate with white errors."""
    generator = torch.Generator().manual_seed(0)
    x = 0.5 + 0.15 * torch.randn(1, 1, 64, 64, generator=generator).expand(-1, 3, -1, -1).clamp(-3, 3)
    y = JPEG(quality=(quality,)).degrade(x)
    estimate = x + std * torch.randn(1, 1, 64, 64, generator=generator)
    better = JPEG(quality=(quality,)).project(estimate, y, std)
    assert (better - x).norm() < 0.95 * min((y - x).norm(), (estimate - x).norm())


def test_jpeg_projection_weighs_the_noise() -> None:
    x0, y = torch.full((1, 3, 16, 16), 0.5), torch.full((1, 3, 16, 16), 0.6)
    moved = JPEG(quality=(100,), noise=0.05).project(x0, y, 0.05) - x0
    assert torch.allclose(moved, torch.full_like(moved, 0.05), atol=1e-3)


# ---------------------------------------------------------------------------------- Fourier magnitudes


@pytest.mark.parametrize("size", [(8, 8), (7, 10), (5, 9)])
@pytest.mark.parametrize("oversample", [1.0, 1.5, 2.0])
def test_fourier_magnitude_is_that_of_torch_fft(oversample: float, size: tuple[int, int]) -> None:
    """Of the image in the middle of a black one."""
    x, operator = rand(2, 3, *size), FourierMagnitude(oversample=oversample)
    down, right = (round(side * (oversample - 1) / 2) for side in size)
    canvas = torch.zeros(2, 3, size[0] + 2 * down, size[1] + 2 * right, dtype=x.dtype)
    canvas[..., down : down + size[0], right : right + size[1]] = x
    expected = torch.fft.fft2(canvas).abs() / math.sqrt(canvas[0, 0].numel())
    assert (operator.degrade(x) - expected).abs().max() < 1e-12
    assert operator.image_shape(expected) == x.shape


def test_fourier_projection_has_the_measured_magnitudes() -> None:
    """Without padding any image takes on the magnitudes; with it, those of a signal that has the phases do."""
    x, other = rand(1, 3, 8, 10), rand(1, 3, 8, 10, seed=1)
    for oversample, guess in ((1.0, other), (2.0, 0.3 * x)):
        operator = FourierMagnitude(oversample=oversample)
        y = operator.degrade(x)
        assert relative(operator.degrade(guess), y) > 0.1
        assert relative(operator.degrade(operator.project(guess, y, 0.3)), y) < 1e-10


def test_fourier_projection_comes_nearer_where_the_phases_are_wrong() -> None:
    x, other = rand(1, 3, 8, 10), rand(1, 3, 8, 10, seed=1)
    operator = FourierMagnitude()
    y = operator.degrade(x)
    assert mismatch(operator, operator.project(other, y, 0.3), y) < mismatch(operator, other, y)
    assert (operator.project(x, y, 0.3) - x).abs().max() < 1e-10


def test_fourier_projection_weighs_the_noise() -> None:
    x, noisy = rand(1, 3, 8, 8), FourierMagnitude(noise=0.3, oversample=1.0)
    y = noisy.degrade(0.5 * x)
    assert (noisy.degrade(noisy.project(x, y, 0.3)) - (y + noisy.degrade(x)) / 2).abs().max() < 1e-10


def turned_nearer(image: Tensor, reference: Tensor) -> Tensor:
    """``image`` the way round that is nearer: both ways have the same magnitudes."""
    return min(image, image.flip(-2, -1), key=lambda x: float((x - reference).square().mean()))


@pytest.mark.parametrize(
    ("noise", "error", "size"), [(0.0, 0.01, (48, 48)), (0.05, 0.12, (48, 48)), (0.05, 0.12, (75, 96))]
)
def test_fourier_start_is_the_picture(noise: float, error: float, size: tuple[int, int]) -> None:
    """From magnitudes alone, all channels the same way round; also where they are in grey (one channel)."""
    photograph = Picture.open(Path(__file__).parents[1] / "contrib/demo/coffee.png").pixels[..., 128:, 128:].double()
    x, operator = F.interpolate(photograph, size, mode="area"), FourierMagnitude(noise=noise)
    assert x.std(correction=0) > 0.2  # what grey would miss by
    y = operator.measure(x, torch.Generator().manual_seed(1))
    start = operator.start(y)
    assert float((turned_nearer(start, x) - x).square().mean().sqrt()) < error
    assert start.min() >= 0 and start.max() <= 1 and torch.equal(start, operator.start(y))
    grey = x.mean(1, keepdim=True)
    one = operator.start(operator.degrade(grey))
    assert float((turned_nearer(one, grey) - grey).square().mean().sqrt()) < error


def test_retrieved_channels_are_turned_like_the_middle_one() -> None:
    x = Picture.open(Path(__file__).parents[1] / "contrib/demo/coffee.png").pixels[..., 128:192, 128:192]
    mixed = torch.cat([x[:, :1].flip(-2, -1), x[:, 1:]], 1)
    assert torch.equal(_turned_like(mixed[0, 1], mixed[0]), x[0])


@pytest.mark.parametrize("size", [(12, 20), (11, 9), (31, 40)])
def test_a_spectrum_is_resized_as_its_image_is(size: tuple[int, int]) -> None:
    """Of a wave with few periods, the same wave with fewer or more pixels, and back."""
    was = torch.Size((24, 30))

    def wave(height: int, width: int) -> Tensor:
        down, right = torch.arange(height) / height, torch.arange(width) / width
        angle = 2 * math.pi * (2 * down[:, None] - 3 * right)
        return (1 + angle.sin() + 0.5 * angle.cos()).double()

    resized = _resized(torch.fft.rfft2(wave(*was), norm="ortho"), was, torch.Size(size))
    assert torch.allclose(torch.fft.irfft2(resized, s=size, norm="ortho"), wave(*size), atol=1e-5)


# --------------------------------------------------------------------------------------------- noise


def check_noise(operator: Operator, value: float) -> None:
    """Mean and variance of many measurements of one value are right, to five standard errors."""
    x = torch.full((1, 3, 200, 200), value, dtype=torch.float64)
    y = operator.measure(x, torch.Generator().manual_seed(1))
    variance = float(torch.as_tensor(operator.noise_variance(x)).mean())
    assert abs(y.mean() - value) < 5 * math.sqrt(variance / y.numel())
    assert abs(y.var() / variance - 1) < 5 * math.sqrt(3 / y.numel())


class HalfTheNoise(Identity):
    """Broken: noise meant for [0, 1] is taken to be on [-1, 1]."""

    def noise_variance(self, y: Tensor) -> float:
        return (self.noise / 2) ** 2


@pytest.mark.parametrize("settings", [{"noise": 0.05}, {"poisson": 0.5}, {"noise": 0.05, "poisson": 0.2}], ids=str)
def test_measure_has_its_noises_mean_and_variance(settings: dict[str, float]) -> None:
    check_noise(Identity(**settings), 0.6)


def test_measure_noise_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_noise(HalfTheNoise(noise=0.05), 0.6)


def test_measure_with_poisson_noise_counts_photons() -> None:
    """y = P(255 rate A x) / (255 rate): whole numbers of photons, variance A x / (255 rate)."""
    operator = Identity(poisson=0.2)
    counts = operator.measure(rand(1, 3, 32, 32), torch.Generator().manual_seed(0)) * 255 * 0.2
    assert (counts - counts.round()).abs().max() < 1e-9
    assert float(operator.noise_variance(torch.full((1, 3, 2, 2), 0.5)).mean()) == pytest.approx(0.5 / 51)
    assert float(operator.noise_variance(torch.zeros(1, 3, 2, 2)).min()) > 0


@pytest.mark.parametrize("settings", [{"noise": 0.05}, {"poisson": 0.5}], ids=str)
def test_measure_is_seeded(settings: dict[str, Any]) -> None:
    x, operator = rand(1, 3, 8, 8), Downsample(**settings)
    first, again, other = (operator.measure(x, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert torch.equal(Downsample().measure(x), Downsample().degrade(x))


@pytest.mark.parametrize(
    "operator",
    [
        Downsample(factor=2, poisson=0.05),
        Blur(shape="gaussian", std=(1.0,), poisson=0.05),
        Enlarged(poisson=0.05),
        Enlarged(grain=0.02, poisson=0.05),
        Grain(std=0.05, blur=1.0, poisson=0.05),
    ],
    ids=str,
)
def test_project_under_poisson_noise_does_not_depend_on_the_rest_of_the_batch(operator: Operator) -> None:
    """Where the mean brightness counts it is each image's own: a bright one beside it makes no image noisier."""
    x = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    both = torch.cat([0.2 * x, x])
    y, x0 = operator.degrade(both), both.flip(3)
    projected = operator.project(x0, y, 0.1)
    for k in range(2):
        alone = operator.project(x0[k : k + 1], y[k : k + 1], 0.1)
        torch.testing.assert_close(projected[k : k + 1], alone, atol=1e-5, rtol=0)
    assert (operator.project(x0, y.mean(0, keepdim=True).expand_as(y), 0.1) - projected).abs().max() > 1e-3


def test_solve_cuts_off_what_is_zero_of_an_image_without_noise_beside_a_noisy_one() -> None:
    operator = Blur(shape="uniform", size=3)  # singular to rounding
    v = torch.rand(2, 3, 24, 24, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    variance = torch.tensor([0.0, 0.01]).view(2, 1, 1, 1).expand_as(v)
    both, alone = operator.solve(v, 1.0, variance), operator.solve(v[:1], 1.0, 0.0)
    torch.testing.assert_close(both[:1], alone)


@pytest.mark.parametrize("settings", [{"std": 0.1, "blur": 1.0}, {"bands": (0.01, 0, 0, 0.01, 0, 0.01)}])
def test_grain_with_photons_starts_at_the_level_of_both(settings: dict[str, Any]) -> None:
    schedule = DDPMSchedule.linear()
    grain, both = (Grain(**settings, poisson=rate).recipe_for(schedule, 0.5) for rate in (0.0, 0.05))
    assert both["initializer"]["name"] == grain["initializer"]["name"] == "dreamclean/matched-spectrum"
    photons = 0.5 / (255 * 0.05)
    more = [b - g for b, g in zip(both["initializer"]["bands"][-6:], grain["initializer"]["bands"][-6:], strict=True)]
    assert more == pytest.approx([photons, 0, 0, photons, 0, photons], abs=1e-4)
    assert both["strength"] > grain["strength"]


def test_operators_read_a_file_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "file.png"

    def write(sides: int, changed: int) -> None:
        picture = Image.new("L", (5, 5))
        picture.paste(255, (2 - sides, 2 - sides, 3 + sides, 3 + sides))
        picture.save(path)
        os.utime(path, ns=(changed, changed))

    write(0, 10**9)
    blur, mask = Blur(file=path), Inpaint(mask=path)
    assert blur.kernel()[2, 2] == 1 and mask.known(5, 5).sum() == 1
    assert blur == Blur(file=path) and mask == Inpaint(mask=path)
    write(1, 2 * 10**9)
    assert Blur(file=path).kernel()[2, 2] == pytest.approx(1 / 9) and Inpaint(mask=path).known(5, 5).sum() == 9
    assert Blur(file=path).degrade(torch.eye(9)[None, None]).max() < 0.7  # of rank one: by its matrix


def test_project_under_poisson_noise_weighs_pixels_apart() -> None:
    """By its own variance each pixel is trusted; dark ones, whose noise is less, are followed more closely."""
    operator = Inpaint(share=0.3, poisson=0.1)
    x0, y = torch.full((1, 3, 8, 8), 0.5), rand(1, 3, 8, 8, dtype=torch.float32)
    variance = operator.noise_variance(y)
    assert isinstance(variance, Tensor)
    expected = x0 + operator.known(8, 8) * 0.04 / (0.04 + variance) * (y - x0)
    assert (operator.project(x0, y, 0.2) - expected).abs().max() < 1e-6


# ------------------------------------------------------------------------------------------- kernels


def check_line(kernel: Tensor, length: float, angle: float) -> None:
    """Sum 1, symmetric about the middle, as long and in the direction that was asked for."""
    assert float(kernel.sum()) == pytest.approx(1)
    assert (kernel - kernel.flip(0, 1)).abs().max() < 1e-12
    assert all(side % 2 for side in kernel.shape)
    rows, columns = (torch.arange(side, dtype=torch.float64) - side // 2 for side in kernel.shape)
    up, right = -rows[:, None], columns[None, :]
    moments = [float((kernel * m).sum()) for m in (right * right, right * up, up * up)]
    direction = math.degrees(0.5 * math.atan2(2 * moments[1], moments[0] - moments[2]))
    assert abs((direction - angle + 90) % 180 - 90) < 3
    assert moments[0] + moments[2] == pytest.approx((length - 1) ** 2 / 12, rel=0.15, abs=0.5)


class Clockwise:
    """Broken: turns the other way."""

    @staticmethod
    def motion(length: float, angle: float) -> Tensor:
        return kernels.motion(length, -angle)


@pytest.mark.parametrize("length", [9, 15, 20])
@pytest.mark.parametrize("angle", [0, 30, 45, 90, 135, -20])
def test_motion_kernel_is_a_line(length: float, angle: float) -> None:
    check_line(kernels.motion(length, angle), length, angle)


@pytest.mark.parametrize("angle", [0, 30, 90, 135])
def test_motion_kernel_is_as_wide_as_asked_for(angle: float) -> None:
    """Along the line it is what a thin one is, across it is a Gaussian."""
    thin, soft = kernels.motion(9, angle), kernels.motion(9, angle, 1.5)
    (along, across), (along_soft, across_soft) = (_variances(kernel, angle) for kernel in (thin, soft))
    assert along_soft == pytest.approx(along, rel=0.02)
    assert across_soft - across == pytest.approx(1.5**2, rel=0.02)
    assert (kernels.rank_one(soft) is not None) == (angle in (0, 90))


def _variances(kernel: Tensor, angle: float) -> tuple[float, float]:
    """Along the direction of ``angle``, and across it."""
    offset = torch.arange(len(kernel), dtype=torch.float64) - len(kernel) // 2
    sine, cosine = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    along, across = offset * cosine - offset[:, None] * sine, offset * sine + offset[:, None] * cosine
    return float((kernel * along.square()).sum()), float((kernel * across.square()).sum())


def test_motion_kernel_check_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_line(Clockwise.motion(15, 30), 15, 30)


@pytest.mark.parametrize("radius", [0.3, 1.0, 2.5, 4.2])
def test_disc_is_as_wide_as_asked_for(radius: float) -> None:
    """Sum 1, round, and the variance of a disc of that radius, r^2 / 4 along each axis, plus about a pixel's."""
    kernel = kernels.disc(radius)
    assert float(kernel.sum()) == pytest.approx(1)
    assert torch.equal(kernel, kernel.T) and torch.equal(kernel, kernel.flip(0))
    offset = torch.arange(len(kernel)) - len(kernel) // 2
    assert float((kernel.sum(0) * offset.square()).sum()) == pytest.approx(radius**2 / 4, rel=0.12, abs=0.15)


def test_motion_of_a_pixel_is_none() -> None:
    assert (Blur(shape="motion", length=1).degrade(rand(1, 3, 4, 4)) - rand(1, 3, 4, 4)).abs().max() < 1e-12


def test_kernels_uniform_and_gaussian() -> None:
    assert torch.allclose(kernels.uniform(9), torch.full((9, 9), 1 / 81, dtype=torch.float64))
    kernel = kernels.gaussian(5, (2.0, 0.5))
    assert float(kernel.sum()) == pytest.approx(1)
    assert float(kernel[3, 2] / kernel[2, 2]) == pytest.approx(math.exp(-1 / 8))
    assert float(kernel[2, 3] / kernel[2, 2]) == pytest.approx(math.exp(-2))


def test_kernel_file_keeps_its_weights(files: Path) -> None:
    """An even side is padded to the next odd one."""
    kernel = kernels.from_file(files / "kernel.png")
    assert kernel.shape == (3, 5)
    assert float(kernel[0, 2] / kernel[0, 1]) == pytest.approx(25, rel=1e-4)
    assert float(kernel.sum()) == pytest.approx(1)


def test_kernel_file_that_is_black_is_refused(tmp_path: Path) -> None:
    Image.new("L", (3, 3)).save(tmp_path / "black.png")
    with pytest.raises(DreamCleanError, match="black"):
        Blur(shape="file", file=tmp_path / "black.png").kernel()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("seed", range(4))
def test_least_squares_stops_where_only_rounding_is_left(seed: int, dtype: torch.dtype) -> None:
    """Half of a picture's Fourier coefficients, each twice, with noise that is outside of their range: a second solution is nothing."""
    generator = torch.Generator().manual_seed(seed)
    kept = torch.rand(16, 16, generator=generator) < 0.5

    def forward(x: Tensor) -> Tensor:
        return torch.view_as_real(torch.fft.fft2(x, norm="ortho") * kept)

    def adjoint(y: Tensor) -> Tensor:
        return torch.fft.ifft2(torch.view_as_complex(y.contiguous()) * kept, norm="ortho").real

    x = torch.rand(1, 3, 16, 16, generator=generator, dtype=dtype)
    y = forward(x) + 0.01 * torch.randn(1, 3, 16, 16, 2, generator=generator, dtype=dtype)
    first = least_squares(forward, adjoint, y, 1.0, 0.0)
    again = least_squares(forward, adjoint, y - forward(first), 1.0, 0.0)
    assert float(again.abs().max()) < 1e-4 * float(first.abs().max())


@pytest.mark.parametrize("seed", range(3))
def test_least_squares_of_a_dense_singular_matrix_ends(seed: int) -> None:
    """Of rank 100 of 256, with a measurement that no image explains; in single precision as in double."""
    generator = torch.Generator().manual_seed(seed)
    left, right = (torch.linalg.qr(torch.randn(256, 256, generator=generator, dtype=torch.float64)).Q for _ in range(2))
    a = (left[:, :100] * torch.logspace(0, -2, 100, dtype=torch.float64)) @ right[:, :100].T
    b = torch.rand(2, 256, generator=generator, dtype=torch.float64) @ a.T
    b = b + 0.05 * torch.randn(2, 256, generator=generator, dtype=torch.float64)
    wanted = b @ torch.linalg.pinv(a, rtol=1e-6).T
    a, b = a.float(), b.float()
    found = least_squares(lambda v: v @ a.T, lambda v: v @ a, b, 1.0, 0.0)
    assert (found - wanted).norm() < 1e-2 * wanted.norm()
    again = least_squares(lambda v: v @ a.T, lambda v: v @ a, b - found @ a.T, 1.0, 0.0)
    assert again.norm() < 1e-2 * wanted.norm()


def test_least_squares_where_some_numbers_are_exact() -> None:
    exact = torch.tensor([[0.0, 0.01, 0.01, 0.0]])
    x = least_squares(lambda v: 0.5 * v, lambda v: 0.5 * v, torch.ones(1, 4), 1.0, exact)
    assert torch.allclose(x, 0.5 / (0.25 + exact), rtol=1e-3)


@pytest.mark.parametrize(
    "chain",
    [
        Enlarged(factor=(2.0,)) @ Identity(noise=0.05),
        Inpaint(share=0.5) @ Identity(noise=0.1),
        Inpaint(share=0.5) @ JPEG(quality=(50,)),
    ],
    ids=str,
)
@pytest.mark.parametrize("std", [0.05, 0.5, 40.0])
def test_projection_of_a_measurement_that_no_image_explains(chain: Any, std: float) -> None:
    """Rounded after it was enlarged; and with something where pixels are lost."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(1, 3, 16, 16, generator=generator)
    y = (chain.measure(x, generator) * 255).round() / 255
    y = torch.where(y == 0, torch.ones(()), y)
    assert float(chain.project(torch.full_like(x, 0.5), y, std).abs().max()) < 10
    assert float(chain.start(y).abs().max()) < 10


def test_start_of_a_noisy_measurement_counts_it_once() -> None:
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    grey = torch.full_like(x, 0.5)
    for noise in (0.05, 0.1, 0.3):
        operator = Downsample(factor=8, noise=noise)
        y = operator.measure(x, torch.Generator().manual_seed(1))
        assert torch.allclose(operator.start(y), operator.project(grey, y, 0.5), atol=1e-6)


def test_disc_that_is_smaller_than_a_part_of_a_pixel_is_one_pixel() -> None:
    kernel = Blur(shape="defocus", radius=0.01).kernel()
    assert float(kernel.max()) == float(kernel.sum()) == 1


@pytest.mark.parametrize("schedule", [VESchedule(), FlowSchedule()], ids=["ve", "flow"])
def test_noise_quieter_than_any_level_has_no_start_of_its_own(schedule: Any) -> None:
    assert Identity(noise=1e-5).recipe_for(schedule, 0.5) == {}
    assert Identity(noise=0.1).recipe_for(schedule, 0.5)["steps"] == 2

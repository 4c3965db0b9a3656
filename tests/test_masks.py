"""``mask``, what is to be filled in, and ``keep``, what must not be touched."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dreamclean import JPEG, Blur, DreamCleanError, Identity, Inpaint, Mixture, Restorer
from dreamclean.method.marks import EDGE, kept, mask_of
from dreamclean.testing.component import pictures

X = pictures((16, 16))[:1]
PRIOR = Mixture.around(X, std=0.1)
QUICK: dict[str, Any] = {"strength": 200, "steps": 4}
HOLE = torch.zeros(16, 16, dtype=torch.bool)
HOLE[4:8, 4:10] = True


def damaged() -> Tensor:
    return torch.where(HOLE, 1.0, X)


def file_of(mask: Tensor, path: Path) -> Path:
    Image.fromarray(mask.numpy()).save(path)
    return path


@pytest.mark.parametrize(
    "form",
    [
        lambda path: HOLE,
        lambda path: HOLE[None, None].float(),
        lambda path: HOLE.numpy(),
        lambda path: HOLE.numpy().astype(np.uint8) * 255,
        lambda path: file_of(HOLE, path / "mask.png"),
        lambda path: str(file_of(HOLE, path / "mask.webp")),
        lambda path: Image.fromarray(HOLE.numpy()),
        lambda path: HOLE.flip(1).numpy()[:, ::-1],
        lambda path: HOLE.numpy().astype(">f4"),
        lambda path: HOLE.numpy().astype(np.uint16),
        lambda path: HOLE.T.contiguous().T,
    ],
    ids=["bool", "tensor", "array", "uint8", "file", "webp", "PIL", "mirrored", "big-endian", "uint16", "transposed"],
)
def test_mask_may_be_any_picture(form: Callable[[Path], Any], tmp_path: Path) -> None:
    assert mask_of(form(tmp_path), "mask").equal(HOLE[None, None])


def test_mask_is_filled_in() -> None:
    filled = Restorer(PRIOR, mask=HOLE, **QUICK)(damaged()).image
    assert (filled - X)[..., HOLE].abs().mean() < 0.15 < (damaged() - X)[..., HOLE].abs().mean()
    assert (filled - X)[..., ~HOLE].abs().max() < 0.01


def test_mask_hides_what_is_under_it() -> None:
    restorer = Restorer(PRIOR, mask=HOLE, **QUICK)
    pictures = [Image.fromarray((y[0].movedim(0, -1) * 255).byte().numpy()) for y in (X, damaged())]
    one, other = (restorer(picture).image for picture in pictures)
    assert np.array_equal(np.asarray(one), np.asarray(other))


def test_mask_joins_the_chain() -> None:
    assert Restorer(PRIOR, mask=HOLE, noise=0.1).operator == Inpaint.of(~HOLE[None, None], noise=0.1)
    noise = Restorer(PRIOR, mask=HOLE, operator="blur:size=3", noise=0.1).operator
    assert noise == Inpaint.of(~HOLE[None, None]) @ Blur(size=3, noise=0.1)
    assert Restorer(PRIOR, mask=HOLE, operator=JPEG() @ Identity(noise=0.1)).operator.links[1:] == (
        JPEG(),
        Inpaint.of(~HOLE[None, None]),
    )


def test_mask_is_in_the_recipe() -> None:
    first = Restorer(PRIOR, mask=HOLE, operator="blur:size=3", noise=0.02, **QUICK)(damaged())
    again = Restorer(PRIOR, recipe={**first.recipe.model_dump(exclude_none=True), "prior": None})
    again = again(torch.where(HOLE, 0.0, damaged()))  # as a tensor it is what the operator, mask and all, has measured
    assert again.image.equal(first.image)


@pytest.mark.parametrize("operator", [None, "identity:noise=0.1"])
def test_keep_leaves_pixels_as_they_are(operator: str | None) -> None:
    free = Restorer(PRIOR, operator=operator, **QUICK)(damaged()).image
    image = Restorer(PRIOR, operator=operator, keep=HOLE, **QUICK)(damaged()).image
    assert image[..., HOLE].equal(damaged()[..., HOLE])
    assert not free[..., HOLE].equal(damaged()[..., HOLE])
    assert image[..., 8 + EDGE :, :].equal(free[..., 8 + EDGE :, :])  # away from the edge nothing changes


def test_keep_leaves_bytes_of_a_file_as_they_are(tmp_path: Path) -> None:
    bytes_in = (damaged()[0].movedim(0, -1) * 255).round().byte().numpy()
    Image.fromarray(bytes_in).save(tmp_path / "in.png")
    keep = file_of(HOLE, tmp_path / "keep.png")
    result = Restorer(PRIOR, operator="identity:noise=0.1", keep=keep, mask=HOLE, **QUICK)(tmp_path / "in.png")
    assert np.array_equal(np.asarray(result.image)[HOLE], bytes_in[HOLE])  # though the mask says that they are lost


@pytest.mark.parametrize("form", [lambda x: x, lambda x: x[0].movedim(0, -1).numpy()], ids=["tensor", "array"])
def test_mask_and_keep_leave_no_rim(form: Callable[[Tensor], Any], recwarn: pytest.WarningsRecorder) -> None:
    """What is kept passes softly into what was filled in: into the picture as it was given, not into its lost pixels."""
    flat = torch.full((1, 3, 16, 16), 0.8)
    restorer = Restorer(Mixture.around(flat, std=0.01), mask=HOLE, keep=~HOLE, **QUICK)
    made = np.asarray(restorer(form(flat)).image)
    assert np.abs(made - 0.8).max() < 0.05
    assert not [warned for warned in recwarn if "does not agree" in str(warned.message)]


def test_mask_of_a_tensor_hides_what_is_under_it() -> None:
    restorer = Restorer(PRIOR, mask=HOLE, **QUICK)
    assert restorer(damaged()).image.equal(restorer(X).image)


def test_keep_has_a_soft_edge() -> None:
    line = torch.zeros(1, 20)
    line[0, 0] = 1
    made = kept(torch.zeros(1, 3, 1, 20), torch.ones(1, 3, 1, 20), line)[0, 0, 0]
    assert torch.allclose(made[: EDGE + 2], torch.tensor([1, 0.8, 0.6, 0.4, 0.2, 0.0]))


@pytest.mark.parametrize("what", ["mask", "keep"])
def test_mask_that_is_wrong_is_one_line(what: str) -> None:
    with pytest.raises(DreamCleanError, match=f"{what} is 9x8, the picture 16x16; give {what} a picture of the same"):
        Restorer(PRIOR, **{what: torch.ones(8, 9) * (torch.arange(9) > 3)}, **QUICK)(X)
    with pytest.raises(DreamCleanError, match=f"{what} is a picture, an array"):
        Restorer(PRIOR, **{what: 3}, **QUICK)(X)
    with pytest.raises(DreamCleanError, match=rf"{what} is \(3, 16, 16\); give \(H, W\)"):
        Restorer(PRIOR, **{what: torch.ones(3, 16, 16)}, **QUICK)(X)


@pytest.mark.parametrize("given", [np.array("x"), np.full((16, 16), None), np.array(1.0), HOLE.numpy().astype(complex)])
def test_mask_of_no_numbers_is_one_line(given: np.ndarray) -> None:
    with pytest.raises(DreamCleanError, match=r"^mask is [^\n]*; give"):
        mask_of(given, "mask")


def test_mask_of_a_name_that_is_too_long_is_one_line() -> None:
    with pytest.raises(DreamCleanError, match=r"^[^\n]*$"):
        mask_of("x" * 3000, "mask")


def test_mask_that_is_all_white_is_refused() -> None:
    with pytest.raises(DreamCleanError, match="mask is all white, so nothing is left"):
        Restorer(PRIOR, mask=torch.ones(16, 16))


def test_keep_where_the_size_changes_is_refused() -> None:
    with pytest.raises(DreamCleanError, match="has another size than the picture; leave keep out"):
        Restorer(PRIOR, operator="downsample:factor=2", keep=HOLE[:8, :8], **QUICK)(X[..., :8, :8])


def test_mask_and_keep_on_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Any) -> None:
    monkeypatch.chdir(tmp_path)
    quick = [
        "--prior",
        "mixture:path=clean,std=0.1",
        "--strength",
        "100",
        "--steps",
        "2",
        "--device",
        "cpu",
        "--dtype",
        "float32",
    ]
    Path("clean").mkdir()
    Image.fromarray((X[0].movedim(0, -1) * 255).round().byte().numpy()).save("clean/x.png")
    before = (damaged()[0].movedim(0, -1) * 255).round().byte().numpy()
    Image.fromarray(before).save("in.png")
    file_of(HOLE, tmp_path / "hole.png")
    file_of(~HOLE, tmp_path / "rest.png")
    Image.fromarray(np.eye(5, dtype=np.uint8) * 255).save("small.png")
    masks = ["--mask", "hole.png", "--keep", "rest.png"]
    assert cli("restore", "in.png", *masks, "-o", "out.png", *quick).status == 0
    with Image.open("out.png") as image:
        after = np.asarray(image)
    assert np.array_equal(before[~HOLE], after[~HOLE]) and not np.array_equal(before[HOLE], after[HOLE])
    for option in ("--mask", "--keep"):
        status, out, err = cli("restore", "in.png", option, "small.png", "-o", "no.png", *quick)
        assert (status, out, err.count("\n")) == (2, "", 1)
        assert "small.png is 5x5, the picture 16x16; give" in err
        assert not Path("no.png").exists()
    assert "there is no file none.png" in cli("restore", "in.png", "--mask", "none.png", *quick).err

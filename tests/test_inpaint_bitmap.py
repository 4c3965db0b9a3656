"""A mask as text: in an object, a string and a recipe, without a file."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from dreamclean import DreamCleanError, Host, Inpaint, Operator, Recipe
from dreamclean.contracts.component import parse_spec


def holes(height: int = 24, width: int = 20) -> torch.Tensor:
    return torch.rand(1, 1, height, width, generator=torch.Generator().manual_seed(0)) > 0.3


def test_inpaint_of_keeps_what_is_known() -> None:
    known = holes()
    operator = Inpaint.of(known, noise=0.1)
    x = torch.rand(2, 3, 24, 20)
    assert torch.equal(operator.degrade(x), x * known)
    assert torch.equal(operator.known(24, 20), known.float())
    assert (operator.noise, operator) == (0.1, Inpaint.of(known, noise=0.1))
    assert operator != Inpaint.of(~known, noise=0.1)


def test_inpaint_of_projects_on_known_pixels_alone() -> None:
    known = holes()
    x0, y = torch.rand(2, 2, 3, 24, 20, generator=torch.Generator().manual_seed(1))
    made = Inpaint.of(known).project(x0, y * known, 0.3)
    torch.testing.assert_close(made, torch.where(known, y, x0))


def test_inpaint_bitmap_goes_through_strings_and_recipes() -> None:
    operator = Inpaint.of(holes(), noise=0.05)
    text = f"inpaint:bitmap={operator.bitmap},noise=0.05"
    assert parse_spec(text)[1] == {"bitmap": operator.bitmap, "noise": "0.05"}
    assert Host().make("operator", text) == operator
    assert not set("|,/=") & set(operator.bitmap or "")
    recipe = Recipe(operator=Host().spec(operator))
    again = Recipe.model_validate_json(recipe.model_dump_json())
    assert Host().make("operator", again.operator) == operator


def test_inpaint_bitmap_of_a_large_mask_is_short() -> None:
    known = torch.ones(1, 1, 1000, 1500, dtype=torch.bool)
    known[..., 300:340, 500:700] = False
    assert len(Inpaint.of(known).bitmap or "") < 1500


@pytest.mark.parametrize("text", ["", "no bitmap", "aGVsbG8", "iVBORw0KGgo"])
def test_inpaint_bitmap_that_is_none_gets_one_line(text: str) -> None:
    with pytest.raises(DreamCleanError, match="not the text that Inpaint"):
        Inpaint(bitmap=text)


def test_inpaint_bitmap_of_another_size_gets_one_line() -> None:
    with pytest.raises(DreamCleanError, match="the bitmap is 20x24, the image 30x30; give a mask of the image's size"):
        Inpaint.of(holes()).degrade(torch.rand(1, 3, 30, 30))


def test_inpaint_takes_a_mask_or_a_bitmap() -> None:
    with pytest.raises(DreamCleanError, match="give a mask or a bitmap, not both"):
        Inpaint(mask="mask.png", bitmap=Inpaint.of(holes()).bitmap)


def test_inpaint_of_takes_more_pixels_than_pillow_lets_through(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # of a picture of more than twice as many Pillow says no
    assert torch.equal(Inpaint.of(holes()).known(24, 20) > 0, holes())
    assert not list(recwarn)


@pytest.mark.parametrize(
    ("lost", "strewn"),
    [
        ({}, True),  # no pixels
        ({(10, 10)}, True),
        ({(y, x) for y in range(40) for x in range(10, 14)}, True),  # a scratch
        ({(y, x) for y in range(40) for x in range(0, 36, 2)}, True),
        ({(y, x) for y in range(10, 20) for x in range(10, 20)}, False),  # a hole
        ({(y, x) for y in range(5) for x in range(5)}, False),  # in the corner, where little is around it
    ],
    ids=["nothing", "one", "scratch", "columns", "hole", "corner"],
)
def test_noise_is_kept_in_holes_but_not_where_known_pixels_are_near(
    lost: set[tuple[int, int]], strewn: bool, tmp_path: Path
) -> None:
    known = torch.ones(40, 40, dtype=torch.bool)
    for y, x in lost:
        known[y, x] = False
    Image.fromarray(known.numpy()).save(tmp_path / "mask.png")
    for operator in (Inpaint.of(known), Inpaint(mask=tmp_path / "mask.png")):
        assert operator.least_eta == (1.0 if strewn else Operator.least_eta)


def test_noise_is_kept_where_few_pixels_are_left() -> None:
    assert [Inpaint(share=share).least_eta for share in (0.0, 0.5, 0.8, 0.9)] == [1, 1, 1, Operator.least_eta]

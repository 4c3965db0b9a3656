"""The operator ``jpeg``: its settings, tables and grids, and what a JPEG file says of them."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from dreamclean import JPEG, DreamCleanError, Picture
from dreamclean.builtin.operators.grid import Grid
from dreamclean.builtin.operators.jpeg_tables import tables_of
from dreamclean.host.host import host
from dreamclean.method.measured import info_of

CAMERA = [
    [1 + (3 * i + 5 * j) // 2 for i in range(8) for j in range(8)],
    [2 + 4 * i + 3 * j for i in range(8) for j in range(8)],
]
"""Tables that no quality has, and that are not their own transpose."""
SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0", "4:4:0", "grey")
ORIENTATION = 274


def texture(height: int, width: int, seed: int = 0) -> Image.Image:
    """Colour that is smooth at large and rough at small, away from black and white."""
    generator = torch.Generator().manual_seed(seed)
    parts = [
        torch.nn.functional.interpolate(
            torch.randn(1, 3, -(-height // s) + 1, -(-width // s) + 1, generator=generator),
            size=(height, width),
            mode="bilinear",
        )
        * share
        for s, share in ((32, 30.0), (8, 12.0), (2, 8.0))
    ]
    values = (128 + torch.stack(parts).sum(0)).clamp(8, 247)[0]
    return Image.fromarray(values.round().byte().permute(1, 2, 0).numpy())


def tensor(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1)[None] / 255


def saved(image: Image.Image, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    file.seek(0)
    return file


def operator(**settings: Any) -> JPEG:
    made: JPEG = host().make("operator", {"name": "jpeg", **settings})
    return made


# ------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_jpeg_settings_come_back_from_their_plain_form(subsampling: str) -> None:
    jpeg = operator(tables=CAMERA, subsampling=subsampling, shift=[[3, 13], 2] if subsampling == "grey" else [[3, 13]])
    assert operator(**{k: v for k, v in jpeg.spec().items() if k != "name"}) == jpeg
    assert JPEG.model_validate_json(jpeg.model_dump_json()) == jpeg
    assert jpeg.grids()[0][:2] == (3, 13)


def test_jpeg_as_a_string() -> None:
    numbers = "/".join(str(step) for table in CAMERA for step in table)
    jpeg = host().make("operator", f"jpeg:tables={numbers},subsampling=4:2:2,shift=3:5")
    assert jpeg == JPEG(tables=CAMERA, subsampling="4:2:2", shift=[(3, 5)])
    assert host().make("operator", "jpeg:quality=10/20,shift=0/3:6") == JPEG(quality=(10, 20), shift=[0, (3, 6)])


@pytest.mark.parametrize("passes", [1, 2])
@pytest.mark.parametrize("subsampling", ["4:2:2", "grey"])
def test_jpeg_string_form_makes_it_again(subsampling: str, passes: int) -> None:
    tables = (CAMERA[:1] if subsampling == "grey" else CAMERA) * passes
    jpeg = JPEG(tables=tables, subsampling=subsampling, shift=[(3, 5), 2][:passes])
    assert host().make("operator", str(jpeg)) == jpeg
    assert len(jpeg.passes()) == passes


@pytest.mark.parametrize(("old", "now"), [(True, "4:2:0"), (False, "4:4:4"), ("false", "4:4:4")])
def test_jpeg_reads_chroma_of_old_recipes(old: Any, now: str) -> None:
    assert operator(quality=[10], shift=[0], chroma=old).subsampling == now


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"tables": [1] * 65}, "a table has 64 steps, and 65 numbers"),
        ({"tables": [0] * 64}, "a step in a table lies between 1 and 32767"),
        ({"tables": [[1] * 64] * 3}, "give two tables for each pass"),
        ({"tables": CAMERA, "quality": 10}, "give either quality or tables"),
        ({"quality": ()}, "give either quality or tables"),
        ({"shift": (3, 5)}, "one shift for each pass, or one for all"),
        ({"shift": "3:x"}, "'3:x' is not a shift; write pixels, or ROWS:COLUMNS"),
        ({"subsampling": "4:1:1"}, "subsampling"),
        ({"file": "nowhere.jpg"}, "there is no file nowhere.jpg"),
    ],
)
def test_jpeg_refuses_settings_in_one_line(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(DreamCleanError, match=message) as error:
        JPEG(**settings)
    assert "\n" not in str(error.value)


# ---------------------------------------------------------------------------------------------- codec


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_jpeg_with_the_tables_of_a_quality_is_that_quality(subsampling: str) -> None:
    x = tensor(texture(37, 45))
    by_quality = JPEG(quality=30, subsampling=subsampling).degrade(x)
    planes = 1 if subsampling == "grey" else 2
    assert torch.equal(JPEG(tables=tables_of(30)[:planes], subsampling=subsampling).degrade(x), by_quality)
    assert not torch.equal(JPEG(tables=CAMERA[:planes], subsampling=subsampling).degrade(x), by_quality)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
@pytest.mark.parametrize("shift", [(0, 0), (3, 13)])
def test_jpeg_makes_coefficients_multiples_of_its_tables(subsampling: str, shift: tuple[int, int]) -> None:
    """By the DCT's own definition and libjpeg's decoder: on the operator's grid, and on no other."""
    jpeg = JPEG(tables=CAMERA[:1] if subsampling == "grey" else CAMERA, subsampling=subsampling, shift=[shift])
    y = jpeg.degrade(tensor(texture(64, 96)))

    def off(grid: Grid, planes: slice) -> float:
        found = []
        coefficients, tables = grid.to_coefficients(255 * y - 128)[planes], (CAMERA[0], CAMERA[1], CAMERA[1])[planes]
        for part, table in zip(coefficients, tables, strict=True):
            steps = torch.tensor(table).view(8, 8)
            inner = part[0, 0, 1:-1, 1:-1] / steps
            found.append(((inner - inner.round()).abs() * steps)[(inner.abs() > 0.5) & (steps >= 8)].mean())
        return float(torch.stack(found).mean())

    assert off(jpeg.grids()[-1], slice(0, 1)) < 0.6
    assert off(Grid(shift[0] + 1, shift[1], subsampling), slice(0, 1)) > 1.5  # type: ignore[arg-type]
    if subsampling == "4:4:4":  # else the decoder smooths what it enlarges
        assert off(jpeg.grids()[-1], slice(1, 3)) < 0.6


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_grid_back_from_coefficients(subsampling: Any) -> None:
    """All of luma, and of colour the means that it keeps, on any grid and size."""
    x, grid = tensor(texture(37, 45)).double(), Grid(3, 13, subsampling)
    parts = grid.to_coefficients(x)
    again = grid.to_coefficients(grid.from_coefficients(parts, 37, 45))
    for one, other in zip(parts, again, strict=True):
        assert torch.allclose(one[:, :, 1:-1, 1:-1], other[:, :, 1:-1, 1:-1], atol=1e-9)


# ----------------------------------------------------------------------------------------------- files


def test_jpeg_of_a_file_runs_without_it(tmp_path: Path) -> None:
    file = tmp_path / "old.jpg"
    file.write_bytes(saved(texture(64, 48), qtables=CAMERA, subsampling=1).getvalue())
    jpeg = host().make("operator", f"jpeg:file={file}")
    file.unlink()
    assert jpeg == JPEG(tables=CAMERA, subsampling="4:2:2")
    assert operator(**{k: v for k, v in jpeg.spec().items() if k != "name"}) == jpeg
    (tmp_path / "new.png").write_bytes(b"")
    texture(64, 48).save(tmp_path / "new.png")
    with pytest.raises(DreamCleanError, match=r"new\.png says no tables; give a JPEG file"):
        JPEG(file=tmp_path / "new.png")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("subsampling", "pillows"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2), ("grey", 0)])
def test_info_of_a_turned_jpeg_is_that_of_the_picture_upright(orientation: int, subsampling: str, pillows: int) -> None:
    """The upright picture, compressed again with what is said, is as it was: only the right tables and grid do that."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    photo = texture(61, 83).convert("L" if subsampling == "grey" else "RGB")
    options = {"qtables": CAMERA[:1] if subsampling == "grey" else CAMERA, "subsampling": pillows, "exif": exif}
    with Image.open(saved(photo, **options)) as image:
        picture = Picture.from_pil(image)
    said = info_of(picture)["jpeg"]
    again = JPEG(**said).degrade(picture.pixels)
    wrong = JPEG(tables=CAMERA, subsampling=subsampling).degrade(picture.pixels)
    loss, naive = (float((other - picture.pixels).square().mean().sqrt() * 255) for other in (again, wrong))
    assert loss < 1.0
    assert orientation == 1 or naive > 2 * loss


def test_info_of_what_is_no_jpeg_as_its_file_holds_it(tmp_path: Path) -> None:
    photo = texture(96, 128)

    def said(image: Image.Image) -> Any:
        return info_of(Picture.from_pil(image))["jpeg"]

    jpeg = Image.open(saved(photo, quality=50))
    assert said(jpeg) == {"tables": [list(t) for t in tables_of(50)], "subsampling": "4:2:0", "shift": [0]}
    assert said(photo) is None
    assert said(jpeg.copy()) is None
    assert said(Image.open(saved(photo.convert("CMYK"), quality=50))) is None
    thumbnail = Image.open(saved(photo, quality=50))
    thumbnail.thumbnail((100, 100))
    assert said(thumbnail) is None
    small = Image.open(saved(photo, quality=50))
    small.draft("RGB", (64, 48))
    assert said(small) is None
    painted = Image.open(saved(photo, quality=50))
    ImageDraw.Draw(painted).bitmap((0, 0), texture(96, 128, 1).convert("L"))
    assert said(painted) is None

"""A picture grid: reference, measurement and every method's result, the figures under each."""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from dreamclean_bench.report.layout import number
from dreamclean_bench.report.names import short_names
from dreamclean_bench.report.tables import Line, Table, sample_of
from dreamclean_bench.store import Cell, Row, Store
from dreamclean_bench.tasks import TASKS

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
GAP, MARGIN, LINE, FONT = 6, 8, 17, 14
SIDE, SMALL, WIDTH = 256, 128, 1600
_PAPER, _INK, _FAINT, _EMPTY = (255, 255, 255), (20, 20, 20), (80, 80, 80), (228, 228, 228)


@dataclass(frozen=True)
class Tile:
    """A picture file's bytes, or why there is none (nothing: an empty place); and a line under it."""

    picture: bytes | None
    caption: str = ""
    why: str = ""


def grid(store: Store, table: Table, most: int = 3) -> bytes | None:
    """The grid as a WebP file, or None if the store keeps no picture of the table; ``most`` images are shown.

    Methods that refused the task are left out. Where all do not fit side by side, they follow in bands below,
    each with the reference and the measurement.
    """
    cells = [cell for cell in table.cells if store.picture(cell, "reference")][:most]
    lines = [line for line in table.lines if line.count("refused") < len(line.rows)]
    if not cells or not lines:
        return None
    labels = short_names(line.method for line in table.lines)
    side = side_of(cells[0].size)
    columns, bands = WIDTH // (side + GAP) - 2, []
    for first in range(0, len(lines), columns):
        band = lines[first : first + columns]
        heads = ["reference", "measurement", *(labels[line.method] for line in band)]
        bands.append(sheet(heads, [_row(store, cell, band) for cell in cells], side))
    canvas = Image.new("RGB", (bands[0].width, sum(band.height for band in bands)), _PAPER)
    for index, picture in enumerate(bands):
        canvas.paste(picture, (0, sum(band.height for band in bands[:index])))
    file = io.BytesIO()
    canvas.save(file, "WEBP", quality=80, method=4)
    return file.getvalue()


def _row(store: Store, cell: Cell, band: Sequence[Line]) -> list[Tile]:
    tiles = [Tile(store.picture(cell, "reference"), cell.image), _measurement(store, cell)]
    for line in band:
        tiles.append(_tile(next((row for row in line.rows if sample_of(row.cell) == sample_of(cell)), None)))
    return tiles


def _measurement(store: Store, cell: Cell) -> Tile:
    if cell.task in TASKS and not TASKS[cell.task].sees_picture:
        return Tile(None, why="not a picture")
    return Tile(store.picture(cell, "measurement"), why="not kept")


def side_of(size: int) -> int:
    """Side of a picture in the grid: small ones are enlarged by a whole factor, large ones reduced."""
    return min(SIDE, size * max(1, SMALL // size))


def sheet(heads: Sequence[str], rows: Sequence[Sequence[Tile]], side: int) -> Image.Image:
    """Pictures in rows and columns, a heading over each column, captions under the pictures."""
    font = ImageFont.load_default(FONT)
    words = [_wrapped(head, font, side) for head in heads]
    top = MARGIN + LINE * max(map(len, words)) + 4
    height = side + LINE + GAP
    canvas = Image.new("RGB", (2 * MARGIN + len(heads) * (side + GAP) - GAP, top + height * len(rows) + 2), _PAPER)
    draw = ImageDraw.Draw(canvas)
    for column, lines in enumerate(words):
        x = MARGIN + column * (side + GAP)
        for index, line in enumerate(lines):
            y = top - 4 - LINE * (len(lines) - index)
            draw.text((x + side / 2, y), line, _INK, font, anchor="ma")
    for index, tiles in enumerate(rows):
        for column, tile in enumerate(tiles):
            _draw_tile(canvas, draw, tile, (MARGIN + column * (side + GAP), top + index * height), side, font)
    return canvas


def _tile(row: Row | None) -> Tile:
    if row is None:
        return Tile(None, why="not run")
    if row.status != "done":
        return Tile(None, why=row.status)
    caption = f"{number(row.psnr, 2)} dB / {number(row.lpips, 3)}"
    return Tile(row.picture, caption, "not kept")


def _draw_tile(
    canvas: Image.Image,
    draw: ImageDraw.ImageDraw,
    tile: Tile,
    corner: tuple[int, int],
    side: int,
    font: Font,
) -> None:
    x, y = corner
    if tile.picture:
        picture = Image.open(io.BytesIO(tile.picture)).convert("RGB")
        scale = side / max(picture.size)
        size = tuple(max(1, round(edge * scale)) for edge in picture.size)
        picture = picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)  # type: ignore[arg-type]
        canvas.paste(picture, (x + (side - size[0]) // 2, y + (side - size[1]) // 2))
    elif tile.why:
        draw.rectangle((x, y, x + side - 1, y + side - 1), _EMPTY)
        draw.text((x + side / 2, y + side / 2), tile.why, _FAINT, font, anchor="mm")
    draw.text((x + side / 2, y + side + 1), _clipped(tile.caption, font, side), _FAINT, font, anchor="ma")


def _wrapped(text: str, font: Font, width: float) -> list[str]:
    """``text`` in lines no wider than ``width``, broken after blanks, commas, hyphens and equal signs if it can be."""
    most = max(1, int(width / font.getlength("m")))
    pieces = [p[i : i + most] for p in re.findall(r"[^\s,=-]*[\s,=-]?", text) for i in range(0, len(p), most)]
    lines = [""]
    for piece in pieces:
        if lines[-1] and font.getlength((lines[-1] + piece).rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return [line.rstrip() for line in lines]


def _clipped(text: str, font: Font, width: float) -> str:
    cut = text
    while font.getlength(cut) > width and text:
        text = text[:-1]
        cut = f"{text}…"
    return cut

"""The pages of a TIFF file and their tags, as bytes (TIFF 6.0, section 2)."""

import io
import struct
from collections.abc import Sequence
from typing import BinaryIO

from PIL import TiffImagePlugin

BITS = 258
"""The tag BitsPerSample, which is written in 16 bits; all others here in 32."""
Changes = dict[int, tuple[int, ...] | None]
"""Tags and their whole numbers, or None for a tag that is to go."""


def directories(file: BinaryIO) -> list[int]:
    """Where the tags of each page of a TIFF are, in bytes from its start; none of another file, or a BigTIFF.

    Of a damaged file those before the damage.
    """
    file.seek(0)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(file.read(4))
    found: dict[int, None] = {}
    while order and len(place := file.read(4)) == 4:
        at = struct.unpack(f"{order}I", place)[0]
        file.seek(at)
        count = file.read(2)
        if at < 8 or at in found or len(count) < 2:
            break
        found[at] = None
        file.seek(12 * struct.unpack(f"{order}H", count)[0], io.SEEK_CUR)
    return list(found)


def page_first(data: bytes, directory: int) -> bytes:
    """The file with the page whose tags are at ``directory`` as its first."""
    order = "<" if data[:2] == b"II" else ">"
    return b"".join([data[:4], struct.pack(f"{order}I", directory), memoryview(data)[8:]])


def as_pages(files: Sequence[bytes]) -> bytes:
    """One TIFF of the pages of several."""
    whole = io.BytesIO()
    with TiffImagePlugin.AppendingTiffWriter(whole) as writer:
        for file in files:
            writer.write(file)
            writer.newFrame()
    return whole.getvalue()


def with_tags(data: bytes, changes: Changes, directory: int) -> bytes:
    """A TIFF file whose first page is that at ``directory``, with other tags."""
    order = "<" if data[:2] == b"II" else ">"
    count = struct.unpack_from(f"{order}H", data, directory)[0]
    end = directory + 2 + 12 * count
    entries = {struct.unpack_from(f"{order}H", data, at)[0]: data[at : at + 12] for at in range(directory + 2, end, 12)}
    more = bytes(len(data) % 2)
    for tag, values in changes.items():
        entries.pop(tag, None)
        if values is None:
            continue
        kind, code = (3, "H") if tag == BITS else (4, "I")
        stored = struct.pack(f"{order}{len(values)}{code}", *values)
        if len(stored) > 4:
            place, more = len(data) + len(more), more + stored + bytes(len(stored) % 4)
            stored = struct.pack(f"{order}I", place)
        entries[tag] = struct.pack(f"{order}HHI", tag, kind, len(values)) + stored.ljust(4, b"\0")
    start = struct.pack(f"{order}I", len(data) + len(more))
    tags = struct.pack(f"{order}H", len(entries)) + b"".join(entries[tag] for tag in sorted(entries))
    return b"".join([data[:4], start, memoryview(data)[8:], more, tags, data[end : end + 4]])

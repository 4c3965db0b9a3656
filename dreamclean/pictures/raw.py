"""A camera's RAW files, developed by LibRaw, if the package rawpy is installed (``pip install 'dreamclean[raw]'``)."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

RAW = {
    *(".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw", ".nef"),
    *(".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f"),
}
"""Endings of a camera's own files. Many are TIFF files with a small preview in the place of the picture."""


def raw_is_read() -> bool:
    """Whether RAW files can be read here."""
    return find_spec("rawpy") is not None


def is_raw(path: Path) -> bool:
    return path.suffix.lower() in RAW


def raw_samples(path: Path) -> np.ndarray:
    """The picture of a RAW file, upright, in sRGB with the camera's white balance: uint16 (H, W, 3).

    DecompressionBombError if it has more pixels than Pillow's limit; whatever rawpy raises if it is damaged.
    """
    import rawpy

    with rawpy.imread(str(path)) as raw:
        Image._decompression_bomb_check((raw.sizes.width, raw.sizes.height))
        return np.asarray(
            raw.postprocess(use_camera_wb=True, output_bps=16, output_color=rawpy.ColorSpace.sRGB, no_auto_bright=True)
        )

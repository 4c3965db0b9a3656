"""The size of picture that fits into this machine's memory."""

import os
from pathlib import Path

BYTES_A_PIXEL = 200
"""For a restoration, besides the network and its tile: 72 for six copies in float32; the rest for decoding, local levels and reserve."""
_SHARE = 0.5
"""Share of the memory; the rest is for the network, its tiles, and other programs."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def megapixels_carried() -> float:
    """The largest picture, in millions of pixels, whose restoration fits into the memory of this machine or container."""
    return round(memory() * _SHARE / BYTES_A_PIXEL / 1e6, 1)


def memory() -> int:
    """Bytes of memory that this process may use; 8 GiB if the system does not say."""
    try:
        found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    except (AttributeError, OSError, ValueError):
        found = [8 * 2**30]
    for path in _LIMITS:
        try:
            found.append(int(Path(path).read_text()))
        except (OSError, ValueError):  # no such limit
            continue
    return min(size for size in found if size > 0)

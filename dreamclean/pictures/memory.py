"""How large a picture fits into this machine's memory."""

import os
from pathlib import Path

BYTES_A_PIXEL = 200
"""Of a restoration, beside the network and its tile: six copies in float32 are 72; decoding, levels by part, and room."""
_SHARE = 0.5
"""Of the memory; the rest is for the network, its tiles, and everything else that runs."""
_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def megapixels_carried() -> float:
    """Millions of pixels of a picture whose restoration this machine's memory carries, or this container's."""
    return round(memory() * _SHARE / BYTES_A_PIXEL / 1e6, 1)


def memory() -> int:
    """Bytes of memory that this process may come to have; 8 GiB where the system does not say."""
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

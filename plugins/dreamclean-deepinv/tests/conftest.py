"""Tests of the bridge need deepinv, and deepinv torchvision, whose wheel for CUDA a CPU's torch cannot load unaided."""

import sys
from importlib.util import find_spec
from pathlib import Path

collect_ignore_glob = []

if find_spec("deepinv") is None:
    collect_ignore_glob.append("test_*.py")
else:
    sys.path.insert(0, str(Path(__file__).parents[3] / "contrib" / "rivals"))
    import cpu_torchvision  # noqa: F401, before deepinv

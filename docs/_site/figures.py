"""The style of the gallery's figures."""

from pathlib import Path
from typing import Any

STYLE = Path(__file__).with_name("neutral.mplstyle")


def neutral(gallery: dict[str, Any], script: str) -> None:
    """Set the style; called before each script."""
    from matplotlib import style

    style.use(STYLE)

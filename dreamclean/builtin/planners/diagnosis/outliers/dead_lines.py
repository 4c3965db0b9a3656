"""Dead lines: whole rows or columns of one value, with the same picture on both sides."""

import torch
from torch import Tensor

from dreamclean.builtin.planners.diagnosis.outliers.local import Finding

WHOLE, ELSEWHERE = 0.97, 0.5
"""Share of a dead line's pixels that are black (or white), and the most of the lines beside it."""
VARIED = 0.03
"""Standard deviation along the lines beside it, without which it may be a rule on paper or the frame of a window."""
APART = 0.08
"""Difference of the means of the lines on its two sides, beyond which it may be the border of two things."""


def find_dead_lines(x: Tensor) -> Finding | None:
    """Rows and columns of ``x`` (1, 3, H, W) that are black or white from end to end; None where there are none."""
    rows = _dead(x)
    columns = _dead(x.transpose(-1, -2))
    if not (rows.any() or columns.any()):
        return None
    return Finding("dead lines", (rows[:, None] | columns[None])[None, None], 0.95)


def _dead(x: Tensor) -> Tensor:
    """Which rows are dead, (H)."""
    dead = torch.zeros(x.shape[-2], dtype=torch.bool, device=x.device)
    for end in (0.0, 1.0):
        share = ((x - end).abs() < 0.03).all(1)[0].float().mean(1)
        for row in (share > WHOLE).nonzero().flatten().tolist():
            above, below = _next(share, row, -1), _next(share, row, 1)
            if above is not None and below is not None and _same_picture(x[0, :, above], x[0, :, below]):
                dead[row] = True
    return dead


def _next(share: Tensor, row: int, step: int) -> int | None:
    """The nearest line that is not dead, at most three away; None at the border of the picture."""
    for place in (row + step, row + 2 * step, row + 3 * step):
        if 0 <= place < len(share) and share[place] < ELSEWHERE:
            return place
    return None


def _same_picture(above: Tensor, below: Tensor) -> bool:
    """Whether two lines (3, W) belong to one thing, which is more than an empty ground."""
    varied = min(float(above.std(1).max()), float(below.std(1).max())) > VARIED
    return varied and float((above.mean(1) - below.mean(1)).abs().max()) < APART

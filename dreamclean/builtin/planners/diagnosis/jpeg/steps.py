"""Quantization tables from evidence: libjpeg's of some quality, or steps of their own."""

from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from dreamclean.builtin.operators.jpeg_tables import tables_of
from dreamclean.builtin.planners.diagnosis.jpeg.lattice import LARGEST

COST = 5.5
"""What a step of its own has to bring, in nats: the logarithm of how many there are."""
_SPREAD = 0.5
"""Standard deviation of the logarithm of other tables' steps around libjpeg's, at the quality that fits best."""
_SHARE = 0.8
"""libjpeg's table is taken where it explains that much of what steps of their own do: those bend to outliers."""


TURNED = torch.arange(64).view(8, 8).T.flatten().tolist()
"""The places of a table that was turned on its side."""


class Steps(NamedTuple):
    """A table."""

    table: tuple[int, ...]
    quality: int | None
    """Whose table of libjpeg's it is, perhaps turned on its side; None: it is none."""
    evidence: float
    """Log-likelihood ratio against no lattice, less what the choice costs."""
    seen: int
    """Frequencies, of 64, in which the step shows."""


@lru_cache(maxsize=2)
def family(plane: int) -> Tensor:
    """libjpeg's tables (100, 64) of luma (0) or chroma (1), of the qualities 1 to 100."""
    return torch.tensor([tables_of(quality)[plane] for quality in range(1, 101)])


def of_quality(found: Tensor, plane: int, quality: int) -> Steps:
    """libjpeg's table, with what speaks for it in ``found`` (64, steps)."""
    table = family(plane)[quality - 1]
    gains = found.gather(1, (table - 1).clamp(max=found.shape[1] - 1)[:, None])[:, 0]
    return Steps(tuple(table.tolist()), quality, float(gains.sum()), int((gains > COST).sum()))


def best_steps(found: Tensor, plane: int) -> Steps:
    """The table that explains ``found`` (64, steps), the evidence of each step for each frequency, best."""
    tables = family(plane).to(found.device)
    sums = found.gather(1, (tables.T - 1).clamp(max=found.shape[1] - 1)).sum(0)
    quality = int(sums.argmax()) + 1
    standard = of_quality(found, plane, quality)
    standard = standard._replace(evidence=standard.evidence - COST)
    own = _own_steps(found, plane)
    return standard if standard.evidence > _SHARE * own.evidence else own


def best_luma_steps(found: Tensor) -> Steps:
    """That of the luma, of a picture that may have been turned on its side since: libjpeg's table is not symmetric."""
    upright, turned = best_steps(found, 0), best_steps(found[TURNED], 0)
    if turned.quality is None or (upright.quality is not None and turned.evidence < upright.evidence + COST):
        return upright
    return turned._replace(table=tuple(turned.table[place] for place in TURNED))


def _own_steps(found: Tensor, plane: int) -> Steps:
    """Each frequency's best step near those of the quality that fits; that quality's where none shows."""
    steps = torch.arange(1, LARGEST + 1, device=found.device).log()
    free = found.max(1)
    shown = (free.values > COST) & (free.indices > 0)
    tables = family(plane).to(found).log()
    off = (tables - steps[free.indices]).clamp(-2, 2).abs() * shown
    nearest = int(off.sum(1).argmin())
    prior = -0.5 * ((steps - tables[nearest][:, None]) / _SPREAD) ** 2
    chosen = (found + prior.clamp(min=-3 * COST)).max(1)
    gains = found.gather(1, chosen.indices[:, None])[:, 0] - COST
    shown = (gains > 0) & (chosen.indices > 0)
    level = ((steps[chosen.indices] - tables[nearest]) * shown).sum() / shown.sum().clamp(min=1)
    filled = (tables[nearest] + level).exp().round().clamp(1, LARGEST)
    table = torch.where(shown, chosen.indices + 1, filled.long())
    return Steps(tuple(table.tolist()), None, float((gains * shown).sum()), int(shown.sum()))

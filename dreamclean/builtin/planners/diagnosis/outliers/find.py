"""Outliers: pixels that no operator explains. They are found in the picture, taken out, and left to inpainting."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dreamclean.builtin.operators.inpaint import Inpaint
from dreamclean.builtin.planners.diagnosis.outliers.dead_lines import find_dead_lines
from dreamclean.builtin.planners.diagnosis.outliers.impulses import BLACK_OR_WHITE, find_impulses
from dreamclean.builtin.planners.diagnosis.outliers.local import Finding, extreme
from dreamclean.builtin.planners.diagnosis.outliers.missing import DARK, find_missing, nearly_black
from dreamclean.builtin.planners.diagnosis.outliers.noise import noise_outside
from dreamclean.builtin.planners.diagnosis.outliers.opinion import Ask, unexpected
from dreamclean.builtin.planners.diagnosis.outliers.overlay import find_overlay
from dreamclean.builtin.planners.diagnosis.outliers.scratches import find_scratches
from dreamclean.builtin.planners.diagnosis.outliers.specks import find_specks
from dreamclean.builtin.planners.diagnosis.outliers.stamp import find_stamp
from dreamclean.contracts.filled import filled

FINDERS = (find_missing, find_dead_lines, find_scratches, find_impulses, find_specks, find_stamp, find_overlay)
"""In this order, each on the picture without what was found before."""
DENSE = 0.2
"""Share of lost pixels from which on nothing more is looked for: what fills them in is too much of the picture, for its spectrum
to show the noise too."""
SMALLEST = 32
"""Side in pixels; the statistics of smaller pictures say nothing."""
AGREED = 0.5
"""How sure a finding has to be, times the share of its evident pixels that the prior finds unexpected as well."""


@dataclass(frozen=True)
class Outliers:
    """What was found in a picture."""

    kinds: tuple[str, ...]
    """missing pixels, dead lines, scratches, salt and pepper, dead pixels, impulses, specks, stamped date."""
    lost: Tensor
    """True where a pixel shows nothing of the picture, (1, 1, H, W)."""
    sure: float
    """0 to 1, of the finding that is surest; with a prior's opinion also the share of the pixels on which it agrees."""
    noise: float
    """Standard deviation of the noise of the other pixels, [0, 1] scale; 0: none that can be told from rounding."""

    @property
    def operator(self) -> Inpaint:
        """The operator that takes the lost pixels out and says the noise of the others."""
        return Inpaint.of(~self.lost, noise=float(f"{self.noise:.4g}"))

    def words(self) -> str:
        """In a line: what, how much, how sure."""
        share = float(self.lost.float().mean())
        noise = f", noise of standard deviation {self.noise * 255:.1f} of 255" if self.noise else ""
        return f"{' and '.join(self.kinds)} ({self.sure:.0%} sure), {share:.1%} of the pixels{noise}"


@torch.no_grad()
def find_outliers(image: Tensor, ask: Ask | None = None) -> Outliers | None:
    """The outliers of ``image`` (1, 3, H, W) in [0, 1]; None where there are none, or it cannot be told.

    The statistics of the picture decide (``FINDERS``). Asked once, a prior then confirms each finding and completes the mask: its
    posterior mean of the picture without the lost pixels is what should stand there. Highlights, stars, print and thin
    lines are left alone; so are lost pixels of middle tones on texture.
    """
    if min(image.shape[-2:]) < SMALLEST:
        return None
    findings = _one_by_one(image)
    lost = _union(image, findings)
    if not lost.any() or lost.all():
        return None
    noise = noise_outside(image, lost)
    if ask is not None:
        odd = unexpected(image, lost, noise, ask)
        findings = _confirmed(findings, odd)
        if not findings:
            return None
        rejected = lost & ~_union(image, findings)
        lost = _completed(image, findings, odd & ~rejected)
        noise = noise_outside(image, lost)
    sure = max(finding.sure for finding in findings)
    return Outliers(tuple(finding.kind for finding in findings), lost, sure, noise)


def _one_by_one(image: Tensor) -> list[Finding]:
    findings: list[Finding] = []
    rest = image
    for find in FINDERS:
        if finding := find(rest):
            findings.append(finding)
            lost = _union(image, findings)
            if float(lost.float().mean()) > DENSE:
                break
            rest = filled(image, lost)
    return findings


def _union(image: Tensor, findings: list[Finding]) -> Tensor:
    lost = torch.zeros_like(image[:, :1], dtype=torch.bool)
    return lost.logical_or(torch.stack([finding.lost for finding in findings]).any(0)) if findings else lost


def _confirmed(findings: list[Finding], odd: Tensor) -> list[Finding]:
    """Those that the prior confirms, each as sure as it was, times the share of its evident pixels that are ``odd``."""
    shares = [odd[f.lost if f.evident is None else f.evident].float().mean() for f in findings]
    asked = [replace(f, sure=f.sure * float(share)) for f, share in zip(findings, shares, strict=True)]
    return [finding for finding in asked if finding.sure >= AGREED]


def _completed(image: Tensor, findings: list[Finding], odd: Tensor) -> Tensor:
    """The mask of ``findings``, that of single pixels with what is ``odd`` to the prior too and of their values, or of any."""
    lost = torch.zeros_like(odd)
    for finding in findings:
        if finding.kind == "impulses":  # Garnett's statistics find them less surely than the prior does
            lost = lost | odd
        elif finding.kind == "dead pixels":  # of texture's black and white pixels nearly all are its own
            lost = lost | (odd & extreme(image, BLACK_OR_WHITE))
        elif finding.kind == "salt and pepper":
            lost = lost | finding.lost | (odd & extreme(image, BLACK_OR_WHITE))
        elif finding.kind == "missing pixels":
            lost = lost | finding.lost | (odd & (extreme(image, BLACK_OR_WHITE) | nearly_black(image, 2 * DARK)))
        else:
            lost = lost | finding.lost
    return lost

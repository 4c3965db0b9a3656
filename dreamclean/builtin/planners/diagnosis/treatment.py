"""From a diagnosis to a recipe."""

from typing import Any

from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
from dreamclean.builtin.samplers.soft_ddrm import TRUST
from dreamclean.contracts.levels import DDPMSchedule, Schedule
from dreamclean.contracts.operator import Operator

STEPS = 8
NOISE = ("white noise", "correlated noise")
"""Families whose damage the prior takes for its own noise: drawing more anew makes them worse, and so does a second order."""
FAITHFUL = {"blocking": 2.5, "mixed": 1.3}
"""The level of the highest PSNR, in multiples of the diagnosed one, which is where PSNR - 8 LPIPS is best."""
DRAWN = 0.25
"""VPS's gamma at the crisp end: towards 1 it smooths, it does not draw texture."""


def crispness(operator: Operator, detail: float) -> dict[str, Any]:
    """Fields of a recipe for a known degradation: from the highest PSNR at ``detail`` 0 to the crispest at 1.

    The more of a latent's noise is kept, the crisper: soft-ddrm's eta goes from 1 down to the operator's ``least_eta``; and the more a
    noisy measurement is trusted, from 5/6 to 6/5 of what is usual. Of noise alone they are the number of steps, all of them where parts
    start at levels of their own.
    """
    levels = DDPMSchedule.linear()
    if alone := operator.recipe_for(levels, 0.5):
        return (
            {}
            if operator.poisson
            else {"steps": round(min(STEPS, levels.most_steps(alone.get("strength", levels.highest))) ** detail)}
        )
    eta, trust = 1 - (1 - operator.least_eta) * detail, TRUST * 1.2 ** (2 * detail - 1)
    sampler = f"dreamclean/soft-ddrm:eta={eta:g},trust={trust:.3g}"
    return {"guidance": "dreamclean/none", "corrector": "dreamclean/none", "sampler": sampler}


def treatment(diagnosis: Diagnosis, schedule: Schedule, detail: float | None = None) -> dict[str, Any] | None:
    """The recipe that suits the diagnosis; None: leave the picture as it is.

    With an operator its own recipe, or the prior's for known operators, and ``crispness`` if ``detail`` is said or there is noise alone. Without one a
    matched start, and a second-order sampler where the damage is no noise; where noise is uneven, every part starts at its own level.

    ``detail`` goes from the posterior mean, which is one step from the level of the
    highest PSNR, at 0, to the crispest at 1, the default: eight steps, and where the damage is no noise some noise
    drawn anew at each level. Between them there are 8^detail steps, VPS's gamma is detail^2 / 4 and the sampler's eta
    is detail. Parts that start at levels of their own need all the steps to get there.
    """
    if diagnosis.operator is not None:
        if detail is None and diagnosis.operator.recipe_for(schedule, 0.5):
            detail = 1.0  # noise alone, as crisp as any that is found
        return {"operator": diagnosis.operator, **({} if detail is None else crispness(diagnosis.operator, detail))}
    if diagnosis.ratio is None:
        return None
    detail = 1.0 if detail is None else detail
    drawn, sampler = (0.0, "ddim") if diagnosis.family in NOISE else (detail, "dpm-solver")
    gamma, eta, steps = DRAWN * drawn**2, drawn, round(STEPS**detail)
    loudest = schedule.at(schedule.highest).ratio
    ratio = min(diagnosis.ratio * FAITHFUL.get(diagnosis.family, 1.0) ** (1 - detail), loudest)
    initializer, top = "dreamclean/matched-level", schedule.timestep(ratio)
    if diagnosis.loudest is not None:
        initializer, steps = f"dreamclean/local-level:ratio={diagnosis.ratio:.4g}", STEPS
        top = schedule.timestep(diagnosis.loudest)
    return dict(
        initializer=initializer,
        corrector=f"dreamclean/vps:gamma={gamma:g},fused=true" if gamma else "dreamclean/none",
        sampler=f"dreamclean/{sampler}:eta={eta:g}",
        strength=top,
        steps=max(1, min(steps, schedule.most_steps(top))),
    )

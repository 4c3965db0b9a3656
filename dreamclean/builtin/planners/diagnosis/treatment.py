"""From a diagnosis to a recipe."""

from dreamclean.builtin.planners.diagnosis.diagnose import Diagnosis
from dreamclean.contracts.levels import Schedule
from dreamclean.recipe.recipe import Recipe, make_recipe

STEPS = 8
DETAIL = {"white noise": 0.0, "correlated noise": 0.0}
"""The default of ``detail`` by family; what is not named: ``STRUCTURED``."""
STRUCTURED = 0.5


def treatment(diagnosis: Diagnosis, schedule: Schedule, detail: float | None = None) -> Recipe | None:
    """The recipe that suits the diagnosis: a matched start and a second-order sampler; None: leave it as it is.

    Where noise is uneven, every part starts at its own level.

    ``detail`` is how much noise is drawn anew at each level, by VPS's gamma = detail^2 and the sampler's eta = 2 detail,
    at most 1: at 0 the solution is deterministic, near the mean of what the clean picture may be; 1 is a sample of it.
    """
    if diagnosis.ratio is None:
        return None
    detail = DETAIL.get(diagnosis.family, STRUCTURED) if detail is None else detail
    gamma, eta = detail**2, min(1.0, 2 * detail)
    initializer, top = "dreamclean/matched-level", schedule.timestep(diagnosis.ratio)
    if diagnosis.loudest is not None:
        initializer, top = f"dreamclean/local-level:ratio={diagnosis.ratio:.4g}", schedule.timestep(diagnosis.loudest)
    return make_recipe(
        initializer=initializer,
        corrector=f"dreamclean/vps:gamma={gamma:g},fused=true" if gamma else "dreamclean/none",
        sampler=f"dreamclean/dpm-solver:eta={eta:g}",
        strength=top,
        steps=next(n for n in range(STEPS, 0, -1) if n == 1 or len(set(schedule.spaced(top, n))) > n),
    )

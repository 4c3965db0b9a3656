"""From a diagnosis to a recipe."""

from dreamclean.diagnosis.diagnose import Diagnosis
from dreamclean.levels import Schedule
from dreamclean.recipe import Recipe, make_recipe

STEPS = 8
DETAIL = {"white noise": 0.0, "correlated noise": 0.0}
"""The default of ``detail`` by family; what is not named: ``STRUCTURED``."""
STRUCTURED = 0.4


def treatment(diagnosis: Diagnosis, schedule: Schedule, detail: float | None = None) -> Recipe | None:
    """The recipe that suits the diagnosis: a matched start and a second-order sampler; None: leave it as it is.

    Where noise is uneven, every part starts at its own level.

    ``detail`` is VPS's gamma at each level: 0 keeps the deterministic solution, near the mean of what the clean
    picture may be; 1 draws all noise anew, one sample of it.
    """
    if diagnosis.ratio is None:
        return None
    gamma = DETAIL.get(diagnosis.family, STRUCTURED) if detail is None else detail
    top = schedule.timestep(diagnosis.loudest or diagnosis.ratio)
    local = f"dreamclean/local-level:ratio={diagnosis.ratio:.4g}"
    return make_recipe(
        initializer=local if diagnosis.loudest else "dreamclean/matched-level",
        corrector=f"dreamclean/vps:gamma={gamma:g},fused=true" if gamma else "dreamclean/none",
        sampler="dreamclean/dpm-solver",
        strength=top,
        steps=next(n for n in range(STEPS, 0, -1) if n == 1 or len(set(schedule.spaced(top, n))) > n),
    )

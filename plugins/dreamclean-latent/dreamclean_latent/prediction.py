"""What networks predict, turned into noise, and the noise levels that a scheduler's config describes."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from dreamclean.contracts.errors import DreamCleanError
from dreamclean.contracts.levels import DDPMSchedule, Level


def noise(kind: str, output: Tensor, x: Tensor, level: Level) -> Tensor:
    """eps of ``x`` (B, C, H, W) from the network's ``output`` there, at a level with a + s > 0 and s > 0.

    epsilon: as it is. v_prediction: v = a eps - s x0, so eps = a v + s x (Salimans & Ho 2022, appendix D).
    sample: eps = (x - a x0) / s. flow: v = eps - x0 with a = 1 - s, so eps = x + a v (Lipman et al. 2023).
    """
    if kind == "v_prediction":
        return level.alpha * output + level.sigma * x
    if kind == "sample":
        return (x - level.alpha * output) / level.sigma
    if kind == "flow":
        return x + level.alpha * output
    return output


def diffusion_levels(config: Mapping[str, Any]) -> tuple[DDPMSchedule, str]:
    """Levels and kind of prediction of a scheduler with betas, those rescaled to a = 0 at T included."""
    from diffusers import DDPMScheduler

    kind = config.get("prediction_type", "epsilon")
    if not config.keys() & {"beta_schedule", "trained_betas"}:
        raise DreamCleanError(
            f"its scheduler, {config.get('_class_name', 'nameless')}, has no betas; give another model"
        )
    if kind not in ("epsilon", "v_prediction", "sample"):
        raise DreamCleanError(f"it predicts '{kind}'; supported are epsilon, v_prediction and sample")
    known = (
        "num_train_timesteps",
        "beta_start",
        "beta_end",
        "beta_schedule",
        "trained_betas",
        "rescale_betas_zero_snr",
    )
    return DDPMSchedule(DDPMScheduler(**{key: config[key] for key in known if key in config}).alphas_cumprod), kind

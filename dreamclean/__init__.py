"""DreamClean: restore a degraded picture with a pretrained diffusion prior (ICLR 2024).

    from dreamclean import Restorer

    Restorer()("old.jpg").image.save("clean.png")

Nothing heavy is imported until it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from dreamclean.errors import DreamCleanError
from dreamclean.hookspecs import hookimpl
from dreamclean.version import __version__

if TYPE_CHECKING:
    from dreamclean.component import Component, FloatList, IntList
    from dreamclean.correctors.base import Corrector, ScoreCorrector
    from dreamclean.correctors.gradient_ascent import GradientAscent
    from dreamclean.correctors.langevin import Langevin
    from dreamclean.correctors.none import NoCorrector
    from dreamclean.correctors.vps import VPS
    from dreamclean.diagnosis.diagnose import Diagnosis, diagnose
    from dreamclean.discovery import Plugin
    from dreamclean.initializers.base import Initializer
    from dreamclean.initializers.ddim_inversion import DDIMInversion
    from dreamclean.initializers.forward_noising import ForwardNoising
    from dreamclean.initializers.local_level import LocalLevel
    from dreamclean.initializers.matched_level import MatchedLevel
    from dreamclean.levels import DDPMSchedule, FlowSchedule, Level, Schedule, VESchedule, ascending, descending
    from dreamclean.loop import Estimator, Step
    from dreamclean.operators.base import LinearOperator, Operator
    from dreamclean.operators.blur import Blur
    from dreamclean.operators.colorize import Colorize
    from dreamclean.operators.downsample import Downsample
    from dreamclean.operators.fourier_magnitude import FourierMagnitude
    from dreamclean.operators.identity import Identity
    from dreamclean.operators.inpaint import Inpaint
    from dreamclean.operators.jpeg import JPEG
    from dreamclean.operators.separable import SeparableOperator
    from dreamclean.pictures import Picture
    from dreamclean.plugins import Host
    from dreamclean.priors.base import Estimate, Prior
    from dreamclean.priors.denoiser import Denoiser
    from dreamclean.priors.diffusers import Diffusers, UNetPrior
    from dreamclean.priors.mixture import Mixture
    from dreamclean.priors.tiled import Tiled
    from dreamclean.recipe import Recipe, read_recipe
    from dreamclean.restoration import Restoration
    from dreamclean.restorer import Restorer
    from dreamclean.samplers.base import Sampler
    from dreamclean.samplers.ddim import DDIM, ddim_step
    from dreamclean.samplers.dpm_solver import DPMSolver

_WHERE = {
    "component": "Component FloatList IntList",
    "correctors.base": "Corrector ScoreCorrector",
    "correctors.gradient_ascent": "GradientAscent",
    "correctors.langevin": "Langevin",
    "correctors.none": "NoCorrector",
    "correctors.vps": "VPS",
    "initializers.base": "Initializer",
    "initializers.ddim_inversion": "DDIMInversion",
    "initializers.forward_noising": "ForwardNoising",
    "initializers.local_level": "LocalLevel",
    "initializers.matched_level": "MatchedLevel",
    "levels": "DDPMSchedule FlowSchedule Level Schedule VESchedule ascending descending",
    "loop": "Estimator Step",
    "operators.base": "LinearOperator Operator",
    "operators.blur": "Blur",
    "operators.colorize": "Colorize",
    "operators.downsample": "Downsample",
    "operators.fourier_magnitude": "FourierMagnitude",
    "operators.identity": "Identity",
    "operators.inpaint": "Inpaint",
    "operators.jpeg": "JPEG",
    "operators.separable": "SeparableOperator",
    "pictures": "Picture",
    "diagnosis.diagnose": "Diagnosis diagnose",
    "discovery": "Plugin",
    "plugins": "Host",
    "priors.base": "Estimate Prior",
    "priors.denoiser": "Denoiser",
    "priors.diffusers": "Diffusers UNetPrior",
    "priors.mixture": "Mixture",
    "priors.tiled": "Tiled",
    "recipe": "Recipe read_recipe",
    "restoration": "Restoration",
    "restorer": "Restorer",
    "samplers.base": "Sampler",
    "samplers.ddim": "DDIM ddim_step",
    "samplers.dpm_solver": "DPMSolver",
}
_MODULES = {name: f"dreamclean.{module}" for module, names in _WHERE.items() for name in names.split()}

__all__ = ["DreamCleanError", "__version__", "hookimpl", *sorted(_MODULES)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'dreamclean' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__

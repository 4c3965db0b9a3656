"""DreamClean: restore a degraded picture with a pretrained diffusion prior (ICLR 2024).

    from dreamclean import Restorer

    Restorer()("old.jpg").save("clean.png")

Nothing heavy is imported until it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from dreamclean.contracts.errors import ComponentError, DreamCleanError, DreamCleanWarning, InvalidSetting
from dreamclean.host.hookspecs import hookimpl
from dreamclean.version import __version__

if TYPE_CHECKING:
    from dreamclean.builtin.correctors.gradient_ascent import GradientAscent
    from dreamclean.builtin.correctors.langevin import Langevin
    from dreamclean.builtin.correctors.none import NoCorrector
    from dreamclean.builtin.correctors.score import ScoreCorrector
    from dreamclean.builtin.correctors.vps import VPS
    from dreamclean.builtin.guidance.diffpir import DiffPIR
    from dreamclean.builtin.guidance.dps import DPS
    from dreamclean.builtin.guidance.none import NoGuidance
    from dreamclean.builtin.guidance.pigdm import PiGDM
    from dreamclean.builtin.guidance.projection import Projection
    from dreamclean.builtin.guidance.spectral_projection import SpectralProjection
    from dreamclean.builtin.initializers.ddim_inversion import DDIMInversion
    from dreamclean.builtin.initializers.forward_noising import ForwardNoising
    from dreamclean.builtin.initializers.local_level import LocalLevel
    from dreamclean.builtin.initializers.matched_level import MatchedLevel
    from dreamclean.builtin.initializers.matched_spectrum import MatchedSpectrum
    from dreamclean.builtin.noise.stationary import Stationary
    from dreamclean.builtin.operators.blur import Blur
    from dreamclean.builtin.operators.colorize import Colorize
    from dreamclean.builtin.operators.downsample import Downsample
    from dreamclean.builtin.operators.enlarged import Enlarged
    from dreamclean.builtin.operators.enlarged_jpeg import EnlargedJPEG
    from dreamclean.builtin.operators.faded import Faded
    from dreamclean.builtin.operators.fourier_magnitude import FourierMagnitude
    from dreamclean.builtin.operators.grain import Grain
    from dreamclean.builtin.operators.haze import Haze
    from dreamclean.builtin.operators.identity import Identity
    from dreamclean.builtin.operators.inpaint import Inpaint
    from dreamclean.builtin.operators.jpeg import JPEG
    from dreamclean.builtin.operators.posterized import Posterized
    from dreamclean.builtin.operators.separable import SeparableOperator
    from dreamclean.builtin.paths.descent import Descent
    from dreamclean.builtin.planners.diagnosis.auto import Auto
    from dreamclean.builtin.planners.diagnosis.diagnosis import Diagnosis
    from dreamclean.builtin.planners.fixed import Fixed
    from dreamclean.builtin.priors.denoiser import Denoiser
    from dreamclean.builtin.priors.diffusers import Diffusers, UNetPrior
    from dreamclean.builtin.priors.mixture import Mixture
    from dreamclean.builtin.samplers.ddim import DDIM, ddim_step
    from dreamclean.builtin.samplers.dpm_solver import DPMSolver
    from dreamclean.builtin.samplers.soft_ddrm import SoftDDRM
    from dreamclean.builtin.spacings.karras import Karras
    from dreamclean.builtin.spacings.log_snr import LogSNR
    from dreamclean.builtin.spacings.uniform import Uniform
    from dreamclean.contracts.codec import PixelCodec
    from dreamclean.contracts.component import Component, FloatList, IntList
    from dreamclean.contracts.corrector import Corrector
    from dreamclean.contracts.covariance import Covariance, Independent
    from dreamclean.contracts.estimate import Denoise, Estimate
    from dreamclean.contracts.guidance import Guidance
    from dreamclean.contracts.initializer import Initializer
    from dreamclean.contracts.latent import Latent, Past
    from dreamclean.contracts.levels import (
        DDPMSchedule,
        FlowSchedule,
        Level,
        Schedule,
        VESchedule,
        ascending,
        descending,
    )
    from dreamclean.contracts.measurement import Measurement
    from dreamclean.contracts.model import Geometry, Model
    from dreamclean.contracts.operator import Chain, LinearOperator, Operator
    from dreamclean.contracts.path import Path
    from dreamclean.contracts.planner import Plan, Planner
    from dreamclean.contracts.prior import Prior
    from dreamclean.contracts.sampler import Sampler
    from dreamclean.contracts.spacing import Spacing
    from dreamclean.contracts.step import Step
    from dreamclean.host.discovery import Plugin
    from dreamclean.host.host import Host
    from dreamclean.method.evaluator import Evaluator
    from dreamclean.method.explanation import Explanation
    from dreamclean.method.restoration import Restoration
    from dreamclean.pictures.picture import Picture
    from dreamclean.recipe.recipe import Recipe, read_recipe
    from dreamclean.recipe.settings import Settings
    from dreamclean.restorer import Restorer

_WHERE = {
    "contracts.component": "Component FloatList IntList",
    "builtin.correctors.score": "ScoreCorrector",
    "contracts.corrector": "Corrector",
    "contracts.covariance": "Covariance Independent",
    "contracts.estimate": "Denoise Estimate",
    "contracts.guidance": "Guidance",
    "contracts.latent": "Latent Past",
    "contracts.measurement": "Measurement",
    "contracts.step": "Step",
    "builtin.guidance.projection": "Projection",
    "builtin.guidance.spectral_projection": "SpectralProjection",
    "builtin.guidance.dps": "DPS",
    "builtin.guidance.none": "NoGuidance",
    "builtin.guidance.pigdm": "PiGDM",
    "builtin.guidance.diffpir": "DiffPIR",
    "builtin.correctors.gradient_ascent": "GradientAscent",
    "builtin.correctors.langevin": "Langevin",
    "builtin.correctors.none": "NoCorrector",
    "builtin.correctors.vps": "VPS",
    "contracts.initializer": "Initializer",
    "builtin.initializers.ddim_inversion": "DDIMInversion",
    "builtin.initializers.forward_noising": "ForwardNoising",
    "builtin.initializers.local_level": "LocalLevel",
    "builtin.initializers.matched_level": "MatchedLevel",
    "builtin.initializers.matched_spectrum": "MatchedSpectrum",
    "contracts.levels": "DDPMSchedule FlowSchedule Level Schedule VESchedule ascending descending",
    "method.evaluator": "Evaluator",
    "method.explanation": "Explanation",
    "contracts.operator": "Chain LinearOperator Operator",
    "builtin.noise.stationary": "Stationary",
    "builtin.operators.blur": "Blur",
    "builtin.operators.colorize": "Colorize",
    "builtin.operators.downsample": "Downsample",
    "builtin.operators.enlarged": "Enlarged",
    "builtin.operators.enlarged_jpeg": "EnlargedJPEG",
    "builtin.operators.faded": "Faded",
    "builtin.operators.fourier_magnitude": "FourierMagnitude",
    "builtin.operators.grain": "Grain",
    "builtin.operators.haze": "Haze",
    "builtin.operators.identity": "Identity",
    "builtin.operators.inpaint": "Inpaint",
    "builtin.operators.jpeg": "JPEG",
    "builtin.operators.posterized": "Posterized",
    "builtin.operators.separable": "SeparableOperator",
    "pictures.picture": "Picture",
    "builtin.planners.diagnosis.auto": "Auto",
    "builtin.planners.diagnosis.diagnosis": "Diagnosis",
    "builtin.planners.fixed": "Fixed",
    "builtin.paths.descent": "Descent",
    "contracts.path": "Path",
    "builtin.spacings.uniform": "Uniform",
    "builtin.spacings.log_snr": "LogSNR",
    "builtin.spacings.karras": "Karras",
    "contracts.spacing": "Spacing",
    "contracts.planner": "Plan Planner",
    "host.discovery": "Plugin",
    "host.host": "Host",
    "contracts.prior": "Prior",
    "contracts.model": "Geometry Model",
    "contracts.codec": "PixelCodec",
    "builtin.priors.denoiser": "Denoiser",
    "builtin.priors.diffusers": "Diffusers UNetPrior",
    "builtin.priors.mixture": "Mixture",
    "recipe.recipe": "Recipe read_recipe",
    "recipe.settings": "Settings",
    "method.restoration": "Restoration",
    "restorer": "Restorer",
    "contracts.sampler": "Sampler",
    "builtin.samplers.ddim": "DDIM ddim_step",
    "builtin.samplers.dpm_solver": "DPMSolver",
    "builtin.samplers.soft_ddrm": "SoftDDRM",
}
_MODULES = {name: f"dreamclean.{module}" for module, names in _WHERE.items() for name in names.split()}

# Written out, because type checkers and editors read it.
__all__ = [
    "DDIM",
    "DPS",
    "JPEG",
    "VPS",
    "Auto",
    "Blur",
    "Chain",
    "Colorize",
    "Component",
    "ComponentError",
    "Corrector",
    "Covariance",
    "DDIMInversion",
    "DDPMSchedule",
    "DPMSolver",
    "Denoise",
    "Denoiser",
    "Descent",
    "Diagnosis",
    "DiffPIR",
    "Diffusers",
    "Downsample",
    "DreamCleanError",
    "DreamCleanWarning",
    "Enlarged",
    "EnlargedJPEG",
    "Estimate",
    "Evaluator",
    "Explanation",
    "Faded",
    "Fixed",
    "FloatList",
    "FlowSchedule",
    "ForwardNoising",
    "FourierMagnitude",
    "Geometry",
    "GradientAscent",
    "Grain",
    "Guidance",
    "Haze",
    "Host",
    "Identity",
    "Independent",
    "Initializer",
    "Inpaint",
    "IntList",
    "InvalidSetting",
    "Karras",
    "Langevin",
    "Latent",
    "Level",
    "LinearOperator",
    "LocalLevel",
    "LogSNR",
    "MatchedLevel",
    "MatchedSpectrum",
    "Measurement",
    "Mixture",
    "Model",
    "NoCorrector",
    "NoGuidance",
    "Operator",
    "Past",
    "Path",
    "PiGDM",
    "Picture",
    "PixelCodec",
    "Plan",
    "Planner",
    "Plugin",
    "Posterized",
    "Prior",
    "Projection",
    "Recipe",
    "Restoration",
    "Restorer",
    "Sampler",
    "Schedule",
    "ScoreCorrector",
    "SeparableOperator",
    "Settings",
    "SoftDDRM",
    "Spacing",
    "SpectralProjection",
    "Stationary",
    "Step",
    "UNetPrior",
    "Uniform",
    "VESchedule",
    "__version__",
    "ascending",
    "ddim_step",
    "descending",
    "hookimpl",
    "read_recipe",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'dreamclean' has no attribute '{name}'")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__

"""The built-in components, registered by the same hooks as everybody's."""

from dreamclean.builtin import hooks
from dreamclean.host.hookspecs import Declare, Register, hookimpl


@hookimpl
def register_kinds(declare: Declare) -> None:
    declare("prior", "dreamclean.contracts.prior:Prior", hooks.register_priors)
    declare("initializer", "dreamclean.contracts.initializer:Initializer", hooks.register_initializers)
    declare("corrector", "dreamclean.contracts.corrector:Corrector", hooks.register_correctors)
    declare("sampler", "dreamclean.contracts.sampler:Sampler", hooks.register_samplers)
    declare("operator", "dreamclean.contracts.operator:Operator", hooks.register_operators)
    declare("guidance", "dreamclean.contracts.guidance:Guidance", hooks.register_guidances)
    declare("path", "dreamclean.contracts.path:Path", hooks.register_paths)
    declare("spacing", "dreamclean.contracts.spacing:Spacing", hooks.register_spacings)
    declare("planner", "dreamclean.contracts.planner:Planner", hooks.register_planners)


@hookimpl
def defaults() -> dict[str, str]:
    return {"planner": "dreamclean/auto"}


@hookimpl
def register_paths(register: Register) -> None:
    from dreamclean.builtin.paths.descent import Descent

    register(Descent)


@hookimpl
def register_spacings(register: Register) -> None:
    from dreamclean.builtin.spacings.karras import Karras
    from dreamclean.builtin.spacings.log_snr import LogSNR
    from dreamclean.builtin.spacings.uniform import Uniform

    for cls in (Uniform, LogSNR, Karras):
        register(cls)


@hookimpl
def register_planners(register: Register) -> None:
    from dreamclean.builtin.planners.diagnosis.auto import Auto
    from dreamclean.builtin.planners.fixed import Fixed

    for cls in (Fixed, Auto):
        register(cls)


@hookimpl
def register_priors(register: Register) -> None:
    from dreamclean.builtin.priors.denoiser import Denoiser
    from dreamclean.builtin.priors.diffusers import Diffusers
    from dreamclean.builtin.priors.mixture import Mixture

    for cls in (Diffusers, Denoiser, Mixture):
        register(cls)


@hookimpl
def register_initializers(register: Register) -> None:
    from dreamclean.builtin.initializers.ddim_inversion import DDIMInversion
    from dreamclean.builtin.initializers.forward_noising import ForwardNoising
    from dreamclean.builtin.initializers.local_level import LocalLevel
    from dreamclean.builtin.initializers.matched_level import MatchedLevel
    from dreamclean.builtin.initializers.matched_spectrum import MatchedSpectrum

    for cls in (DDIMInversion, ForwardNoising, MatchedLevel, LocalLevel, MatchedSpectrum):
        register(cls)


@hookimpl
def register_correctors(register: Register) -> None:
    from dreamclean.builtin.correctors.gradient_ascent import GradientAscent
    from dreamclean.builtin.correctors.langevin import Langevin
    from dreamclean.builtin.correctors.none import NoCorrector
    from dreamclean.builtin.correctors.vps import VPS

    for cls in (VPS, Langevin, GradientAscent, NoCorrector):
        register(cls)


@hookimpl
def register_samplers(register: Register) -> None:
    from dreamclean.builtin.samplers.ddim import DDIM
    from dreamclean.builtin.samplers.dpm_solver import DPMSolver
    from dreamclean.builtin.samplers.soft_ddrm import SoftDDRM

    for cls in (DDIM, DPMSolver, SoftDDRM):
        register(cls)


@hookimpl
def register_operators(register: Register) -> None:
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
    from dreamclean.contracts.operator import Chain

    for cls in (
        Downsample,
        Enlarged,
        EnlargedJPEG,
        Blur,
        Inpaint,
        Colorize,
        JPEG,
        FourierMagnitude,
        Identity,
        Grain,
        Faded,
        Haze,
        Posterized,
        Chain,
    ):
        register(cls)


@hookimpl
def register_guidances(register: Register) -> None:
    from dreamclean.builtin.guidance.diffpir import DiffPIR
    from dreamclean.builtin.guidance.dps import DPS
    from dreamclean.builtin.guidance.none import NoGuidance
    from dreamclean.builtin.guidance.pigdm import PiGDM
    from dreamclean.builtin.guidance.projection import Projection
    from dreamclean.builtin.guidance.spectral_projection import SpectralProjection

    for cls in (Projection, SpectralProjection, DPS, PiGDM, DiffPIR, NoGuidance):
        register(cls)

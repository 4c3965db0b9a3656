"""The built-in components, registered by the same hooks as everybody's."""

from dreamclean.hookspecs import Register, hookimpl


@hookimpl
def register_priors(register: Register) -> None:
    from dreamclean.priors.denoiser import Denoiser
    from dreamclean.priors.diffusers import Diffusers
    from dreamclean.priors.mixture import Mixture
    from dreamclean.priors.tiled import Tiled

    for cls in (Diffusers, Denoiser, Mixture, Tiled):
        register(cls)


@hookimpl
def register_initializers(register: Register) -> None:
    from dreamclean.initializers.ddim_inversion import DDIMInversion
    from dreamclean.initializers.forward_noising import ForwardNoising
    from dreamclean.initializers.local_level import LocalLevel
    from dreamclean.initializers.matched_level import MatchedLevel

    for cls in (DDIMInversion, ForwardNoising, MatchedLevel, LocalLevel):
        register(cls)


@hookimpl
def register_correctors(register: Register) -> None:
    from dreamclean.correctors.gradient_ascent import GradientAscent
    from dreamclean.correctors.langevin import Langevin
    from dreamclean.correctors.none import NoCorrector
    from dreamclean.correctors.vps import VPS

    for cls in (VPS, Langevin, GradientAscent, NoCorrector):
        register(cls)


@hookimpl
def register_samplers(register: Register) -> None:
    from dreamclean.samplers.ddim import DDIM
    from dreamclean.samplers.dpm_solver import DPMSolver

    for cls in (DDIM, DPMSolver):
        register(cls)


@hookimpl
def register_operators(register: Register) -> None:
    from dreamclean.operators.blur import Blur
    from dreamclean.operators.colorize import Colorize
    from dreamclean.operators.downsample import Downsample
    from dreamclean.operators.fourier_magnitude import FourierMagnitude
    from dreamclean.operators.identity import Identity
    from dreamclean.operators.inpaint import Inpaint
    from dreamclean.operators.jpeg import JPEG

    for cls in (Downsample, Blur, Inpaint, Colorize, JPEG, FourierMagnitude, Identity):
        register(cls)

"""DreamClean and deepinv: physics as operators, denoisers as priors in both directions, DreamClean as a reconstructor."""

from dreamclean_deepinv.denoiser import PriorDenoiser, denoiser_prior
from dreamclean_deepinv.physics import PhysicsOperator
from dreamclean_deepinv.reconstructor import DreamClean

__all__ = ["DreamClean", "PhysicsOperator", "PriorDenoiser", "denoiser_prior"]

"""Latent diffusion and flow models as priors for DreamClean."""

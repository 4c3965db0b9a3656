"""Correctors: moves of a latent within its noise level."""

"""Checkpoints of OpenAI's guided-diffusion and improved-diffusion, and of DDPM, as priors of DreamClean."""

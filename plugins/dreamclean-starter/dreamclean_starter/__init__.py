"""DreamClean's starter prior: a small diffusion model of natural photographs."""

"""Priors: what clean images look like."""

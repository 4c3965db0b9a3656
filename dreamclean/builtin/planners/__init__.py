"""Planners: what a picture needs."""

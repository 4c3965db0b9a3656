"""Tones that light or age has changed: they do not show whether it did, but if it did, how much."""

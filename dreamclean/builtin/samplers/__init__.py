"""Samplers: steps from a noise level to the next lower one."""

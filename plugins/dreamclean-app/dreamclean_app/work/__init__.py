"""Doing the work: a process for each device, which holds the model."""

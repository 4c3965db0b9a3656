"""Paths: orders in which levels are visited."""

"""Consistency operators: known degradations, and how a clean estimate is made to agree with a measurement."""

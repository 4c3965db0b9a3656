"""Consistency operators: known degradations, and how a posterior mean is made to agree with a measurement."""

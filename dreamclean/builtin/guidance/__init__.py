"""Guidance: ways to bring an estimate into agreement with a measurement."""

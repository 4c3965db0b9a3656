"""Noise that is not white: its covariance over the channels at each spatial frequency."""

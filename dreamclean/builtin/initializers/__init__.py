"""Initializers: from the picture to the top noise level."""

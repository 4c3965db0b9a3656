"""Traces of JPEG compression in the pixels: grid, quantization tables, subsampling, and an earlier pass."""

"""Spacings: where noise levels lie between the picture and the top."""

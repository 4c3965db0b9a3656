"""How small a picture may be."""

LEAST = 31
"""Side in pixels: of a smaller picture AlexNet's poolings, and so LPIPS, leave nothing."""

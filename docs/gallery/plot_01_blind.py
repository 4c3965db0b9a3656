"""
Blind, in three lines
=====================

A photograph with noise, and nothing said about it. The picture is diagnosed, and what is found is undone
(:doc:`/docs/diagnosis`).
"""

from panels import PHOTO, dice, panels

from dreamclean import Identity, Restorer

photo = PHOTO[:, :, 100:228, 130:258]
noisy = Identity(noise="25/255").measure(photo, dice()).clamp(0, 1)

# %%
# The three lines. A path or a PIL image works as well as a tensor (B, 3, H, W) with values in [0, 1].

restorer = Restorer()
result = restorer(noisy)
restored = result.image

# %%
# PSNR is the peak signal-to-noise ratio, here against the photograph that nobody would have.

print(f"{result.nfe} evaluations of the prior")
panels({"noisy": noisy, "restored": restored, "photograph": photo}, reference=photo)

"""
Phase retrieval
===============

Of the Fourier transform of the picture only the magnitudes were measured, with noise (the paper's Figure 7). Where
anything lies in the picture is in the phases, which are lost. Magnitudes are the same for a picture that is turned by
180 degrees, so a result may be turned.
"""

from panels import PHOTO, dice, panels, psnr

from dreamclean import FourierMagnitude, Restorer

photo = PHOTO[:, :, 96:192, 64:160]
operator = FourierMagnitude(noise=0.01)
magnitudes = operator.measure(photo, dice())

# %%
# Whether a run finds the phases depends on its random noise. The magnitudes tell which run came closest, without a
# look at the photograph.

restorer = Restorer(operator=operator, strength=900, steps=40)
results = [restorer(magnitudes, seed=seed).image for seed in range(4)]
residuals = [float((operator.degrade(image) - magnitudes).square().mean().sqrt()) for image in results]
best = min(range(len(results)), key=residuals.__getitem__)
print("residuals:", *(f"{r:.4f}" for r in residuals), "- best:", best)
upright = max(results[best], results[best].flip((2, 3)), key=lambda image: psnr(image, photo))

# %%
# The magnitudes are drawn on a logarithmic scale, with the zero frequency in the middle.

shown = magnitudes.roll((96, 96), (2, 3)).clamp(min=1e-3).log()
shown = (shown - shown.min()) / (shown.max() - shown.min())
panels({"measured": shown, "restored": upright, "photograph": photo}, reference=photo)

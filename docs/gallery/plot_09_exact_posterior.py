"""
A prior whose answer is known
=============================

Around each of four pictures lies a Gaussian. Given a noisy picture, the posterior of the clean one is then a Gaussian
too (the other three pictures have no weight), with a mean and a variance that can be written down. So a restoration can
be compared with the truth.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from panels import PHOTO, dice, panels

from dreamclean import Identity, Mixture, Restorer

photos = torch.cat([PHOTO[:, :, y : y + 96, x : x + 96] for y in (60, 200) for x in (60, 200)])
photos = 0.3 + 0.4 * photos  # less contrast, so that nothing is cut off at black or white
width, noise = 0.1, 0.2
clean = photos[:1] + width * torch.randn(photos[:1].shape, generator=dice(1))
noisy = Identity(noise=noise).measure(clean, dice(2))

gain = width**2 / (width**2 + noise**2)
mean = photos[:1] + gain * (noisy - photos[:1])
std = noise * gain**0.5

# %%
# Ancestral sampling from the level that has as much noise draws from the posterior. Noise of 0.2 for pixels in [0, 1] is
# a noise-to-signal ratio of 0.4 for the prior's, which lie in [-1, 1].

restorer = Restorer(
    Mixture.around(photos, std=width, family="ve"),
    initializer="matched-level",
    corrector="none",
    sampler="ddim:eta=1",
    strength=f"nsr:{2 * noise}",
    spacing="karras",
    steps=300,
)
samples = restorer(noisy.repeat(16, 1, 1, 1), seed=list(range(16))).image
panels(
    {"noisy": noisy, "one sample": samples[:1], "mean of 16": samples.mean(0, keepdim=True), "exact mean": mean},
    reference=mean,
)

# %%
# The deviation of the samples' pixels from the exact mean, in units of the exact standard deviation:

deviation = ((samples - mean) / std).flatten().numpy()
print(f"mean {deviation.mean():+.3f}, standard deviation {deviation.std():.3f}")
_, axis = plt.subplots(figsize=(6, 3.2), layout="constrained")
axis.hist(deviation, bins=80, range=(-4, 4), density=True, alpha=0.5, label="samples")
z = np.linspace(-4, 4, 200)
axis.plot(z, np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi), label="exact posterior")
axis.set(xlabel="deviation from the exact mean, standard deviations", ylabel="density")
axis.legend()

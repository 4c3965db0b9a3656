"""
VPS on and off: how probable latents are
========================================

The paper's Figure 5. A diffusion model has learned from latents x = a x0 + s ε. For nearly all of those,
-1/N log q(x | x0) is the entropy H = ½ log(2πe s²). A latent of a degraded picture is further away, and VPS moves it
back. The prior is a mixture of narrow Gaussians around four pictures, so that its score is exact.
"""

import matplotlib.pyplot as plt
import torch
from panels import PHOTO, dice

from dreamclean import VPS, Identity, Mixture, Restorer

photos = torch.cat([PHOTO[:, :, y : y + 96, x : x + 96] for y in (60, 200) for x in (60, 200)])
prior = Mixture.around(photos, std=0.02)
clean = photos[:1] + 0.02 * torch.randn(photos[:1].shape, generator=dice(1))  # a picture that the prior knows
noisy = Identity(noise=0.15).measure(clean, dice(2))


def surplus(picture, corrector):
    """Timestep and -1/N log q - H, after the start and after each step of a run with the paper's settings."""
    found = []

    def look(step):
        if step.level.t >= 50:
            excess = (step.x - step.level.alpha * (2 * clean - 1)).square().mean() / step.level.sigma**2
            found.append((step.level.t, float(excess - 1) / 2))

    Restorer(prior, preset="paper", corrector=corrector)(picture, on_step=look)
    return zip(*found, strict=True)


# %%
# Without VPS the latents of the noisy picture stay as far away as they start. With the paper's gamma = 0.05 they come nearer at
# each level, and nearer still if VPS is repeated. Those of the clean picture lie a little below H: inversion leaves them
# nearer to the mean than random noise would.

ways = {
    "noisy, without VPS": (noisy, "none"),
    "noisy, VPS": (noisy, VPS(gamma=0.05)),
    "noisy, VPS ten times": (noisy, VPS(gamma=0.05, repeats=10)),
    "clean, without VPS": (clean, "none"),
}
_, axis = plt.subplots(figsize=(6, 4), layout="constrained")
for name, (picture, corrector) in ways.items():
    axis.plot(*surplus(picture, corrector), label=name)
axis.axhline(0, color="grey", linestyle=":")
axis.set(xlabel="timestep t, from the top down", ylabel="-1/N log q(x | x0) - H, nats")
axis.invert_xaxis()
axis.legend(loc="center right")
axis.grid()

"""
A prior of your own
===================

A prior says how its model is loaded, and the model answers with the noise in a latent. This one needs no network: every
frequency of a picture is a Gaussian whose variance falls with the square of the frequency, as photographs have it on
average. Its answers are those of a Wiener filter (:doc:`/docs/priors`).
"""

import torch
from panels import PHOTO, dice, panels
from pydantic import Field

from dreamclean import DDPMSchedule, Identity, Model, Prior, Restorer


class PowerLaw(Prior):
    """Every frequency f of a picture is drawn from a Gaussian of variance (scale / f)^2."""

    name = "power-law"
    scale: float = Field(default=0.01, gt=0, description="Standard deviation at one cycle per pixel, [0, 1] scale")

    def load(self, device, dtype):
        return Model(DDPMSchedule.linear(), self.noise)

    def noise(self, x, level):
        down, right = torch.fft.fftfreq(x.shape[2], device=x.device), torch.fft.rfftfreq(x.shape[3], device=x.device)
        f = (down[:, None] ** 2 + right**2).sqrt().clamp(min=1 / max(x.shape))
        variance = (2 * self.scale / f) ** 2
        answer = torch.fft.rfft2(x) * level.sigma / (level.alpha**2 * variance + level.sigma**2)
        return torch.fft.irfft2(answer, s=x.shape[2:])


# %%
# Everything that works with the starter works with it. The network knows edges; frequencies do not.

photo = PHOTO[:, :, 100:228, 130:258]
noisy = Identity(noise=0.1).measure(photo, dice())
settings = {"initializer": "matched-level", "corrector": "none", "strength": "nsr:0.2", "steps": 4}
own, starter = (Restorer(prior, **settings)(noisy).image for prior in (PowerLaw(), "starter"))
panels({"noisy": noisy, "power-law": own, "starter": starter, "photograph": photo}, photo)

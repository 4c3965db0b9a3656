"""
A planner
=========

A planner looks at a picture and says what to do with it. This one estimates white noise from the smallest details, by
the median of the picture's second differences (Immerkær 1996, with a median), and starts at the level that has as much.
``auto``, the default, asks the prior and knows many kinds of damage; this one takes no evaluation for its diagnosis.
"""

import torch
import torch.nn.functional as F
from panels import PHOTO, dice, panels

from dreamclean import Identity, Plan, Planner, Restorer


class Median(Planner):
    """White noise by the median of second differences, and four steps from its level."""

    name = "median"

    def __call__(self, image, info, prior, model):
        line = torch.tensor([1.0, -2.0, 1.0])
        kernel = (line[:, None] * line).to(image).expand(3, 1, 3, 3)
        std = float(F.conv2d(image, kernel, groups=3).abs().median()) / 0.6745 / 6
        return Plan({"initializer": "matched-level", "corrector": "none", "strength": f"nsr:{2 * std:.4f}", "steps": 4})


# %%
# Three pictures that differ in their noise. What is found is too little where it is loud: in the dark, half of the noise
# is cut off at black.

photo = PHOTO[:, :, 200:328, 200:328]
restorer = Restorer(planner=Median())
pictures = {}
for noise in (0.04, 0.08, 0.16):
    noisy = Identity(noise=noise).measure(photo, dice()).clamp(0, 1)
    result = restorer(noisy)
    strength = float(str(result.recipe.strength).removeprefix("nsr:"))
    print(f"noise {noise:.2f}, found {strength / 2:.3f}, {result.nfe} evaluations")
    pictures |= {f"noise {noise}": noisy, f"restored, {noise}": result.image}
panels(dict(sorted(pictures.items())), reference=photo)

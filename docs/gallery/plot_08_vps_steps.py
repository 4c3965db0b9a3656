"""
VPS on and off: step by step
============================

The paper's Figure 6, with the starter prior. A compressed picture is embedded by DDIM inversion and sampled back:
once without a corrector, which leads back to where it came from, and once with VPS. What is drawn is the estimate of the
clean picture at three levels.
"""

from panels import PHOTO, panels

from dreamclean import JPEG, VPS, Restorer

photo = PHOTO[:, :, 130:226, 90:186]
compressed = JPEG(quality=(10, 20, 40), shift=(0, 3, 6)).degrade(photo)


def run(corrector):
    """The posterior means of a run, by timestep, and its result."""
    seen = {}
    restorer = Restorer(initializer="ddim-inversion", corrector=corrector, strength=120, steps=12, planner="fixed")
    result = restorer(compressed, on_step=lambda step: seen.setdefault(round(step.level.t), step.x0))
    return {t: restorer.model.codec.decode(x0) for t, x0 in seen.items() if t in (110, 50)} | {0: result.image}


without, with_vps = run("none"), run(VPS(gamma=0.5))

# %%
# Above without VPS, below with it. The damage stays above. Below it goes, and some detail with it that the network takes
# for damage, so PSNR is lower. The greater gamma, the freer the picture is from where it came from.

pictures = {f"none, t={t}": picture for t, picture in without.items()}
pictures |= {f"VPS, t={t}": picture for t, picture in with_vps.items()}
panels(pictures, reference=photo)

# %%
# The measurement and the photograph:

panels({"compressed": compressed, "photograph": photo}, reference=photo)

"""
Guidance compared
=================

A guidance brings the prior's estimate into agreement with the measurement. Four of them with the same prior, levels and
seed, on a small noisy picture that is enlarged four times.
"""

from panels import PHOTO, dice, panels

from dreamclean import Downsample, Restorer

photo = PHOTO[:, :, 130:226, 90:186]
operator = Downsample(factor=4, noise=0.02)
small = operator.measure(photo, dice())

pictures = {"enlarged, as it is": operator.pseudo_inverse(small)}
for guidance in ("projection", "diffpir", "pigdm", "dps:zeta=30"):
    result = Restorer(operator=operator, guidance=guidance)(small)
    pictures[guidance] = result.image
    print(f"{guidance:12} {result.nfe} evaluations")

# %%
# Three of them solve for agreement at every level. DPS only takes a step along a gradient: it was published with 1000
# evaluations, and is far from agreement after these few.

panels(pictures | {"photograph": photo}, reference=photo)

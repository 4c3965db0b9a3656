"""
Several degradations
====================

Out of focus, made smaller, saved as JPEG: operators compose. In Python ``@`` puts them together as mathematics writes
it, last first; on the command line ``|`` in the order of what happened (:doc:`/docs/operators`).
"""

from panels import PHOTO, dice, panels

from dreamclean import JPEG, Blur, Downsample, Restorer

photo = PHOTO[:, :, 110:238, 60:188]
chain = JPEG(quality=60) @ Downsample(factor=2) @ Blur(shape="gaussian", std=1.2)
small = chain.measure(photo, dice())
print(chain)

# %%
# Told all of it, and told only that the picture was made smaller:

known = Restorer(operator=chain)(small).image
partly = Restorer(operator=Downsample(factor=2, noise=0.02))(small).image
panels({"measured": small, "told the size": partly, "told all": known, "photograph": photo}, photo)

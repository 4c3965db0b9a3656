"""
Poisson noise
=============

Few photons reach the sensor, so every pixel is a count, and bright parts have the louder noise. Nothing is said about
it: the diagnosis finds noise that is uneven, and lets every part of the picture start at its own level.
"""

from panels import PHOTO, dice, panels

from dreamclean import Identity, Restorer

photo = PHOTO[:, :, 60:188, 200:328]
noisy = Identity(poisson=0.1).measure(photo, dice()).clamp(0, 1)

# %%
# The recipe shows it: the initializer is ``local-level``, and not ``matched-level`` as for even noise.

result = Restorer()(noisy)
print(result.recipe.initializer["name"])
panels({"noisy": noisy, "restored": result.image, "photograph": photo}, reference=photo)

"""
Weather and old prints
======================

Rain, snow, scratches, a faded print and haze, drawn over a photograph, and what a blind restoration makes of them. Rain, snow
and scratches cover pixels, so they are found and filled in. Fading and haze change the tones of a whole picture and
cover nothing: whether a pale picture is faded or of a pale morning no prior of photographs can tell, so tones are left alone.
"""

from panels import PHOTO, panels

from dreamclean import Restorer
from dreamclean.builtin.planners.diagnosis.damages.kinds import KINDS

photo = PHOTO[:, :, 100:292, 80:272]
settings = {
    "rain": {"streaks": 150, "opacity": 0.6},
    "snow": {"flakes": 150, "opacity": 0.9},
    "scratches": {"count": 6, "std": 4.0},
    "faded": {"loss": 0.4, "noise": 2.0},
    "haze": {"loss": 0.5},
}
damaged = {name: KINDS[name].make(photo, 0, **how).shown for name, how in settings.items()}

# %%
# Nothing is said about the damage.

restorer = Restorer()
results = {name: restorer(picture) for name, picture in damaged.items()}
for name, picture in damaged.items():
    print(f"{name:10} {restorer.plan(picture).report.summary()}")

# %%
# What was covered comes back. What stays are streaks hardly brighter than what they cover, and scratches on what is white.

shown = {}
for name in ("rain", "snow", "scratches"):
    shown |= {name: damaged[name], f"{name}, restored": results[name].image}
    shown |= {f"photograph ({name})": photo}
panels(shown, photo)

# %%
# Tones stay as they are.

shown = {}
for name in ("faded", "haze"):
    shown |= {name: damaged[name], f"{name}, restored": results[name].image}
panels(shown, photo)

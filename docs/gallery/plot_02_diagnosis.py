"""
What the diagnosis sees
=======================

One photograph, damaged in six ways. For each the diagnosis says what happened, as an operator where there is one,
and how sure it is. Nothing is restored here (:doc:`/docs/diagnosis`).
"""

from panels import PHOTO, dice, panels

from dreamclean import JPEG, Blur, Enlarged, Grain, Identity, Inpaint, Restorer

photo = PHOTO[:, :, 140:300, 60:220]
damages = {
    "JPEG": JPEG(quality=20),
    "enlarged": Enlarged(factor=2, method="lanczos"),
    "blurred": Blur(shape="gaussian", std=1.5, noise=0.005),
    "white noise": Identity(noise="20/255"),
    "film grain": Grain(std="20/255", blur=1),
    "lost pixels": Inpaint(share=0.03),
}
pictures = {name: operator.measure(photo, dice()).clamp(0, 1) for name, operator in damages.items()}
panels(pictures)

# %%
# What is found, in one line each:

restorer = Restorer()
for name, picture in (pictures | {"photograph": photo}).items():
    print(f"{name:12} {restorer.plan(picture).report.summary()}")

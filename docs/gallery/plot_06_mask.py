"""
Filling in what is lost
=======================

A print with scratches and a stamped date: both are lost, the rest is to stay. ``Inpaint.of`` takes the mask as a
tensor, and the recipe carries it. The command line takes a file: ``dreamclean restore old.jpg --mask scratches.png``.
"""

import torch
from panels import PHOTO, panels
from PIL import Image, ImageDraw

from dreamclean import Inpaint, Picture, Restorer

photo = PHOTO[:, :, 80:240, 120:280]
paper = Image.new("L", (160, 160))
pen = ImageDraw.Draw(paper)
for line in [(10, 0, 60, 159), (0, 120, 159, 70), (100, 0, 150, 159), (0, 30, 159, 45)]:
    pen.line(line, fill=255, width=2)
pen.text((98, 145), "12 5 '87", fill=255)
lost = Picture.from_pil(paper).pixels[:, :1] > 0.5

# %%
# What is not lost comes back as it was.

result = Restorer(operator=Inpaint.of(~lost))(torch.where(lost, 0.0, photo))
print(f"largest change of a pixel that was not lost: {(result.image - photo).abs()[~lost.expand_as(photo)].max():.4f}")
panels({"scratched": torch.where(lost, 1.0, photo), "filled in": result.image, "photograph": photo}, photo)

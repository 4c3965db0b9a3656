"""Colour profiles."""

import io

from PIL import Image, ImageCms


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, bytes | None]:
    """An RGB or CMYK picture converted by its own profile, if it has one; the result is sRGB, with that profile."""
    if not profile:
        return image.convert("RGB"), None
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    try:
        converted = ImageCms.profileToProfile(
            image, ImageCms.ImageCmsProfile(io.BytesIO(profile)), srgb, outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image.convert("RGB"), None
    return converted or image.convert("RGB"), srgb.tobytes()

"""XMP data of a picture, which editors keep titles, ratings and authors in."""

import re

from PIL import Image

XMP_KEY = "XML:com.adobe.xmp"
"""Keyword of the text chunk of a PNG that holds XMP (XMP specification, part 3)."""
_ORIENTATION = re.compile(rb'\s+tiff:Orientation="[^"]*"|<tiff:Orientation>[^<]*</tiff:Orientation>')


def xmp_of(image: Image.Image) -> bytes | None:
    """The XMP packet without the orientation, as the picture is turned upright; None unless it is UTF-8 text."""
    packet = image.info.get("xmp") or image.info.get(XMP_KEY)
    packet = packet.encode(errors="replace") if isinstance(packet, str) else packet
    if not isinstance(packet, bytes):
        return None
    try:
        packet.decode()
    except UnicodeDecodeError:
        return None
    return _ORIENTATION.sub(b"", packet.rstrip(b"\0")) or None

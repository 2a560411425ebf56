"""A picture for a prompt: the same one for the same prompt, number, seed and size."""

from __future__ import annotations

import functools
import hashlib
import io

from PIL import Image, ImageDraw

FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG"}
SHAPES = 12


@functools.lru_cache(maxsize=64)
def paint(prompt: str, number: int, width: int, height: int, media: str = "image/png") -> bytes:
    """Circles on a ground, of colours and places that the prompt's hash decides."""
    dice = hashlib.shake_256(f"{number}\0{prompt}".encode("utf-8", "replace")).digest(3 + 6 * SHAPES)
    image = Image.new("RGB", (width, height), (dice[0], dice[1], dice[2]))
    draw = ImageDraw.Draw(image)
    for shape in range(SHAPES):
        x, y, size, red, green, blue = dice[3 + 6 * shape : 9 + 6 * shape]
        at_x, at_y, radius = x * width // 255, y * height // 255, 1 + size * min(width, height) // 1024
        draw.ellipse((at_x - radius, at_y - radius, at_x + radius, at_y + radius), fill=(red, green, blue))
    out = io.BytesIO()
    image.save(out, FORMATS[media], compress_level=1, quality=85)
    return out.getvalue()

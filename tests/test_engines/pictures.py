"""The pictures of every kind that people send, drawn the same each time."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image


def noise(width: int, height: int, channels: int = 3) -> np.ndarray[Any, np.dtype[np.uint8]]:
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(width * height).integers(0, 256, shape, dtype=np.uint8)


def encoded(picture: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def rgb(width: int = 60, height: int = 40) -> Image.Image:
    return Image.fromarray(noise(width, height))


def rgba(width: int = 60, height: int = 40) -> Image.Image:
    return Image.fromarray(noise(width, height, 4))


def palette() -> Image.Image:
    """With one transparent colour."""
    picture = rgb().quantize(16)
    picture.info["transparency"] = 3
    return picture


def rotated_jpeg() -> bytes:
    """A wide picture, red on the left, that says it was taken with the camera turned."""
    picture = Image.new("RGB", (40, 20), (0, 0, 255))
    picture.paste((255, 0, 0), (0, 0, 20, 20))
    exif = Image.Exif()
    exif[0x0112] = 6
    return encoded(picture, "JPEG", exif=exif, quality=95)


def animated_gif() -> bytes:
    """Red, then green, then blue."""
    frames = [Image.new("RGB", (16, 12), colour) for colour in ("red", "lime", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=50)
    return buffer.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header announces billions of pixels in a few hundred bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(10_000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )

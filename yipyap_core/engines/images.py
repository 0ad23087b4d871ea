"""Bytes to a picture: one frame, upright, 8 bits, within limits. Runs in the worker.

Pillow decodes; nothing is decoded before the size in the header was looked at, so a decompression
bomb costs nothing.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from yipyap_core.errors import ImageRejected

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")
WIDE_GREY = ("I;16", "I;16B", "I;16L", "I;16N")


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What is refused before it is decoded."""

    max_bytes: int = 64 << 20
    max_pixels: int = 100_000_000


LIMITS = ImageLimits()


def read_image(data: bytes, limits: ImageLimits = LIMITS) -> Image:
    """Decode the first frame, turned upright; raises `ImageRejected` with the reason.

    The mode is one of L, LA, P, RGB and RGBA: 16-bit grey is scaled to 8 bits, CMYK and other
    colour spaces become RGB, a palette keeps its transparency.
    """
    from PIL import Image as pillow
    from PIL import ImageOps

    _check_bytes(data, limits)
    # Pillow warns of large pictures; here the limits below decide, before anything is decoded
    warnings.simplefilter("ignore", pillow.DecompressionBombWarning)
    try:
        picture = pillow.open(io.BytesIO(data), formats=_readable())
        _check_pixels(picture.size, limits)
        picture.seek(0)
        picture.load()
        return eight_bits(ImageOps.exif_transpose(picture))
    except pillow.DecompressionBombError as error:
        raise ImageRejected(_too_large(limits)) from error
    except (OSError, ValueError, SyntaxError, EOFError, KeyError, TypeError) as error:
        raise ImageRejected(f"The picture cannot be read: {_reason(error)}.") from error


def eight_bits(picture: Image) -> Image:
    """Bring any mode to one that converts to RGB or RGBA as people expect."""
    if picture.mode in WIDE_GREY or picture.mode in {"I", "F"}:
        return _scaled_grey(picture)
    if picture.mode in {"L", "LA", "P", "RGB", "RGBA"}:
        return picture
    return picture.convert("RGBA" if "a" in picture.mode or "A" in picture.mode else "RGB")


def has_transparency(picture: Image) -> bool:
    """Whether converting to RGBA keeps more than converting to RGB."""
    return "A" in picture.mode or "transparency" in picture.info


def _scaled_grey(picture: Image) -> Image:
    """Divide 16-bit values by 257; Pillow itself would cut them at 255. Floats are 0 to 1."""
    import numpy as np
    from PIL import Image as pillow

    values = np.asarray(picture).astype(np.float64)
    wide = picture.mode in WIDE_GREY or float(values.max(initial=0)) > 255
    scale = 1 / 255 if picture.mode == "F" else 257.0 if wide else 1.0
    grey = np.clip(np.rint(values / scale), 0, 255).astype(np.uint8)
    return pillow.fromarray(grey)


def _readable() -> tuple[str, ...]:
    """Those of the formats that this build of Pillow reads."""
    from PIL import Image as pillow

    pillow.init()
    return tuple(name for name in FORMATS if name in pillow.OPEN)


def _check_bytes(data: bytes, limits: ImageLimits) -> None:
    if not data:
        raise ImageRejected("The picture is empty.")
    if len(data) > limits.max_bytes:
        raise ImageRejected(
            f"The picture has {len(data):,} bytes; at most {limits.max_bytes:,} are accepted."
        )


def _check_pixels(size: tuple[int, int], limits: ImageLimits) -> None:
    if size[0] * size[1] > limits.max_pixels:
        raise ImageRejected(_too_large(limits, size))


def _too_large(limits: ImageLimits, size: tuple[int, int] | None = None) -> str:
    measured = f"{size[0]:,} × {size[1]:,} pixels" if size else "too many pixels"  # noqa: RUF001
    return f"The picture has {measured}; at most {limits.max_pixels:,} in all are accepted."


def _reason(error: BaseException) -> str:
    text = str(error).strip().rstrip(".")
    if "cannot identify image file" in text:
        return "its format is not known"
    return text or type(error).__name__

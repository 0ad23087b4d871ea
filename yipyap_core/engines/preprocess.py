"""From a picture to the numbers that a model was trained on: one pure function for each rule.

Pillow and NumPy only. Pictures come as `images.read_image` leaves them: L, LA, P, RGB or RGBA.
Arrays are float32 unless said otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from yipyap_core.engines.images import has_transparency

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    Array = np.ndarray[Any, np.dtype[Any]]

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
GREY = (128, 128, 128)


def fit_on_grey(picture: Image, size: int) -> Array:
    """JTP2's rule -> (3, size, size) in -1..1.

    Fit inside the square with LANCZOS, enlarging too, aspect kept; transparency over mid-grey;
    mean and deviation 0.5; centred on zeros, which are mid-grey bars. (RedRocket's inference code)
    """
    import numpy as np

    fitted = _fitted(picture.convert("RGBA" if has_transparency(picture) else "RGB"), size)
    values = np.asarray(fitted, dtype=np.float32) / 255.0
    if fitted.mode == "RGBA":
        alpha = values[:, :, 3:]
        values = values[:, :, :3] * alpha + 0.5 * (1.0 - alpha)
    canvas = np.zeros((3, size, size), dtype=np.float32)
    top, left = _middle(size - fitted.height), _middle(size - fitted.width)
    rows, columns = slice(top, top + fitted.height), slice(left, left + fitted.width)
    canvas[:, rows, columns] = (values.transpose(2, 0, 1) - 0.5) / 0.5
    return canvas


def square_on_white(picture: Image, size: int) -> Array:
    """The WD taggers' rule for ONNX -> (size, size, 3), BGR, 0..255.

    Transparency over white, padded with white to a square, bicubic. (SmilingWolf's Space)
    """
    import numpy as np

    squared = white_square(picture, size)
    return np.ascontiguousarray(np.asarray(squared, dtype=np.float32)[:, :, ::-1])


def square_normalized(picture: Image, size: int, mean: Any, deviation: Any) -> Array:
    """The same picture for the taggers' safetensors -> (3, size, size), BGR, normalized."""
    import numpy as np

    values = _normalized(white_square(picture, size), mean, deviation)
    return np.ascontiguousarray(values[::-1])


def squash(picture: Image, size: int, mean_and_deviation: Any, *, bicubic: bool) -> Array:
    """Resize to the square without keeping the aspect -> (3, size, size), RGB, normalized.

    Florence-2 is bicubic at 768 with ImageNet's figures, JoyCaption LANCZOS at 384 with 0.5.
    """
    from PIL.Image import Resampling

    how = Resampling.BICUBIC if bicubic else Resampling.LANCZOS
    resized = picture.convert("RGB").resize((size, size), how)
    return _normalized(resized, *mean_and_deviation)


def corner_on_grey(picture: Image, size: int) -> Array:
    """OWLv2's rule -> (3, size, size), RGB, CLIP's figures.

    Pasted at the top left of a grey square as large as the longer side, then bicubic.
    """
    from PIL import Image as pillow

    side = max(picture.size)
    square = pillow.new("RGB", (side, side), GREY)
    square.paste(picture.convert("RGB"), (0, 0))
    return _normalized(square.resize((size, size), pillow.Resampling.BICUBIC), *CLIP)


def bgr(picture: Image) -> Array:
    """(height, width, 3) uint8 as OpenCV holds it; Ultralytics letterboxes by itself."""
    import numpy as np

    return np.ascontiguousarray(np.asarray(picture.convert("RGB"))[:, :, ::-1])


def white_square(picture: Image, size: int) -> Image:
    """RGB over white, padded to a centred square, resized unless it has the size already."""
    from PIL import Image as pillow

    side = max(picture.size)
    square = pillow.new("RGB", (side, side), (255, 255, 255))
    place = ((side - picture.width) // 2, (side - picture.height) // 2)
    if has_transparency(picture):
        layer = picture.convert("RGBA")
        square.paste(layer, place, layer)
    else:
        square.paste(picture.convert("RGB"), place)
    return square if side == size else square.resize((size, size), pillow.Resampling.BICUBIC)


def _fitted(picture: Image, size: int) -> Image:
    from PIL.Image import Resampling

    scale = min(size / picture.height, size / picture.width)
    if scale == 1.0:
        return picture
    width, height = (min(size, max(1, round(side * scale))) for side in picture.size)
    return picture.resize((width, height), Resampling.LANCZOS)


def _middle(free: int) -> int:
    """First half of what is left, as torchvision's centre crop pads."""
    return free // 2


def _normalized(picture: Image, mean: Any, deviation: Any) -> Array:
    import numpy as np

    values: Array = np.asarray(picture, dtype=np.float32) / np.float32(255.0)
    values = (values - np.asarray(mean, np.float32)) / np.asarray(deviation, np.float32)
    return np.ascontiguousarray(values.transpose(2, 0, 1), dtype=np.float32)

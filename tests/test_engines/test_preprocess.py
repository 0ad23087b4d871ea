"""Each rule against the publishers' own steps, written out plainly, on pictures of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.test_engines.pictures import encoded, noise, palette, rgb, rgba, rotated_jpeg
from yipyap_core.engines.images import read_image
from yipyap_core.engines.preprocess import (
    CLIP,
    HALF,
    IMAGENET,
    bgr,
    corner_on_grey,
    fit_on_grey,
    square_normalized,
    square_on_white,
    squash,
)

Array = np.ndarray[Any, np.dtype[Any]]

PICTURES: dict[str, Callable[[], Image.Image]] = {
    "rgb": rgb,
    "rgba": rgba,
    "palette": lambda: read_image(encoded(palette())),
    "grey": lambda: Image.fromarray(noise(50, 70, 1)),
    "wide grey": lambda: read_image(
        encoded(Image.fromarray(noise(30, 20, 1).astype(np.uint16) * 257))
    ),
    "cmyk": lambda: read_image(encoded(rgb().convert("CMYK"), "JPEG")),
    "turned": lambda: read_image(rotated_jpeg()),
    "one pixel": lambda: rgb(1, 1),
    "long": lambda: Image.fromarray(noise(20_000, 10)),
    "tall": lambda: Image.fromarray(noise(10, 2_000)),
    "exact": lambda: rgb(64, 64),
    "odd": lambda: rgb(63, 31),
}

every_picture = pytest.mark.parametrize("picture", list(PICTURES))


def redrocket(picture: Image.Image, size: int) -> Array:
    """Fit, CompositeAlpha, Normalize, CenterCrop as the inference code has them, in RGBA."""
    picture = picture.convert("RGBA")
    scale = min(size / picture.height, size / picture.width)
    if scale != 1.0:
        fitted = [max(1, min(size, round(side * scale))) for side in picture.size]
        picture = picture.resize((fitted[0], fitted[1]), Image.Resampling.LANCZOS)
    values = np.asarray(picture).astype(np.float32).transpose(2, 0, 1) / 255
    colours, alpha = values[:3], values[3:]
    colours = (colours * alpha + 0.5 * (1 - alpha) - 0.5) / 0.5
    high, wide = size - picture.height, size - picture.width
    room = ((0, 0), (high // 2, (high + 1) // 2), (wide // 2, (wide + 1) // 2))
    padded: Array = np.pad(colours, room)
    return padded


def smilingwolf(picture: Image.Image, size: int) -> Array:
    """prepare_image of the Space."""
    canvas = Image.new("RGBA", picture.size, (255, 255, 255))
    canvas.alpha_composite(picture.convert("RGBA"))
    flat, side = canvas.convert("RGB"), max(picture.size)
    padded = Image.new("RGB", (side, side), (255, 255, 255))
    padded.paste(flat, ((side - flat.width) // 2, (side - flat.height) // 2))
    if side != size:
        padded = padded.resize((size, size), Image.Resampling.BICUBIC)
    values: Array = np.asarray(padded, dtype=np.float32)[:, :, ::-1]
    return values


@every_picture
def test_joint_tagger(picture: str) -> None:
    ours = fit_on_grey(PICTURES[picture](), 64)
    assert ours.shape == (3, 64, 64)
    assert ours.dtype == np.float32
    assert np.abs(ours - redrocket(PICTURES[picture](), 64)).max() < 1e-6


def test_joint_tagger_puts_transparency_over_grey_and_bars_around() -> None:
    values = fit_on_grey(Image.new("RGBA", (8, 4), (255, 0, 0, 0)), 8)
    assert np.abs(values).max() < 1e-6


@every_picture
def test_wd_tagger(picture: str) -> None:
    ours = square_on_white(PICTURES[picture](), 64)
    assert ours.shape == (64, 64, 3)
    assert ours.dtype == np.float32
    # pasting through a mask and alpha_composite round differently by one step
    assert np.abs(ours - smilingwolf(PICTURES[picture](), 64)).max() <= 1


def test_wd_tagger_is_blue_first() -> None:
    red = square_on_white(Image.new("RGB", (4, 4), (255, 10, 20)), 4)
    assert red[0, 0].tolist() == [20, 10, 255]
    normalized = square_normalized(Image.new("RGB", (4, 4), (255, 10, 20)), 4, *HALF)
    assert normalized[2, 0, 0] == 1.0


@every_picture
@pytest.mark.parametrize(("figures", "bicubic"), [(IMAGENET, True), (HALF, False)])
def test_squashed(picture: str, figures: Any, bicubic: bool) -> None:
    drawn = PICTURES[picture]().convert("RGB")
    how = Image.Resampling.BICUBIC if bicubic else Image.Resampling.LANCZOS
    expected = np.asarray(drawn.resize((32, 32), how)).astype(np.float64) / 255
    expected = (expected - figures[0]) / figures[1]
    ours = squash(PICTURES[picture](), 32, figures, bicubic=bicubic)
    assert ours.dtype == np.float32
    assert np.abs(ours - expected.transpose(2, 0, 1)).max() < 1e-5


@every_picture
def test_owl(picture: str) -> None:
    drawn = PICTURES[picture]().convert("RGB")
    side = max(drawn.size)
    square = np.full((side, side, 3), 128, np.uint8)
    square[: drawn.height, : drawn.width] = np.asarray(drawn)
    resized = Image.fromarray(square).resize((32, 32), Image.Resampling.BICUBIC)
    expected = (np.asarray(resized) / 255 - CLIP[0]) / CLIP[1]
    ours = corner_on_grey(PICTURES[picture](), 32)
    assert np.abs(ours - expected.transpose(2, 0, 1)).max() < 1e-5


@every_picture
def test_yolo(picture: str) -> None:
    drawn = PICTURES[picture]()
    ours = bgr(drawn)
    assert ours.flags["C_CONTIGUOUS"]
    assert np.array_equal(ours[:, :, ::-1], np.asarray(drawn.convert("RGB")))

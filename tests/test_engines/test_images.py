"""Decoding: what people send becomes one upright picture of 8 bits, or an error that says why."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from PIL import Image

from tests.test_engines.pictures import (
    animated_gif,
    bomb,
    encoded,
    noise,
    palette,
    rgb,
    rgba,
    rotated_jpeg,
)
from yipyap_core.engines.images import ImageLimits, has_transparency, read_image
from yipyap_core.errors import ImageRejected


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF"])
def test_common_formats_are_read(kind: str) -> None:
    assert read_image(encoded(rgb(), kind)).size == (60, 40)


def test_transparency_is_kept() -> None:
    assert read_image(encoded(rgba())).mode == "RGBA"
    assert has_transparency(read_image(encoded(palette())))
    assert not has_transparency(read_image(encoded(rgb())))


def test_wide_grey_is_scaled_and_not_cut() -> None:
    wide = Image.fromarray(noise(30, 20, 1).astype(np.uint16) * 257)
    assert wide.mode == "I;16"
    assert np.array_equal(np.asarray(read_image(encoded(wide))), noise(30, 20, 1))


def test_dark_wide_grey_stays_dark() -> None:
    dark = Image.fromarray(np.full((4, 4), 200, np.uint16))
    assert np.asarray(read_image(encoded(dark))).max() == 1


def test_cmyk_becomes_rgb() -> None:
    ink = Image.new("CMYK", (20, 10), (0, 255, 255, 0))
    picture = read_image(encoded(ink, "JPEG"))
    assert picture.mode == "RGB"
    red, green, blue = np.asarray(picture).mean(axis=(0, 1))
    assert red > 200
    assert max(green, blue) < 60


def test_a_turned_camera_is_turned_back() -> None:
    picture = read_image(rotated_jpeg())
    assert picture.size == (20, 40)
    values = np.asarray(picture).astype(int)
    assert values[5, 10, 0] > 200 > values[35, 10, 0] + 100


def test_of_an_animation_the_first_frame_counts() -> None:
    first = read_image(animated_gif()).convert("RGB").getpixel((8, 6))
    assert first == (255, 0, 0)


@pytest.mark.parametrize("size", [(1, 1), (20_000, 10), (10, 20_000)])
def test_odd_sizes_are_read(size: tuple[int, int]) -> None:
    assert read_image(encoded(Image.new("RGB", size))).size == size


def test_a_bomb_costs_nothing_and_says_its_size() -> None:
    with pytest.raises(ImageRejected, match="12,000 × 12,000 pixels"):  # noqa: RUF001
        read_image(bomb(12_000, 12_000))
    with pytest.raises(ImageRejected, match="at most 100,000,000"):
        read_image(bomb(60_000, 60_000))


def test_pillows_own_warning_of_large_pictures_stays_silent() -> None:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for side in (9_700, 12_000):  # within and over our limit, both over Pillow's
            with pytest.raises(ImageRejected):
                read_image(bomb(side, side))
    assert said == []


def test_a_truncated_file_is_refused() -> None:
    whole = encoded(rgb(200, 200), "JPEG")
    with pytest.raises(ImageRejected, match="cannot be read"):
        read_image(whole[: len(whole) // 2])


@pytest.mark.parametrize("data", [b"no picture", b"<svg/>", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    with pytest.raises(ImageRejected):
        read_image(data)


def test_nothing_is_refused_as_empty() -> None:
    with pytest.raises(ImageRejected, match="empty"):
        read_image(b"")


def test_a_file_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(ImageRejected, match="at most 10"):
        read_image(encoded(rgb()), ImageLimits(max_bytes=10))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "YCbCr", "LAB", "HSV", "I", "F", "RGBX"])
def test_every_mode_ends_as_one_that_converts(mode: str) -> None:
    from yipyap_core.engines.images import eight_bits

    assert eight_bits(Image.new(mode, (3, 3))).convert("RGB").size == (3, 3)

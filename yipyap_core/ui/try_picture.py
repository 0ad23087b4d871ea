"""The picture that models are tried on: taken once, shown small, kept for this tab only.

A picture comes from a person's disk, so its size is looked at before anything is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import streamlit as st

from yipyap_core.domain.engines import Box
from yipyap_core.domain.users import Principal
from yipyap_core.engines.images import ImageLimits, read_image
from yipyap_core.ui import actions, try_paste
from yipyap_core.ui.formats import plain, size

if TYPE_CHECKING:
    from PIL.Image import Image
    from PIL.ImageDraw import ImageDraw

MAX_MEGABYTES: Final = 20
MAX_MEGAPIXELS: Final = 40
LIMITS: Final = ImageLimits(MAX_MEGABYTES << 20, MAX_MEGAPIXELS * 1_000_000)
TYPES: Final = ("png", "jpg", "jpeg", "webp", "gif", "bmp", "tif", "tiff", "avif")
SHOWN_SIDE: Final = 1024
"""Longest side of what the page shows; models get the picture as it was sent."""
COLOURS: Final = ("#e4572e", "#17a2b8", "#76b041", "#f3a712", "#9b5de5", "#ef6f9f", "#3d5a80")
MAX_LABELS: Final = 30
"""Boxes come best first; more words would hide the picture."""
PLACE: Final = "try-picture"

_PICTURE: Final = "yipyap.try.picture"
_TURN: Final = "yipyap.try.turn"


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture with its bytes as they came and a small upright copy."""

    id: str
    name: str
    data: bytes
    width: int
    height: int
    small: bytes
    """JPEG."""


def draw(region: Sequence[float] = ()) -> Shown | None:
    """Draw where a picture is chosen or pasted, and the one that is; None without one.

    `region` is left, top, right and bottom of what a question is about, in pixels.
    """
    key = _key()
    st.file_uploader(
        "Image",
        type=list(TYPES),
        key=key,
        max_upload_size=MAX_MEGABYTES,
        on_change=actions.perform,
        args=(_take, key),
        kwargs={"place": PLACE},
        help=f"At most {MAX_MEGABYTES} MB and {MAX_MEGAPIXELS} megapixels. It is kept in memory"
        " for this tab only.",
    )
    try_paste.draw(key)
    actions.show_notices(PLACE)
    shown = present()
    if shown is None:
        st.caption("Choose an image to try the model on; nothing of it is stored.")
        return None
    asked = asked_region(region)
    st.image(
        with_boxes(shown, asked) if asked else shown.small,
        width="stretch",
        alt="The chosen image with the region drawn on it" if asked else "The chosen image",
    )
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(_facts(shown), width="stretch")
        actions.button("Remove", _remove, key="try-remove", type="tertiary", icon="close")
    return shown


def present() -> Shown | None:
    """The picture of this tab."""
    shown: Shown | None = st.session_state.get(_PICTURE)
    return shown


def asked_region(corners: Sequence[float]) -> tuple[Box, ...]:
    """A question's region as something to draw; nothing without one."""
    if not corners:
        return ()
    left, top, right, bottom = corners
    return (Box("asked region", (left, top, right, bottom)),)


def opened(picture_id: str, name: str, data: bytes) -> Shown:
    """Look at a picture and make the small copy; raises `ImageRejected` with the reason."""
    picture = read_image(data, LIMITS)
    width, height = picture.size
    return Shown(picture_id, name, data, width, height, _jpeg(_small(picture)))


def with_boxes(shown: Shown, boxes: Sequence[Box], labels: Sequence[str] = ()) -> bytes:
    """Draw regions with their labels on the small copy; a label has one colour throughout.

    `labels` names all that pictures drawn side by side have, for the same colours in each.
    """
    from PIL import Image as pillow
    from PIL import ImageDraw

    picture = pillow.open(io.BytesIO(shown.small)).convert("RGB")
    across, down = picture.width / shown.width, picture.height / shown.height
    pen = ImageDraw.Draw(picture)
    known = sorted({*labels, *(box.label for box in boxes)})
    for place, box in enumerate(boxes):
        colour = COLOURS[known.index(box.label) % len(COLOURS)]
        words = _label(box) if place < MAX_LABELS else ""
        _outline(pen, box, (across, down), colour, words)
    return _jpeg(picture)


def _outline(pen: ImageDraw, box: Box, scale: tuple[float, float], colour: str, words: str) -> None:
    across, down = scale
    left, top, right, bottom = box.xyxy
    frame = (min(left, right), min(top, bottom), max(left, right), max(top, bottom))
    at = tuple(value * (down if place % 2 else across) for place, value in enumerate(frame))
    corners = [(x * across, y * down) for x, y in box.points]
    if corners:
        pen.line([*corners, corners[0]], fill=colour, width=3)
    else:
        pen.rectangle(at, outline=colour, width=3)
    if words:
        ground = pen.textbbox((at[0] + 3, max(0.0, at[1] - 17)), words, font=_font())
        pen.rectangle((ground[0] - 3, ground[1] - 2, ground[2] + 3, ground[3] + 2), fill=colour)
        pen.text((at[0] + 3, max(0.0, at[1] - 17)), words, fill="white", font=_font())


def _label(box: Box) -> str:
    score = "" if box.score is None else f"{box.score:.2f}"
    return f"{box.label[:40]} {score}".strip()


def _font() -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(14)


def _small(picture: Image) -> Image:
    """On white where it is transparent, as it looks on paper."""
    from PIL import Image as pillow

    picture.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    seen = picture.convert("RGBA")
    paper = pillow.new("RGBA", seen.size, "white")
    return pillow.alpha_composite(paper, seen).convert("RGB")


def _jpeg(picture: Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def _facts(shown: Shown) -> str:
    pixels = f"{shown.width:,} x {shown.height:,} pixels"
    return f"{plain(shown.name[:60])} · {pixels} · {size(len(shown.data))}"


def _take(_principal: Principal, key: str) -> None:
    """Keep what the browser has sent; the one before goes, whatever comes."""
    st.session_state.pop(_PICTURE, None)
    sent = st.session_state.get(key)
    if sent is not None:
        st.session_state[_PICTURE] = opened(sent.file_id, sent.name, sent.getvalue())


def _remove(_principal: Principal) -> None:
    """Forget the picture; a new key empties the input in the browser too."""
    st.session_state.pop(_PICTURE, None)
    st.session_state[_TURN] = st.session_state.get(_TURN, 0) + 1


def _key() -> str:
    return f"try-image-{st.session_state.get(_TURN, 0)}"

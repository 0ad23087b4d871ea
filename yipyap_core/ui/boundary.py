"""Where errors become words on a page: our own with their hint, all others with an id only."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

import streamlit as st

from yipyap_core.errors import Forbidden, Throttled, Unauthenticated, YipyapError
from yipyap_core.ui.formats import plain

log = logging.getLogger(__name__)


def contained(draw: Callable[[], None]) -> None:
    """Draw a page or a fragment; whatever it raises becomes one box instead of a traceback."""
    try:
        draw()
    except YipyapError as error:
        show(error)
    except Exception:  # noqa: BLE001  # a page boundary: logged with its traceback and an id
        st.error(note_unexpected("page"), icon=":material/bug_report:")


def note_unexpected(place: str) -> str:
    """Log the exception being handled under a fresh id; return the sentence that names the id."""
    error_id = secrets.token_hex(4)
    log.exception("unexpected error in a %s, id %s", place, error_id)
    return (
        f"Something unexpected happened; nothing else is affected. The server's log has the"
        f" details under the id **{error_id}**. Reload the page to try again."
    )


def show(error: YipyapError) -> None:
    """Draw one of our own errors: what happened, then the next step."""
    if isinstance(error, Forbidden | Unauthenticated):
        st.warning(words(error), icon=":material/lock:")
    elif isinstance(error, Throttled):
        st.warning(words(error), icon=":material/timer:")
    else:
        st.error(words(error), icon=":material/error:")


def words(error: YipyapError) -> str:
    """The sentence, the fields at fault and the hint of an error, as Markdown."""
    fields = getattr(error, "fields", {})
    reasons = [
        f"- {plain(field)}: {plain(reason)}"
        for field, reason in fields.items()
        if reason != error.message
    ]
    lines = [f"**{plain(error.message)}**", *reasons, plain(error.hint)]
    return "\n\n".join(line for line in lines if line)

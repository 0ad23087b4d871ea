"""The question before a download is cancelled: it says exactly what is kept and what is lost."""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.download_queue import KeptSummary
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import NotFound
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, dialogs, formats
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit

CANCEL: Final = "cancel-download"


def ask(model_id: str) -> None:
    """Open the question at the next run; it stays open while the page behind it moves."""
    dialogs.ask(CANCEL, model_id)


def draw() -> None:
    """Draw the question when it is open."""
    model_id = dialogs.asked(CANCEL)
    if model_id is not None:
        _question(model_id)


@st.dialog("Cancel download", icon=":material/close:", on_dismiss=dialogs.close)
def _question(model_id: str) -> None:
    admit(Role.ADMIN)
    boundary.contained(lambda: _draw_question(model_id))


def _draw_question(model_id: str) -> None:
    services = current()
    try:
        name = services.registry.get(model_id).name
    except NotFound:
        dialogs.close()
        raise
    kept = services.downloads.what_is_kept(model_id)
    st.markdown(f"**{plain(name)}** stops. {words(kept)}")
    pressed = [
        _answer("Cancel, keep files", model_id, True, type_="primary"),
        _answer("Cancel and delete partial files", model_id, False, type_="secondary"),
        st.button("Go on downloading", key="cancel-no", type="tertiary", on_click=dialogs.close),
    ]
    if any(pressed):
        st.rerun()


def _answer(label: str, model_id: str, keep: bool, *, type_: actions.ButtonType) -> bool:
    return actions.button(
        label,
        _cancel,
        model_id,
        keep,
        key=f"cancel-{'keep' if keep else 'discard'}",
        place=f"model-{model_id}",
        type=type_,
        width="stretch",
    )


def _cancel(principal: Principal, model_id: str, keep: bool) -> str:
    dialogs.close()
    downloads = current().downloads
    name = current().registry.get(model_id).name
    lost_bytes = downloads.what_is_kept(model_id).lost_bytes
    downloads.cancel(principal, model_id, keep)
    kept = formats.stopped(lost_bytes) if keep else "partial files are deleted, whole ones kept"
    return f"{plain(name)}: cancelled; {kept}."


def words(kept: KeptSummary) -> str:
    """Say what a cancelled download leaves behind."""
    said = formats.kept(
        kept.files_done,
        kept.files_total,
        kept.kept_bytes,
        kept.current_bytes,
        kept.unfinished_files,
        kept.lost_bytes,
    )
    one = kept.current_file if kept.current_bytes and kept.unfinished_files <= 1 else None
    named = f" ({plain(one)})" if one else ""
    return f"{said[0].upper()}{said[1:]}{named}."

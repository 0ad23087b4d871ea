"""The question before a download is cancelled: it says exactly what is kept and what is lost."""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.download_queue import KeptSummary
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import NotFound
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, dialogs, formats, snapshot
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit
from yipyap_core.ui.live import Live

CANCEL: Final = "cancel-download"


def ask(model_id: str) -> None:
    """Open the question at the next run; it stays open while the page behind it moves."""
    dialogs.ask(CANCEL, model_id)


def draw() -> Live:
    """Draw the question when it is open; what it says is kept grows with what arrives."""
    model_id = dialogs.asked(CANCEL)
    said: list[DeltaGenerator] = []
    if model_id is not None:
        _question(model_id, said)

    def paint() -> None:
        status = snapshot.statuses().get(model_id or "")
        if said and status and status.phase in {Phase.TRANSFERRING, Phase.STALLED}:
            said[0].markdown(_sentence(status.model_id))

    return Live(paint=paint, structure=lambda: None, is_moving=lambda: False)


@st.dialog("Cancel download", icon=":material/close:", on_dismiss=dialogs.close)
def _question(model_id: str, said: list[DeltaGenerator]) -> None:
    admit(Role.ADMIN)
    boundary.contained(lambda: _draw_question(model_id, said))


def _draw_question(model_id: str, said: list[DeltaGenerator]) -> None:
    slot = st.empty()
    try:
        slot.markdown(_sentence(model_id))
    except NotFound:
        dialogs.close()
        raise
    said[:] = [slot]
    pressed = [
        _answer("Cancel, keep files", model_id, True, type_="primary"),
        _answer("Cancel and delete partial files", model_id, False, type_="secondary"),
        st.button("Go on downloading", key="cancel-no", type="tertiary", on_click=dialogs.close),
    ]
    if any(pressed):
        st.rerun()


def _sentence(model_id: str) -> str:
    services = current()
    name = services.registry.get(model_id).name
    return f"**{plain(name)}** stops. {words(services.downloads.what_is_kept(model_id))}"


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

"""What can be done to a download, as callbacks and buttons; each calls one service method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import streamlit as st

from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Phase
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import Principal
from yipyap_core.errors import DownloadsDisabled
from yipyap_core.services.container import current
from yipyap_core.ui import actions, download_dialog, formats
from yipyap_core.ui.formats import plain


def place_of(model_id: str) -> str:
    """Where a model's own notices stand."""
    return f"model-{model_id}"


def start(principal: Principal, model_id: str) -> str:
    """Queue the download, or join the one that is live."""
    _, is_live = current().downloads.start(principal, model_id)
    return f"{_name(model_id)}: " + ("queued." if is_live else "everything is here already.")


def pause(principal: Principal, model_id: str) -> str:
    """Stop the transfer and keep its place."""
    lost_bytes = current().downloads.what_is_kept(model_id).lost_bytes
    current().downloads.pause(principal, model_id)
    return f"{_name(model_id)}: paused; {formats.stopped(lost_bytes)}."


def resume(principal: Principal, model_id: str) -> str:
    """Let a paused download go on."""
    current().downloads.resume(principal, model_id)
    return f"{_name(model_id)}: goes on."


def _name(model_id: str) -> str:
    return plain(current().registry.get(model_id).name)


DISABLED_REASON: Final = f"{DownloadsDisabled().message}. {DownloadsDisabled.hint}"


def draw_disabled(statuses: Mapping[str, DownloadStatus]) -> None:
    """Say it once at the top of a page where nothing may be downloaded."""
    if any(status.status is DownloadState.DISABLED for status in statuses.values()):
        sentence, hint = DownloadsDisabled().message, DownloadsDisabled.hint
        st.info(f"**{sentence}.** {hint}", icon=":material/block:")


def draw_buttons(spec: ModelSpec, status: DownloadStatus, *, scope: str = "") -> None:
    """Draw what can be done next, the likely one first.

    A second set of one model's buttons on a page has a `scope` of its own; it also begins the
    name of the place where their notices stand.
    """
    match status.status:
        case DownloadState.COMPLETED:
            return
        case DownloadState.DISABLED:
            st.button(
                "Download",
                key=f"{scope}download-{spec.id}",
                icon=":material/download:",
                disabled=True,
                help=DISABLED_REASON,
            )
        case DownloadState.FAILED:
            _button("Retry", spec, start, scope, icon="refresh", primary=True)
        case DownloadState.NOT_STARTED:
            _button("Download", spec, start, scope, icon="download")
        case DownloadState.DOWNLOADING:
            if status.phase is Phase.PAUSED:
                _button("Resume", spec, resume, scope, icon="play_arrow", primary=True)
            else:
                _button("Pause", spec, pause, scope, icon="pause")
            _draw_cancel(spec, scope)


def _button(
    label: str,
    spec: ModelSpec,
    action: actions.Action,
    scope: str,
    *,
    icon: str,
    primary: bool = False,
) -> None:
    actions.button(
        label,
        action,
        spec.id,
        key=f"{scope}{label.lower()}-{spec.id}",
        place=scope + place_of(spec.id),
        icon=icon,
        type="primary" if primary else "secondary",
    )


def _draw_cancel(spec: ModelSpec, scope: str) -> None:
    st.button(
        "Cancel",
        key=f"{scope}cancel-{spec.id}",
        icon=":material/close:",
        type="tertiary",
        help="Asks first, and says what is kept.",
        on_click=download_dialog.ask,
        args=(spec.id,),
    )

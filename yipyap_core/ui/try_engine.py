"""The line that says how a model's engine stands, with load, unload and another try."""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.engines import EngineState, EngineStatus, LoadPhase, WorkerStatus
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, formats, try_tasks
from yipyap_core.ui.formats import plain
from yipyap_core.ui.states import Look

LOOKS: Final = {
    EngineState.UNLOADED: Look("Not loaded", "gray", "circle"),
    EngineState.LOADING: Look("Loading", "blue", "hourglass_top"),
    EngineState.READY: Look("Loaded", "green", "check_circle"),
    EngineState.BUSY: Look("Running", "blue", "play_circle"),
    EngineState.FAILED: Look("Failed", "red", "error"),
}
PHASES: Final = {
    LoadPhase.STARTING: "starting its process",
    LoadPhase.QUEUED: "waiting for room or another load",
    LoadPhase.READING: "reading its files",
    LoadPhase.BUILDING: "building the model",
    LoadPhase.TO_DEVICE: "moving it to the device",
    LoadPhase.WARMING: "first run",
    LoadPhase.DONE: "done",
}


def load_key(model_id: str) -> str:
    """Names the work of loading or unloading this model."""
    return f"engine-{model_id}"


def draw(status: EngineStatus, *, can_load: bool, title: str = "") -> DeltaGenerator | None:
    """Draw state, cost and buttons; return the slot of a load that moves."""
    with st.container(gap="xsmall", key=f"engine-{status.model_id}"):
        if title:
            st.caption(plain(title))
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            look = LOOKS[status.state]
            with st.container():
                st.badge(look.label, icon=f":material/{look.icon}:", color=look.colour)
            _draw_buttons(status, can_load=can_load)
        slot = st.container() if status.state is EngineState.LOADING else None
        if slot is None and (can_load or status.worker):
            st.caption(_costs(status.worker))
        _draw_trouble(status)
    return slot


def paint(worker: WorkerStatus | None) -> None:
    """Draw how far a load has come."""
    if worker is None or worker.state is not EngineState.LOADING:
        return
    progress = worker.progress
    share = progress.bytes_done / progress.bytes_total if progress.bytes_total else 0.0
    st.progress(
        min(1.0, max(0.0, share)), text=f"{load_words(worker)} · {seconds(progress.seconds)}"
    )


def load_words(worker: WorkerStatus) -> str:
    """Phase and bytes of a load."""
    progress = worker.progress
    parts = [PHASES[progress.phase].capitalize()]
    if progress.bytes_total:
        done, whole = formats.size(progress.bytes_done), formats.size(progress.bytes_total)
        parts.append(f"{done} of {whole}")
    return " · ".join(parts)


def seconds(value: float) -> str:
    """Short times as people compare them: `12 ms`, `1.84 s`, `3 min`."""
    if value < 1:
        return f"{value * 1000:.0f}{formats.NARROW}ms"
    return f"{value:.2f}{formats.NARROW}s" if value < 60 else formats.duration(value)


def _costs(worker: WorkerStatus | None) -> str:
    """Device, memory and load time of what is loaded; else what the first request will do."""
    if worker is None or worker.info is None or worker.pid is None:
        return "The first run loads it."
    info, memory = worker.info, worker.memory
    parts = [f"on {plain(info.device)}", plain(info.precision)]
    if info.provider:
        parts.append(plain(info.provider))
    parts.append(f"{formats.size(memory.ram_bytes)} RAM")
    if memory.gpu_bytes:
        parts.append(f"{formats.size(memory.gpu_bytes)} GPU")
    parts.append(f"loaded in {seconds(worker.load_seconds)}")
    if info.device_reason:
        parts.append(plain(info.device_reason))
    return " · ".join(parts)


def _draw_buttons(status: EngineStatus, *, can_load: bool) -> None:
    waits = try_tasks.is_running(load_key(status.model_id))
    match status.state:
        case EngineState.READY | EngineState.BUSY:
            _button("Unload", status, _unload, icon="eject", disabled=waits)
        case EngineState.FAILED:
            _button("Try again", status, _load, icon="refresh", disabled=waits)
        case EngineState.UNLOADED:
            missing = "" if can_load else "Its files are not downloaded yet."
            _button("Load", status, _load, icon="memory", disabled=waits, reason=missing)
        case EngineState.LOADING:
            return


def _button(
    label: str,
    status: EngineStatus,
    action: actions.Action,
    *,
    icon: str,
    disabled: bool,
    reason: str = "",
) -> None:
    actions.button(
        label,
        action,
        status.model_id,
        key=f"{label.lower().replace(' ', '-')}-engine-{status.model_id}",
        icon=icon,
        type="tertiary",
        disabled=disabled or bool(reason),
        help=reason or ("Under way." if disabled else None),
    )


def _draw_trouble(status: EngineStatus) -> None:
    """Say what ended the worker last, and why new settings do not count yet."""
    error = try_tasks.error_of(load_key(status.model_id))
    worker = status.worker
    if status.reloading:
        st.info("The new settings are being loaded; the old ones answer until then.")
    if status.reload_error:
        st.warning(
            f"**The new settings could not be loaded; the old ones still answer.**"
            f" {plain(status.reload_error)}",
            icon=":material/warning:",
        )
    if status.state is EngineState.FAILED and worker:
        st.error(
            f"**Its worker ended {formats.count(worker.crashes, 'time')} in a row; it is not"
            f" started until you ask for it.** {plain(worker.error)}",
            icon=":material/error:",
        )
    elif error is not None:
        boundary.show(error)
    elif status.state is EngineState.UNLOADED and worker and worker.error:
        st.caption(f":orange[:material/warning: It ended last with: {plain(worker.error)}]")
    if worker and worker.last_words and status.state in {EngineState.FAILED, EngineState.UNLOADED}:
        with st.expander("Last words of its worker"):
            st.code(worker.last_words, language=None, wrap_lines=True)


def _load(principal: Principal, model_id: str) -> None:
    engines = current().engines
    try_tasks.start(load_key(model_id), lambda: engines.load(principal, model_id))


def _unload(principal: Principal, model_id: str) -> None:
    engines = current().engines
    try_tasks.start(load_key(model_id), lambda: engines.unload(principal, model_id))

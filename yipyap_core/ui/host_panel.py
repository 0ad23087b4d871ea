"""The machine: processor, memory, accelerators and volumes, each a line and a bar that move."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import streamlit as st

from yipyap_core.domain.host import Gpu, HostReport, Volume
from yipyap_core.services.container import current
from yipyap_core.ui import formats, pictures, snapshot
from yipyap_core.ui.formats import plain
from yipyap_core.ui.live import Live
from yipyap_core.ui.strip import Pulse

CACHE_STORE: Final = "cache"
"""Name under which the service lists the volume that downloads fill."""

Bar = tuple[str, float | None]
"""The words, and how full it is from 0 to 1; None for words alone."""


def draw() -> Live:
    """Prepare the panel; its painter draws one element and shares one look a second with all."""
    st.subheader("Host", anchor=False)
    slot = st.container(border=True, gap="small")

    def paint() -> None:
        still = Pulse.of(snapshot.statuses()).left_bytes
        with slot:
            st.markdown(words(current().host.resources(), still))

    return Live(paint=paint, structure=lambda: None, is_moving=lambda: False)


def words(host: HostReport, still_bytes: int) -> str:
    """The whole panel as one text."""
    return "\n\n".join(f":small[{text}]{_bar(share)}" for text, share in bars(host, still_bytes))


def _bar(share: float | None) -> str:
    if share is None:
        return ""
    return f"  \n{pictures.bar(share, formats.percent(100 * share))}"


def bars(host: HostReport, still_bytes: int) -> Iterator[Bar]:
    """Everything the panel says; `still_bytes` is what the queue has still to write."""
    cores = formats.count(host.cpu.logical_cores, "core")
    yield f"**CPU** {host.cpu.percent:.0f} % of {cores}", _share(host.cpu.percent, 100)
    yield _memory(host)
    for gpu in host.gpus:
        yield _gpu(gpu)
    if not host.gpus:
        yield f"**GPU** {plain(host.gpu_reason or 'none found')}", None
    for volume in host.volumes:
        yield _volume(volume, still_bytes if CACHE_STORE in volume.stores else 0)


def _memory(host: HostReport) -> Bar:
    memory = host.memory
    used = f"{formats.size(memory.used_bytes)} of {formats.size(memory.total_bytes)}"
    return f"**RAM** {used}", _share(memory.used_bytes, memory.total_bytes)


def _gpu(gpu: Gpu) -> Bar:
    name = f"**GPU {gpu.index}** {plain(gpu.name)}"
    facts = [
        f"{gpu.utilization_percent:.0f} %" if gpu.utilization_percent is not None else "",
        f"{gpu.temperature_celsius:.0f} °C" if gpu.temperature_celsius is not None else "",
        f"{gpu.power_watts:.0f} W" if gpu.power_watts is not None else "",
    ]
    extra = "".join(f" · {fact}" for fact in facts if fact)
    if gpu.memory_total_bytes is None or gpu.memory_used_bytes is None:
        return f"{name}{extra}", None
    used = f"{formats.size(gpu.memory_used_bytes)} of {formats.size(gpu.memory_total_bytes)}"
    return f"{name} · {used}{extra}", _share(gpu.memory_used_bytes, gpu.memory_total_bytes)


def _volume(volume: Volume, still_bytes: int) -> Bar:
    name = " and ".join(volume.stores)
    words = f"**Volume of {plain(name)}** {formats.size(volume.free_bytes)} free"
    words += f" of {formats.size(volume.total_bytes)}"
    if still_bytes:
        words += f" · the queue takes {formats.size(still_bytes)}"
    return words, _share(volume.used_bytes, volume.total_bytes)


def _share(part: float, whole: float) -> float:
    return min(1.0, max(0.0, part / whole)) if whole else 0.0

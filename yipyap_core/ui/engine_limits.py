"""What loaded models may take and how long anything waits, as the server's settings say."""

from __future__ import annotations

from collections.abc import Iterator

import streamlit as st

from yipyap_core.domain.engine_limits import EngineLimits
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import Services
from yipyap_core.ui import formats


def draw(services: Services, principal: Principal) -> None:
    """Draw one line, with the names of the settings at hand."""
    st.caption(
        " · ".join(words(services.engines.limits(principal))),
        help="The server's settings `YIPYAP_ENGINE_RAM_BUDGET`, `_GPU_BUDGET`, `_IDLE_MINUTES`,"
        " `_QUEUE_LIMIT`, `_TIMEOUT_SECONDS` and `_CANARY` say so; they count from its next start.",
    )


def words(limits: EngineLimits) -> Iterator[str]:
    """One phrase each: memory, cards, idleness, waiting, checks."""
    held = formats.size(limits.ram_held_bytes)
    yield f"Loaded models hold {held} RAM of {formats.size(limits.ram_budget_bytes)} allowed"
    for card in limits.cards:
        held, budget = formats.size(card.held_bytes), formats.size(card.budget_bytes)
        yield f"GPU {card.number}: {held} of {budget}"
    if limits.idle_seconds is None:
        yield "they stay until they are unloaded"
    else:
        yield f"unloaded after {formats.duration(limits.idle_seconds)} without a request"
    yield f"an answer may take {formats.duration(limits.request_timeout_seconds)}"
    yield f"at most {formats.count(limits.queue_limit, 'request')} in line for each"
    if limits.checks_downloads:
        yield "checked by itself after a download"

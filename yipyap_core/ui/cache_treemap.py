"""What takes the space, as rectangles: the largest repositories, and the rest as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import streamlit as st

from yipyap_core.domain.cache import CacheModel
from yipyap_core.ui import formats

LARGEST: Final = 30
REGISTERED, OTHER = "#1f7f76", "#66717d"
"""The accent and the neutral; white words can be read on both, in both themes."""


def draw(models: Sequence[CacheModel]) -> None:
    """Draw the map; nothing for an empty cache."""
    sized = [model for model in models if model.size_bytes]
    if not sized:
        return
    st.echarts_chart(
        spec(sized),
        height=240,
        key="cache-treemap",
        alt=f"Sizes of {formats.count(len(sized), 'repository', 'repositories')}: {_spoken(sized)}",
    )
    if any(model.in_registry for model in sized):
        st.caption("Coloured: files of registered models. Grey: the others.")


def spec(models: Sequence[CacheModel]) -> dict[str, Any]:
    """Describe the chart; `models` begin with the largest."""
    return {
        "tooltip": {"formatter": "{b}"},
        "series": [
            {
                "type": "treemap",
                "data": _cells(models),
                "roam": False,
                "nodeClick": False,
                "breadcrumb": {"show": False},
                "left": 0,
                "right": 0,
                "top": 0,
                "bottom": 0,
                "itemStyle": {"gapWidth": 2},
                "label": {"show": True, "formatter": "{b}", "overflow": "truncate"},
            }
        ],
    }


def _cells(models: Sequence[CacheModel]) -> list[dict[str, Any]]:
    cells = [
        _cell(model.repo_id, model.size_bytes, REGISTERED if model.in_registry else OTHER)
        for model in models[:LARGEST]
    ]
    rest = models[LARGEST:]
    if rest:
        total = sum(model.size_bytes for model in rest)
        cells.append(_cell(f"{len(rest)} others", total, OTHER))
    return cells


def _cell(name: str, size_bytes: int, colour: str) -> dict[str, Any]:
    return {
        "name": f"{name} · {formats.size(size_bytes)}",
        "value": size_bytes,
        "itemStyle": {"color": colour},
    }


def _spoken(models: Sequence[CacheModel]) -> str:
    return ", ".join(f"{one.repo_id} {formats.size(one.size_bytes)}" for one in models[:5])

"""Filter, search and order of the Downloads page; what is chosen stays while the page moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import streamlit as st

from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.models import ModelSpec
from yipyap_core.ui.states import Group, group_of, rank

ALL = "all"


STATE, NAME, SIZE = "state", "name", "size"
ORDERS: Final = {STATE: "Running first", NAME: "By name", SIZE: "Largest first"}


def draw(specs: Sequence[ModelSpec], statuses: Mapping[str, DownloadStatus]) -> list[ModelSpec]:
    """Draw the controls; return the models they leave, in order."""
    known = [spec for spec in specs if spec.id in statuses]
    groups = {spec.id: group_of(statuses[spec.id]) for spec in known}
    group = _draw_groups(Counter(groups.values()), len(known))
    words = st.text_input(
        "Search",
        key="search-downloads",
        placeholder="Name, id or repository",
        icon=":material/search:",
        label_visibility="collapsed",
        live=True,
        width=240,
    )
    order = st.selectbox(
        "Order",
        list(ORDERS),
        key="order-downloads",
        format_func=ORDERS.__getitem__,
        label_visibility="collapsed",
        width=150,
    )
    left = [
        spec for spec in known if group in (ALL, groups[spec.id]) and matches(spec, words or "")
    ]
    return sorted(left, key=_key(order, statuses))


def _draw_groups(counts: Mapping[Group, int], total: int) -> str:
    def label(choice: str) -> str:
        number = total if choice == ALL else counts.get(Group(choice), 0)
        name = "All" if choice == ALL else Group(choice).label
        return f"{name} {number}"

    chosen = st.segmented_control(
        "State",
        [ALL, *Group],
        default=ALL,
        required=True,
        key="filter-downloads",
        format_func=label,
        label_visibility="collapsed",
        wrap=True,
    )
    return chosen or ALL


def matches(spec: ModelSpec, words: str) -> bool:
    """Whether every word is found in the model's name, id, repository or family."""
    text = f"{spec.name} {spec.id} {spec.repo_id} {spec.family}".lower()
    return all(word in text for word in words.lower().split())


def _key(
    order: str, statuses: Mapping[str, DownloadStatus]
) -> Callable[[ModelSpec], tuple[int | str, ...]]:
    if order == SIZE:
        return lambda spec: (-spec.size_bytes, spec.name)
    if order == NAME:
        return lambda spec: (0, spec.name.lower())
    return lambda spec: rank(statuses[spec.id])

"""The repositories of the cache as rows: filtered, sorted, a page at a time, each with actions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import streamlit as st

from yipyap_core.domain.cache import CachedRevision, CacheModel
from yipyap_core.domain.deletion import PlanKind, PlanRequest
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions, cache_dialog, formats, session
from yipyap_core.ui.formats import plain

PER_PAGE: Final = 20
_OPEN: Final = "yipyap.cache_open"

Test = Callable[[CacheModel], bool]

FILTERS: Final[Mapping[str, Test]] = {
    "All": lambda _: True,
    "In the registry": lambda model: model.in_registry,
    "Others": lambda model: not model.in_registry,
    "In use": lambda model: model.in_use,
    "With warnings": lambda model: bool(model.repo.warnings),
}
ORDERS: Final[Mapping[str, Callable[[CacheModel], tuple[float, str]]]] = {
    "Largest first": lambda model: (-model.size_bytes, model.repo_id),
    "By name": lambda model: (0, model.repo_id.lower()),
    "Longest unused first": lambda model: (model.last_accessed.timestamp(), model.repo_id),
    "Most revisions first": lambda model: (-len(model.repo.revisions), model.repo_id),
}


def draw(models: Sequence[CacheModel]) -> None:
    """Draw the controls and the rows that they leave."""
    if not models:
        st.info("The cache is empty. Download a model to fill it.", icon=":material/inbox:")
        return
    found = _chosen(models)
    if not found:
        st.info("No repository fits this filter and search.", icon=":material/search_off:")
        return
    pages = -(-len(found) // PER_PAGE)
    page = st.pagination(pages, key="page-cache") if pages > 1 else 1
    for model in found[(page - 1) * PER_PAGE : page * PER_PAGE]:
        draw_row(model)
    if pages > 1:
        st.caption(f"{formats.count(len(found), 'repository', 'repositories')} in all.")


def _chosen(models: Sequence[CacheModel]) -> list[CacheModel]:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        counts = {name: sum(test(model) for model in models) for name, test in FILTERS.items()}
        name = st.segmented_control(
            "Filter",
            list(FILTERS),
            default="All",
            required=True,
            key="filter-cache",
            format_func=lambda one: f"{one} {counts[one]}",
            label_visibility="collapsed",
            wrap=True,
        )
        words = st.text_input(
            "Search",
            key="search-cache",
            placeholder="Name, type or commit",
            icon=":material/search:",
            label_visibility="collapsed",
            live=True,
            width=220,
        )
        order = st.selectbox(
            "Order",
            list(ORDERS),
            key="order-cache",
            label_visibility="collapsed",
            width=190,
        )
    test = FILTERS[name or "All"]
    left = [model for model in models if test(model) and matches(model, words or "")]
    return sorted(left, key=ORDERS[order])


def matches(model: CacheModel, words: str) -> bool:
    """Whether every word is found in the repository's name, type, refs or commits."""
    revisions = " ".join(f"{one.commit} {' '.join(one.refs)}" for one in model.repo.revisions)
    text = f"{model.repo_id} {model.repo_type} {' '.join(model.registry_ids)} {revisions}".lower()
    return all(word in text for word in words.lower().split())


def draw_row(model: CacheModel) -> None:
    """Draw one repository."""
    folder = model.repo.folder
    with st.container(border=True, gap="xsmall", key=f"cache-{folder}"):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            with st.container(gap="xxsmall"):
                _draw_name(model)
                st.caption(_facts(model), help=_exact(model))
            st.markdown(
                f"**{formats.size(model.size_bytes)}**",
                help=formats.exact_size(model.size_bytes),
                width="content",
            )
            with st.container(horizontal=True, width="content", gap="xsmall"):
                _draw_actions(model)
        for warning in model.repo.warnings:
            st.caption(f":orange[:material/warning: {plain(warning)}]")
        if folder in st.session_state.get(_OPEN, set()):
            for revision in model.repo.revisions:
                _draw_revision(model, revision)
        actions.show_notices(f"cache-{folder}")


def _draw_name(model: CacheModel) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{plain(model.repo_id)}**", width="content")
        if model.repo_type != "model":
            st.badge(model.repo_type, color="gray")
        if model.in_use:
            st.badge("In use", icon=":material/lock:", color="blue", help="; ".join(model.used_by))
        if model.in_registry:
            st.badge("Registry", color="green", help=", ".join(model.registry_ids))
        if model.repo.partials:
            size = formats.size(model.repo.partial_bytes)
            st.badge(f"{size} partial", color="orange", help="Unfinished files.")


def _facts(model: CacheModel) -> str:
    now = dt.datetime.now(dt.UTC)
    detached = len(model.repo.detached)
    parts = [
        formats.count(model.repo.nb_files, "file"),
        formats.count(len(model.repo.revisions), "revision"),
        f"{detached} detached" if detached else "",
        f"last accessed {formats.ago(model.last_accessed, now)}",
    ]
    return " · ".join(part for part in parts if part)


def _exact(model: CacheModel) -> str:
    zone = session.zone()
    accessed = formats.exact_time(model.last_accessed, zone)
    modified = formats.exact_time(model.repo.last_modified, zone)
    record = "by our own record" if model.last_used else "by the files' access times"
    return f"Last accessed {accessed}, {record}; modified {modified}"


def _draw_actions(model: CacheModel) -> None:
    folder = model.repo.folder
    opened = folder in st.session_state.get(_OPEN, set())
    place = f"cache-{folder}"
    actions.button(
        "Verify",
        _verify,
        folder,
        key=f"verify-{folder}",
        icon="fact_check",
        type="tertiary",
        place=place,
        help="Compare its files with the publisher's hashes.",
    )
    actions.button(
        "Delete",
        cache_dialog.ask,
        PlanRequest(PlanKind.REPOSITORY, folder),
        key=f"delete-{folder}",
        icon="delete",
        type="tertiary",
        place=place,
        disabled=model.in_use,
        help="; ".join(model.used_by) if model.in_use else "The plan is shown first.",
    )
    st.button(
        "Revisions",
        key=f"revisions-{folder}",
        type="tertiary",
        icon=f":material/expand_{'less' if opened else 'more'}:",
        icon_position="right",
        on_click=_toggle,
        args=(folder,),
    )


def _draw_revision(model: CacheModel, revision: CachedRevision) -> None:
    folder = model.repo.folder
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        refs = ", ".join(revision.refs) or "detached"
        files = formats.count(revision.nb_files, "file")
        with st.container():
            st.markdown(f"`{revision.commit[:12]}` {plain(refs)} :gray[{files}]")
        st.markdown(
            formats.size(revision.size_bytes),
            help=f"{formats.exact_size(revision.size_bytes)}, shared files included",
            width="content",
        )
        actions.button(
            "Delete revision",
            cache_dialog.ask,
            PlanRequest(PlanKind.REVISION, folder, revision.commit),
            key=f"delete-{folder}-{revision.commit}",
            icon="delete",
            type="tertiary",
            place=f"cache-{folder}",
            disabled=model.in_use,
            help="; ".join(model.used_by) if model.in_use else "The plan is shown first.",
        )


def _toggle(folder: str) -> None:
    st.session_state.setdefault(_OPEN, set()).symmetric_difference_update({folder})


def _verify(principal: Principal, folder: str) -> str:
    current().cache.verification.start(principal, folder)
    return "Its files are being compared with the publisher's hashes."

"""The installed Ollama models: what each is, and what can be done with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final

import streamlit as st

from yipyap_core.domain.ollama import Freshness, OllamaModel, UpdateCheck
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.ui import actions, dialogs, formats, session
from yipyap_core.ui.formats import plain
from yipyap_core.ui.ollama_dialogs import DELETE, SHOW
from yipyap_core.ui.ollama_loaded import unload

_CHECKS: Final = "yipyap.ollama_updates"

FRESHNESS: Final[Mapping[Freshness, tuple[str, str]]] = {
    Freshness.CURRENT: ("Current", "green"),
    Freshness.OUTDATED: ("Outdated", "orange"),
    Freshness.UNKNOWN: ("Unknown", "gray"),
}


def draw(models: tuple[OllamaModel, ...]) -> None:
    """Draw the heading with its actions, then a row a model."""
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            st.subheader("Installed Ollama Models", anchor=False)
        if models:
            _draw_head_actions()
    if not models:
        st.info("No model is installed yet; pull one below.", icon=":material/inbox:")
    for model in models:
        _draw_model(model)


def _draw_head_actions() -> None:
    outdated = [one for one in _checks().values() if one.state is Freshness.OUTDATED]
    if outdated:
        actions.button(
            f"Update {formats.count(len(outdated), 'model')}",
            _pull_all,
            tuple(one.name for one in outdated),
            key="update-all",
            icon="upgrade",
            type="primary",
        )
    actions.button(
        "Check for updates",
        _check,
        key="check-updates",
        icon="update",
        help="Compares digests with the registry's; nothing is pulled.",
    )


def _draw_model(model: OllamaModel) -> None:
    with (
        st.container(border=True, key=f"ollama-{model.name}"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        with st.container(gap="xxsmall"):
            _draw_name(model)
            _draw_facts(model)
        st.markdown(
            f"**{formats.size(model.size_bytes)}**",
            help=formats.exact_size(model.size_bytes),
            width="content",
        )
        with st.container(horizontal=True, width="content", gap="xsmall"):
            _draw_actions(model)


def _draw_name(model: OllamaModel) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{plain(model.name)}**", width="content")
        if model.loaded:
            st.badge("Loaded", icon=":material/memory:", color="blue")
        check = _checks().get(model.name)
        if check is not None:
            label, colour = FRESHNESS[check.state]
            size = formats.size(check.size_bytes) if check.size_bytes else None
            offered = f"The registry's model has {size}." if size else None
            st.badge(label, color=colour, help=check.reason or offered)  # type: ignore[arg-type]  # one of the palette


def _draw_facts(model: OllamaModel) -> None:
    now = dt.datetime.now(dt.UTC)
    moment = model.modified_at
    facts = [
        model.family,
        model.parameter_size,
        model.quantization,
        f"digest {model.digest[:12]}",
        f"modified {formats.ago(moment, now)}" if moment else None,
    ]
    st.caption(
        " · ".join(plain(fact) for fact in facts if fact),
        help=formats.exact_time(moment, session.zone()) if moment else None,
    )


def _draw_actions(model: OllamaModel) -> None:
    name = model.name
    _opener("Show", SHOW, name, "info")
    check = _checks().get(name)
    if check is not None and check.state is Freshness.OUTDATED:
        actions.button(
            "Update", _pull_all, (name,), key=f"update-{name}", icon="upgrade", type="tertiary"
        )
    if model.loaded:
        actions.button(
            "Unload",
            unload,
            name,
            key=f"unload-{name}",
            icon="eject",
            type="tertiary",
            help="Gives its memory back.",
        )
    _opener("Delete", DELETE, name, "delete")


def _opener(label: str, question: str, name: str, icon: str) -> None:
    st.button(
        label,
        key=f"{question}-{name}",
        icon=f":material/{icon}:",
        type="tertiary",
        on_click=dialogs.ask,
        args=(question, name),
    )


def _checks() -> dict[str, UpdateCheck]:
    found: dict[str, UpdateCheck] = st.session_state.get(_CHECKS, {})
    return found


def _check(principal: Principal) -> str:
    checks = current().ollama.updates(principal)
    st.session_state[_CHECKS] = {one.name: one for one in checks}
    outdated = sum(one.state is Freshness.OUTDATED for one in checks)
    unknown = sum(one.state is Freshness.UNKNOWN for one in checks)
    words = f"{outdated} outdated" if outdated else "Nothing is outdated"
    return f"{words}; {unknown} could not be compared." if unknown else f"{words}."


def _pull_all(principal: Principal, names: tuple[str, ...]) -> str:
    for name in names:
        current().ollama.pulls.start(principal, name)
        st.session_state.get(_CHECKS, {}).pop(name, None)
    return f"{', '.join(names)}: being updated."

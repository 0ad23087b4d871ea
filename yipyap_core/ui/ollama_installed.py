"""The installed Ollama models: what each is, and what can be done with it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from typing import Final

import streamlit as st

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.ollama import Freshness, OllamaModel, UpdateCheck
from yipyap_core.domain.users import Principal
from yipyap_core.services.container import current
from yipyap_core.services.ollama.pulls import PullView
from yipyap_core.ui import actions, dialogs, formats, session
from yipyap_core.ui.formats import plain
from yipyap_core.ui.ollama_dialogs import DELETE, SHOW
from yipyap_core.ui.ollama_loaded import unload

FRESHNESS: Final[Mapping[Freshness, tuple[str, str]]] = {
    Freshness.CURRENT: ("Current", "green"),
    Freshness.OUTDATED: ("Outdated", "orange"),
    Freshness.UNKNOWN: ("Unknown", "gray"),
}


def draw(
    models: tuple[OllamaModel, ...], checks: tuple[UpdateCheck, ...], pulls: Iterable[PullView]
) -> None:
    """Draw the heading with its actions, then a row a model.

    `checks` are the comparisons with the registry so far; what is being pulled is not offered
    again.
    """
    pulled = {pull.name for pull in pulls if pull.status.status is DownloadState.DOWNLOADING}
    found = {check.name: check for check in checks}
    with st.container(horizontal=True, vertical_alignment="center"):
        with st.container():
            st.subheader("Installed Ollama Models", anchor=False)
        if models:
            _draw_head_actions(_outdated(checks, pulled))
    if not models:
        st.info("No model is installed yet; pull one below.", icon=":material/inbox:")
    for model in models:
        _draw_model(model, found.get(model.name), is_pulled=model.name in pulled)


def _outdated(checks: Iterable[UpdateCheck], pulled: Collection[str]) -> tuple[str, ...]:
    stale = (check.name for check in checks if check.state is Freshness.OUTDATED)
    return tuple(name for name in stale if name not in pulled)


def _draw_head_actions(outdated: tuple[str, ...]) -> None:
    if outdated:
        actions.button(
            f"Update {formats.count(len(outdated), 'model')}",
            _pull_all,
            outdated,
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


def _draw_model(model: OllamaModel, check: UpdateCheck | None, *, is_pulled: bool) -> None:
    with (
        st.container(border=True, key=f"ollama-{model.name}"),
        st.container(horizontal=True, vertical_alignment="center", gap="small"),
    ):
        with st.container(gap="xxsmall"):
            _draw_name(model, check)
            _draw_facts(model)
        st.markdown(
            f"**{formats.size(model.size_bytes)}**",
            help=formats.exact_size(model.size_bytes),
            width="content",
        )
        with st.container(horizontal=True, width="content", gap="xsmall"):
            is_outdated = check is not None and check.state is Freshness.OUTDATED
            _draw_actions(model, can_update=is_outdated and not is_pulled)


def _draw_name(model: OllamaModel, check: UpdateCheck | None) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall"):
        st.markdown(f"**{plain(model.name)}**", width="content")
        if model.loaded:
            st.badge("Loaded", icon=":material/memory:", color="blue")
        if check is not None:
            label, colour = FRESHNESS[check.state]
            st.badge(label, color=colour, help=_words(check))  # type: ignore[arg-type]  # one of the palette


def _words(check: UpdateCheck) -> str:
    """Why nobody can say, or what the registry has; and when it was asked."""
    asked = f"Asked {formats.ago(check.checked_at, dt.datetime.now(dt.UTC))}."
    offered = f"The registry's model has {formats.size(check.size_bytes or 0)}."
    return f"{plain(check.reason) if check.reason else offered} {asked}"


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


def _draw_actions(model: OllamaModel, *, can_update: bool) -> None:
    name = model.name
    _opener("Show", SHOW, name, "info")
    if can_update:
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


def _check(principal: Principal) -> str:
    checks = current().ollama.updates(principal)
    outdated = sum(one.state is Freshness.OUTDATED for one in checks)
    unknown = sum(one.state is Freshness.UNKNOWN for one in checks)
    words = f"{outdated} outdated" if outdated else "Nothing is outdated"
    return f"{words}; {unknown} could not be compared." if unknown else f"{words}."


def _pull_all(principal: Principal, names: tuple[str, ...]) -> str:
    for name in names:
        current().ollama.pulls.start(principal, name)
    return f"{plain(', '.join(names))}: being updated."

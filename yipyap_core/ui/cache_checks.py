"""Checks of the cache's contents: their progress while they run, then what is damaged.

What is done about the damage is drawn by `cache_repairs`.
"""

from __future__ import annotations

from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.users import Principal
from yipyap_core.domain.verification import Damage, Mismatch
from yipyap_core.services.cache.verify import VerifyView
from yipyap_core.services.container import Services, current
from yipyap_core.ui import actions, cache_repairs, formats
from yipyap_core.ui.formats import plain
from yipyap_core.ui.live import Live

SHOWN_MISMATCHES: Final = 20
_SEEN: Final = "yipyap.checks_seen"

KINDS: Final = {
    Damage.CONTENT: "wrong content",
    Damage.OTHER_FILE: "leads to another file",
    Damage.MISSING: "its content is gone",
    Damage.UNREADABLE: "cannot be read",
}


def draw(services: Services, principal: Principal) -> Live:
    """Draw what runs and what ended checks have found; the bars move by themselves."""
    drawn = _running(services, principal)
    checks = services.cache.verification.checks(principal)
    slots = {one.verify_id: _draw_running(one) for one in checks if _is_live(one)}
    bars = cache_repairs.draw_running(services, principal)
    for check in _ended(services, principal, checks):
        _draw_ended(services, principal, check)

    def paint() -> None:
        for verify_id, slot in slots.items():
            slot.progress(*_progress(services.cache.verification.get(principal, verify_id)))
        cache_repairs.paint(services, principal, bars)

    def structure() -> tuple[str, ...]:
        return _running(services, principal)

    return Live(paint=paint, structure=structure, is_moving=lambda: bool(structure()), drawn=drawn)


def _running(services: Services, principal: Principal) -> tuple[str, ...]:
    cache = services.cache
    return (*cache.verification.running(principal), *cache.repair.running(principal))


def _ended(
    services: Services, principal: Principal, checks: tuple[VerifyView, ...]
) -> list[VerifyView]:
    """The latest check, and older ones whose repairs go on or have failed, until dismissed."""
    seen = st.session_state.get(_SEEN, set())
    open_repairs = cache_repairs.checks_with_open_repairs(services, principal)
    shown, covered = [], set[str | None]()
    for place, check in enumerate(one for one in checks if not _is_live(one)):
        is_open = check.verify_id in open_repairs and not covered & {None, check.folder}
        if (place == 0 or is_open) and check.verify_id not in seen:
            shown.append(check)
        covered.add(check.folder)
    return shown


def _draw_running(check: VerifyView) -> DeltaGenerator:
    with st.container(border=True, key=f"check-{check.verify_id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Verifying {plain(_what(check))}**")
            actions.button(
                "Cancel", _cancel, check.verify_id, key=f"stop-{check.verify_id}", icon="close"
            )
        return st.empty()


def _draw_ended(services: Services, principal: Principal, check: VerifyView) -> None:
    report = check.report
    if check.status.status is DownloadState.FAILED and check.status.error:
        st.error(plain(check.status.error.message), icon=":material/error:")
    elif report.mismatches:
        _draw_damage(services, principal, check)
    elif check.finished:
        counted = formats.count(report.checked_files, "file")
        unknown = (
            f" For {report.unverifiable_files} more nothing here tells the publisher's hash."
            if report.unverifiable_files
            else ""
        )
        with st.container(horizontal=True, vertical_alignment="center"):
            st.success(
                f"{plain(_what(check))}: {counted}, {formats.size(report.checked_bytes)}, all as"
                f" published.{unknown}",
                icon=":material/verified:",
            )
            _draw_dismiss(check)


def _draw_damage(services: Services, principal: Principal, check: VerifyView) -> None:
    found = check.report.mismatches
    repairs = cache_repairs.latest(services.cache.repair.repairs(principal, check.verify_id))
    with st.container(border=True, gap="xsmall", key=f"damage-{check.verify_id}"):
        st.markdown(cache_repairs.heading(check, repairs))
        for one in found[:SHOWN_MISMATCHES]:
            st.markdown(_line(one) + cache_repairs.state(repairs.get(cache_repairs.place(one))))
        if len(found) > SHOWN_MISMATCHES:
            st.caption(f"and {len(found) - SHOWN_MISMATCHES} more")
        cache_repairs.draw_failed(repairs.values())
        with st.container(horizontal=True):
            if cache_repairs.is_wanted(check, repairs):
                cache_repairs.draw_button(check)
            _draw_dismiss(check)


def _draw_dismiss(check: VerifyView) -> None:
    st.button(
        "Dismiss",
        key=f"dismiss-{check.verify_id}",
        type="tertiary",
        on_click=_dismiss,
        args=(check.verify_id,),
    )


def _line(one: Mismatch) -> str:
    reason = f": {plain(one.reason)}" if one.reason else ""
    return (
        f"{plain(one.repo_id)} `{one.commit[:8]}` {plain(one.path)}"
        f" :red[{KINDS[one.kind]}{reason}] :gray[{formats.size(one.size_bytes)}]"
    )


def _progress(check: VerifyView) -> tuple[float, str]:
    damaged = len(check.report.mismatches)
    found = f":red[{damaged} damaged]" if damaged else ""
    return cache_repairs.bar(check.status.progress, found)


def _what(check: VerifyView) -> str:
    if check.folder is None:
        return "the whole cache"
    return check.folder.partition("--")[2].replace("--", "/")


def _is_live(check: VerifyView) -> bool:
    return check.status.status is DownloadState.DOWNLOADING


def _cancel(principal: Principal, verify_id: str) -> str:
    current().cache.verification.cancel(principal, verify_id)
    return "The check has ended."


def _dismiss(verify_id: str) -> None:
    st.session_state.setdefault(_SEEN, set()).add(verify_id)

"""Checks of the cache's contents: their progress while they run, then what is damaged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.users import Principal
from yipyap_core.domain.verification import Damage, Mismatch
from yipyap_core.services.cache_repair import Repair
from yipyap_core.services.cache_verify import VerifyView
from yipyap_core.services.container import Services, current
from yipyap_core.ui import actions, formats
from yipyap_core.ui.formats import plain
from yipyap_core.ui.live import Live

SHOWN_MISMATCHES: Final = 20
_SEEN: Final = "yipyap.checks_seen"

KINDS: Final = {
    Damage.CONTENT: "wrong content",
    Damage.OTHER_FILE: "leads to another file",
    Damage.MISSING: "its content is gone",
}


def draw(services: Services, principal: Principal) -> Live:
    """Draw the checks that run and the latest that ended; the bars move by themselves."""
    running = services.cache.verification.running(principal)
    checks = services.cache.verification.checks(principal)
    slots = {one.verify_id: _draw_running(one) for one in checks if _is_live(one)}
    ended = next((one for one in checks if not _is_live(one)), None)
    if ended is not None and ended.verify_id not in st.session_state.get(_SEEN, set()):
        _draw_ended(ended)
    return _live(services, principal, slots, running)


def _draw_running(check: VerifyView) -> DeltaGenerator:
    with st.container(border=True, key=f"check-{check.verify_id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Verifying {plain(_what(check))}**")
            actions.button(
                "Cancel", _cancel, check.verify_id, key=f"stop-{check.verify_id}", icon="close"
            )
        return st.empty()


def _draw_ended(check: VerifyView) -> None:
    report = check.report
    if check.status.status is DownloadState.FAILED and check.status.error:
        st.error(plain(check.status.error.message), icon=":material/error:")
    elif report.mismatches:
        _draw_damage(check)
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


def _draw_damage(check: VerifyView) -> None:
    found = check.report.mismatches
    with st.container(border=True, gap="xsmall", key="damage"):
        st.markdown(f":red[:material/error:] **{formats.count(len(found), 'damaged file')}**")
        for one in found[:SHOWN_MISMATCHES]:
            st.markdown(_line(one))
        if len(found) > SHOWN_MISMATCHES:
            st.caption(f"and {len(found) - SHOWN_MISMATCHES} more")
        with st.container(horizontal=True):
            actions.button(
                "Fetch just these files again",
                _repair,
                check.verify_id,
                key="repair",
                icon="healing",
                type="primary",
                help="The damaged ones go into the trash.",
            )
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
    return (
        f"{plain(one.repo_id)} `{one.commit[:8]}` {plain(one.path)} :red[{KINDS[one.kind]}]"
        f" :gray[{formats.size(one.size_bytes)}]"
    )


def _live(
    services: Services,
    principal: Principal,
    slots: Mapping[str, DeltaGenerator],
    drawn: tuple[str, ...],
) -> Live:
    verification = services.cache.verification

    def paint() -> None:
        for verify_id, slot in slots.items():
            slot.progress(*_progress(verification.get(principal, verify_id)))

    def structure() -> Hashable:
        return verification.running(principal)

    return Live(paint=paint, structure=structure, is_moving=lambda: bool(structure()), drawn=drawn)


def _progress(check: VerifyView) -> tuple[float, str]:
    progress = check.status.progress
    words = [
        formats.percent(progress.percent),
        formats.done_of_total(progress),
        formats.speed(progress.speed_bps),
        formats.remaining(progress.eta_seconds),
    ]
    damaged = len(check.report.mismatches)
    words.append(f":red[{damaged} damaged]" if damaged else "")
    return progress.percent / 100, " · ".join(word for word in words if word)


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


def _repair(principal: Principal, verify_id: str) -> str:
    repairs = current().cache.repair.repair(principal, verify_id)
    _dismiss(verify_id)
    return " ".join(words(one) for one in repairs)


def words(repair: Repair) -> str:
    """Say what was done about one repository."""
    removed = formats.count(repair.removed_files, "damaged file")
    if repair.problem:
        return f"{repair.repo_id}: {repair.problem}"
    if repair.fetching:
        return (
            f"{repair.repo_id}: {removed} removed, {', '.join(repair.fetching)} is being fetched."
        )
    return f"{repair.repo_id}: {removed} removed; fetch it with `{repair.by_hand}`."

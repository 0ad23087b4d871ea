"""Repairs of damaged files: their progress, how each has ended, and what is left to do by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import Phase, Progress
from yipyap_core.domain.users import Principal
from yipyap_core.domain.verification import Mismatch
from yipyap_core.services.cache.repair import Repair
from yipyap_core.services.cache.verify import VerifyView
from yipyap_core.services.container import Services, current
from yipyap_core.ui import actions, formats
from yipyap_core.ui.formats import plain

WORDS: Final = {
    DownloadState.DOWNLOADING: " :blue[is being fetched]",
    DownloadState.COMPLETED: " :green[fetched again and verified]",
}
SHOWN_FILES: Final = 5

Place = tuple[str, str, str]


def draw_running(services: Services, principal: Principal) -> Mapping[str, DeltaGenerator]:
    """Draw a card for each repair that runs or waits; returns the slots of the bars."""
    repair = services.cache.repair
    live = [repair.get(principal, one) for one in repair.running(principal)]
    return {one.repair_id: _draw_card(one) for one in live}


def paint(services: Services, principal: Principal, bars: Mapping[str, DeltaGenerator]) -> None:
    """Put the present figures into the bars."""
    for repair_id, slot in bars.items():
        status = services.cache.repair.get(principal, repair_id).status
        slot.progress(*bar(status.progress, status.phase.value.replace("_", " ")))


def bar(progress: Progress, word: str) -> tuple[float, str]:
    """A bar's share and its text, which ends with `word`."""
    words = [
        formats.percent(progress.percent),
        formats.done_of_total(progress),
        formats.speed(progress.speed_bps),
        formats.remaining(progress.eta_seconds),
        word,
    ]
    return progress.percent / 100, " · ".join(one for one in words if one)


def checks_with_open_repairs(services: Services, principal: Principal) -> set[str]:
    """Checks whose repairs go on or have failed."""
    repairs = services.cache.repair.repairs(principal)
    return {one.verify_id for one in repairs if _is_open(one)}


def place(one: Mismatch | Repair) -> Place:
    """What a repair is for: the kind and name of a repository, and the commit."""
    return one.repo_type, one.repo_id, one.commit


def latest(repairs: Iterable[Repair]) -> Mapping[Place, Repair]:
    """The last repair of each place; they come the latest first."""
    found: dict[Place, Repair] = {}
    for one in repairs:
        found.setdefault(place(one), one)
    return found


def heading(check: VerifyView, repairs: Mapping[Place, Repair]) -> str:
    """How many files are damaged, or were until all of them were fetched again."""
    found = check.report.mismatches
    ends = {one.status.status for one in repairs.values()}
    if ends == {DownloadState.COMPLETED} and {place(one) for one in found} <= repairs.keys():
        counted = formats.count(len(found), "damaged file")
        return f":green[:material/verified:] **{counted} fetched again and verified**"
    return f":red[:material/error:] **{formats.count(len(found), 'damaged file')}**"


def state(repair: Repair | None) -> str:
    """What has become of a damaged file, as the end of its line."""
    return WORDS.get(repair.status.status, "") if repair else ""


def is_wanted(check: VerifyView, repairs: Mapping[Place, Repair]) -> bool:
    """Whether something damaged is neither repaired nor being fetched."""
    moving = {
        where
        for where, one in repairs.items()
        if one.status.status in WORDS and one.status.phase is not Phase.PAUSED
    }
    return not {place(one) for one in check.report.mismatches} <= moving


def draw_button(check: VerifyView) -> None:
    """Draw the button that starts the repairs of a check, and those that failed again."""
    actions.button(
        "Fetch just these files again",
        _repair,
        check.verify_id,
        key=f"repair-{check.verify_id}",
        icon="healing",
        type="primary",
        help="The damaged ones stay until the right ones have arrived.",
    )


def draw_failed(repairs: Iterable[Repair]) -> None:
    """Say why a repair has failed, of which files, and what can be done."""
    for one in repairs:
        if one.problem is not None and one.status.error is not None:
            words = f"{_what(one)}: {_files(one)}. {one.problem} {one.status.error.hint}"
            st.error(plain(words), icon=":material/error:")
            if one.by_hand:
                st.code(one.by_hand, language="bash", wrap_lines=True)


def _draw_card(repair: Repair) -> DeltaGenerator:
    with st.container(border=True, key=f"repair-of-{repair.repair_id}"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**Repairing {plain(_what(repair))}** {plain(_files(repair))}")
            actions.button(
                "Cancel", _cancel, repair.repair_id, key=f"stop-{repair.repair_id}", icon="close"
            )
        return st.empty()


def _is_open(repair: Repair) -> bool:
    return repair.status.status in {DownloadState.DOWNLOADING, DownloadState.FAILED}


def _what(repair: Repair) -> str:
    return f"{repair.repo_id} {repair.commit[:8]}"


def _files(repair: Repair) -> str:
    shown = ", ".join(repair.files[:SHOWN_FILES])
    more = len(repair.files) - SHOWN_FILES
    return f"{shown} and {more} more" if more > 0 else shown


def _repair(principal: Principal, verify_id: str) -> str:
    repairs = current().cache.repair.repair(principal, verify_id)
    files = sum(len(one.files) for one in repairs)
    return f"{formats.count(files, 'file')} will be fetched again."


def _cancel(principal: Principal, repair_id: str) -> str:
    current().cache.repair.cancel(principal, repair_id)
    return "The repair has ended; the cache is as it was."

"""The question before anything leaves the cache: the plan, exactly, and a way back.

The plan is kept under its id, so that what is confirmed is what was shown; when the cache has
changed meanwhile, the new plan takes its place in the same question.
"""

from __future__ import annotations

from typing import Final

import streamlit as st

from yipyap_core.domain.deletion import DeletionPlan, KeptItem, PlanItem, PlanKind, PlanRequest
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import YipyapError
from yipyap_core.services.cache.deletion import Deletion, PlanIsStale, UnknownPlan
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, dialogs, formats
from yipyap_core.ui.actions import Notice
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit

PLAN: Final = "cache-plan"
WORD: Final = "clear"
SHOWN_ITEMS: Final = 12
_CHANGED: Final = "yipyap.cache_plan_changed"

TITLES: Final = {
    PlanKind.EVERYTHING: "Clear Cache",
    PlanKind.REPOSITORY: "Delete from the cache",
    PlanKind.REVISION: "Delete a revision",
    PlanKind.MODEL: "Delete a model's files",
    PlanKind.PRUNE: "Prune",
    PlanKind.RECLAIM: "Reclaim space",
}


def ask(principal: Principal, request: PlanRequest) -> None:
    """Make a plan and open the question; a callback."""
    plan = current().cache.deletion.plan(principal, request)
    _forget_answers()
    dialogs.ask(PLAN, plan.plan_id)


def draw(principal: Principal) -> None:
    """Draw the question when it is open."""
    plan_id = dialogs.asked(PLAN)
    if plan_id is None:
        return
    try:
        plan = current().cache.deletion.get(principal, plan_id)
    except UnknownPlan:
        dialogs.close()
        return
    title = TITLES[plan.request.kind]
    st.dialog(title, icon=":material/delete:", width="medium", on_dismiss=dialogs.close)(_draw)(
        plan
    )


def _draw(plan: DeletionPlan) -> None:
    principal = admit(Role.ADMIN)
    boundary.contained(lambda: _draw_plan(principal, plan))


def _draw_plan(principal: Principal, plan: DeletionPlan) -> None:
    if st.session_state.get(_CHANGED):
        st.warning("The cache has changed meanwhile; this is the new plan.", icon=":material/sync:")
    if plan.is_empty:
        _draw_nothing(plan)
        return
    _draw_gain(plan)
    going = [item for item in plan.items if item.moves]
    _draw_items(sorted(going, key=lambda item: -item.bytes))
    _draw_kept(plan.kept)
    purge = st.toggle("Free the space at once; this cannot be undone", key="plan-purge")
    if not purge:
        days = current().settings.trash_days
        st.caption(
            f"It goes into the trash of the same volume and can be brought back for {days:g} days."
        )
    ready = _has_word(plan)
    pressed = st.button(
        "Delete for good" if purge else "Move to the trash",
        key="plan-yes",
        type="primary",
        width="stretch",
        disabled=not ready,
        help=None if ready else f"Type the word {WORD} first.",
    )
    if pressed:
        _execute(principal, plan, purge)
    if st.button("Keep everything", key="plan-no", type="tertiary", on_click=dialogs.close):
        st.rerun()


def _draw_nothing(plan: DeletionPlan) -> None:
    st.markdown("There is nothing to delete.")
    _draw_kept(plan.kept)
    if st.button("Close", key="plan-close", width="stretch", on_click=dialogs.close):
        st.rerun()


def _draw_gain(plan: DeletionPlan) -> None:
    touched = sum(bool(item.moves) for item in plan.items)
    where = formats.count(touched, "repository", "repositories")
    st.markdown(
        f"The volume gains **{formats.size(plan.freed_bytes)}**: "
        f"{formats.count(plan.files, 'file')} in {where}.",
        help=formats.exact_size(plan.freed_bytes),
    )


def _draw_items(items: list[PlanItem]) -> None:
    with st.container(border=True, gap="xxsmall"):
        for item in items[:SHOWN_ITEMS]:
            with st.container(horizontal=True, vertical_alignment="center"):
                with st.container():
                    st.markdown(f"**{plain(item.repo_id)}** :gray[{_what(item)}]")
                st.markdown(
                    formats.size(item.bytes), help=formats.exact_size(item.bytes), width="content"
                )
        if len(items) > SHOWN_ITEMS:
            rest = sum(item.bytes for item in items[SHOWN_ITEMS:])
            st.caption(f"and {len(items) - SHOWN_ITEMS} more with {formats.size(rest)}")


def _what(item: PlanItem) -> str:
    parts = [item.repo_type]
    if item.is_whole:
        parts.append("as a whole")
    elif item.revisions:
        parts.append(", ".join(commit[:8] for commit in item.revisions[:3]))
    if item.shared_with:
        parts.append(
            f"shares files with {formats.count(len(item.shared_with), 'revision')} that stay"
        )
    return plain(" · ".join(parts))


def _draw_kept(kept: tuple[KeptItem, ...]) -> None:
    for one in kept[:SHOWN_ITEMS]:
        st.info(f"**{plain(one.repo_id)}** stays: {plain(one.reason)}.", icon=":material/lock:")
    if len(kept) > SHOWN_ITEMS:
        st.caption(f"{len(kept) - SHOWN_ITEMS} more stay.")


def _has_word(plan: DeletionPlan) -> bool:
    """Ask for a typed word where everything goes; whether the button may be pressed."""
    if plan.request.kind is not PlanKind.EVERYTHING:
        return True
    typed = st.text_input(f"Type {WORD} to confirm", key="plan-word", autocomplete="off", live=True)
    return (typed or "").strip().lower() == WORD


def _execute(principal: Principal, plan: DeletionPlan, purge: bool) -> None:
    try:
        done = current().cache.deletion.execute(principal, plan.plan_id, purge=purge)
    except PlanIsStale as stale:
        st.session_state[_CHANGED] = True
        dialogs.ask(PLAN, stale.plan.plan_id)
        st.rerun()
    except YipyapError as error:
        boundary.show(error)
        return
    dialogs.close()
    _forget_answers()
    actions.notify(Notice(words(done)))
    st.rerun()


def words(done: Deletion) -> str:
    """Say what a deletion did."""
    size = formats.size(done.freed_bytes)
    if not done.deleted:
        return "Nothing was deleted."
    if done.trashed:
        return f"{size} went into the trash; Trash brings it back."
    return f"{size} were freed."


def _forget_answers() -> None:
    for key in (_CHANGED, "plan-word", "plan-purge"):
        st.session_state.pop(key, None)

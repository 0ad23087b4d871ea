"""The form of one configuration, made from its declaration; nothing about a family stands here."""

from __future__ import annotations

import streamlit as st

from yipyap_core.domain.configs import ConfigView
from yipyap_core.domain.users import Principal
from yipyap_core.errors import ConfigInvalid, PreconditionFailed
from yipyap_core.families.base import Declaration
from yipyap_core.families.fields import ConfigField, fields_of
from yipyap_core.services.container import current
from yipyap_core.ui import actions, config_conflict, config_draft, config_fields, dialogs
from yipyap_core.ui.config_dialogs import RESET
from yipyap_core.ui.config_draft import Draft
from yipyap_core.ui.config_fields import FieldState
from yipyap_core.ui.formats import plain


def place_of(name: str) -> str:
    """Where a form's own notices stand."""
    return f"config-{name}"


def draw(declared: Declaration, view: ConfigView) -> None:
    """Draw presets, fields and buttons; below the buttons what a save has refused."""
    draft = config_draft.of(view, declared.config)
    with st.container(border=True, gap="small", key=f"form-{view.name}"):
        _draw_head(declared, view)
        _draw_presets(declared, view)
        _draw_fields(declared, view, draft)
        if draft.version != view.version:
            config_conflict.draw(declared, view, draft)
        _draw_buttons(view, draft)
        actions.show_notices(place_of(view.name))


def _draw_head(declared: Declaration, view: ConfigView) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown(f"**{plain(declared.name)} settings**", width="stretch")
        st.badge(f"Version {view.version}" if view.version else "Never changed", color="gray")
    if declared.config.purpose:
        st.caption(plain(declared.config.purpose))
    known = {field.name for field in fields_of(declared.config)}
    for name in view.problems.keys() - known:
        st.warning(plain(view.problems[name]), icon=":material/warning:")


def _draw_presets(declared: Declaration, view: ConfigView) -> None:
    if not declared.presets:
        return
    st.caption("Recommended by the publisher, one click; saved with the button below")
    with st.container(horizontal=True, gap="xsmall"):
        for number, preset in enumerate(declared.presets):
            locked = [view.variables[key] for key in preset.values if key in view.variables]
            actions.button(
                preset.name,
                _apply_preset,
                view.name,
                number,
                key=f"preset-{view.name}-{number}",
                place=place_of(view.name),
                icon="tune",
                help=f"Held by {plain(', '.join(locked))}." if locked else plain(preset.help),
                disabled=bool(locked),
            )


def _apply_preset(_principal: Principal, name: str, number: int) -> str:
    preset = current().configuration.declaration(name).presets[number]
    config_draft.collected(name).put(preset.values)
    return f"{preset.name} is filled in; it counts once you save it."


def _draw_fields(declared: Declaration, view: ConfigView, draft: Draft) -> None:
    reasons = draft.reasons()
    fields = fields_of(declared.config)
    for left in range(0, len(fields), 2):
        for column, field in zip(
            st.columns(2, gap="medium"), fields[left : left + 2], strict=False
        ):
            with column:
                config_fields.draw(FieldState(field, view, draft, reasons.get(field.name)))
    for choice in (choice for field in fields for choice in field.choices if choice.note):
        st.caption(f":material/info: {plain(choice.label)}: {plain(choice.note)}")


def _draw_buttons(view: ConfigView, draft: Draft) -> None:
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        actions.button(
            f"Update {view.title} Config",
            save,
            view.name,
            key=f"update-{view.name}",
            place=place_of(view.name),
            icon="save",
            type="primary" if draft.version == view.version else "secondary",
        )
        actions.button(
            "Discard edits",
            _discard,
            view.name,
            key=f"discard-{view.name}",
            place=place_of(view.name),
            type="tertiary",
            disabled=not draft.edits,
            help=None if draft.edits else "Nothing is edited.",
        )
        st.button(
            "Reset to defaults",
            key=f"reset-{view.name}",
            type="tertiary",
            on_click=dialogs.ask,
            args=(RESET, view.name),
            help="Shows what would change, and asks first.",
        )


def save(principal: Principal, name: str) -> str:
    """Save what was typed; what is refused stays in the form with its reason."""
    configuration = current().configuration
    draft = config_draft.collected(name)
    edits = draft.edits
    if not edits:
        return f"{configuration.declaration(name).name}: nothing was changed, nothing was saved."
    before = dict(draft.base)
    try:
        view = configuration.update(principal, name, edits, expected_version=draft.version)
    except ConfigInvalid as error:
        raise _refused(draft, error) from error
    except PreconditionFailed as error:
        hint = "What you typed is kept: choose above what counts, then save."
        raise PreconditionFailed(error.message, hint=hint) from error
    config_draft.rebase(view, {})
    declared = configuration.declaration(name)
    return f"{declared.name} config updated. {difference(declared, before, edits)}"


def _refused(draft: Draft, error: ConfigInvalid) -> ConfigInvalid:
    """Keep each reason for its field; say it with the labels that people see."""
    known = error.fields.keys() & draft.values.keys()
    draft.refused = {key: (draft.values[key], error.fields[key]) for key in known}
    labels = {field.name: field.label for field in fields_of(draft.config)}
    return ConfigInvalid({labels.get(key, key): why for key, why in error.fields.items()})


def difference(declared: Declaration, before: dict[str, object], after: dict[str, object]) -> str:
    """Say each change in words: `Threshold 0.2 → 0.4`."""
    return "; ".join(
        f"{plain(field.label)} {_said(field, before)} → {_said(field, after)}"
        for field in fields_of(declared.config)
        if field.name in after
    )


def _said(field: ConfigField, values: dict[str, object]) -> str:
    return plain(field.describe(values[field.name]))


def _discard(principal: Principal, name: str) -> str:
    config_draft.rebase(current().configuration.get(principal, name), {})
    return "The edits are discarded."

"""All settings of all families as one file: save it, or take one over after seeing what changes."""

from __future__ import annotations

import json
from typing import Any, Final

import streamlit as st

from yipyap_core.domain.configs import FieldChange, ImportReport
from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import ConfigInvalid, YipyapError
from yipyap_core.families.fields import fields_of
from yipyap_core.services.configuration.service import ConfigurationService
from yipyap_core.services.container import current
from yipyap_core.ui import actions, boundary, dialogs, formats
from yipyap_core.ui.formats import plain
from yipyap_core.ui.guard import admit

FILES: Final = "config-files"
_UPLOAD: Final = "config-import"
MEGABYTES: Final = 1


def draw_button() -> None:
    """Draw what opens the dialog."""
    st.button(
        "Export and import settings",
        key="config-files",
        icon=":material/import_export:",
        on_click=dialogs.ask,
        args=(FILES,),
        help="All settings of all families as one JSON file.",
    )


def draw() -> None:
    """Draw the dialog when it is open."""
    if dialogs.asked(FILES) is not None:
        _dialog()


@st.dialog(
    "All settings as a file",
    width="medium",
    icon=":material/import_export:",
    on_dismiss=dialogs.close,
)
def _dialog() -> None:
    principal = admit(Role.ADMIN)
    boundary.contained(lambda: _draw(principal))


def _draw(principal: Principal) -> None:
    configuration = current().configuration
    st.caption("The file holds what was saved; what follows the defaults is not in it.")
    st.download_button(
        "Export all settings",
        data=json.dumps(configuration.export(principal), indent=2, ensure_ascii=False),
        file_name="yipyap-config.json",
        mime="application/json",
        icon=":material/download:",
        on_click="ignore",
    )
    uploaded = st.file_uploader(
        "Import settings", type="json", key=_UPLOAD, max_upload_size=MEGABYTES
    )
    if uploaded is None:
        st.caption("An import is shown first and changes nothing until you confirm it.")
        return
    try:
        document = _document()
        report = configuration.import_document(principal, document, dry_run=True)
    except YipyapError as error:
        boundary.show(error)
        return
    _draw_preview(configuration, report)


def _document() -> Any:
    """Read the file that lies in the uploader; raises `ConfigInvalid`."""
    uploaded = st.session_state[_UPLOAD]
    try:
        return json.loads(uploaded.getvalue())
    except (ValueError, RecursionError) as error:
        raise ConfigInvalid({"document": "The file is no JSON."}) from error


def _draw_preview(configuration: ConfigurationService, report: ImportReport) -> None:
    if report.applied:
        st.markdown(f"**{formats.count(len(report.applied), 'value')} would change**")
        rows = [_row(configuration, change) for change in report.applied]
        st.dataframe(rows, hide_index=True, width="stretch")
    else:
        st.info("Everything in the file counts already.", icon=":material/check:")
    for skipped in report.skipped:
        title = configuration.declaration(skipped.name).name
        st.caption(f"Left alone: {plain(title)} {plain(skipped.field)}. {plain(skipped.reason)}")
    if report.applied and actions.button(
        f"Import {formats.count(len(report.applied), 'value')}",
        _import,
        key="config-import-yes",
        type="primary",
        icon="upload",
    ):
        st.rerun()


def _row(configuration: ConfigurationService, change: FieldChange) -> dict[str, str]:
    declared = configuration.declaration(change.name)
    field = next(one for one in fields_of(declared.config) if one.name == change.field)
    return {
        "Model": declared.name,
        "Setting": field.label,
        "Now": field.describe(change.before),
        "After": field.describe(change.after),
    }


def _import(principal: Principal) -> str:
    report = current().configuration.import_document(principal, _document())
    dialogs.close()
    return f"Imported: {formats.count(len(report.applied), 'value')} changed."

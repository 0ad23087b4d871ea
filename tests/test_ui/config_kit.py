"""Pages with settings, drawn by Streamlit's own test runner for somebody who is signed in."""

from __future__ import annotations

import time
from typing import Any

import jwt
from streamlit.testing.v1 import AppTest

from tests.test_ui.fakes import House
from yipyap_core.families.fields import ConfigField, FieldKind

CREDENTIAL = "yipyap.credential"


def cookie(house: House, username: str) -> str:
    """A cookie as the sign-in writes it."""
    life_seconds = house.services.settings.cookie_days * 86400
    payload = {"username": username, "exp_date": time.time() + life_seconds}
    return jwt.encode(payload, house.accounts.cookie_key(), algorithm="HS256")


def form(house: House, name: str, username: str = "alice") -> AppTest:
    """One configuration's form and history, in a tab of their own."""
    return _tab(AppTest.from_function(_draw_form, args=(name,)), house, username)


def page(house: House, module: str, username: str = "alice") -> AppTest:
    """A whole page of `pages/`."""
    return _tab(AppTest.from_function(_draw_page, args=(module,)), house, username)


def set_field(tab: AppTest, field: ConfigField, value: Any) -> None:
    """Type a value into a field's input, as a person does."""
    if field.kind is FieldKind.SWITCH:
        _labelled(tab.toggle, field.label).set_value(value)
    elif field.kind is FieldKind.CHOICE:
        _labelled(tab.selectbox, field.label).set_value(value)
    elif field.kind is FieldKind.TEXT or field.nullable:
        _labelled(tab.text_input, field.label).set_value("" if value is None else str(value))
    else:
        _labelled(tab.number_input, field.label).set_value(value)


def captions(tab: AppTest) -> str:
    """Every caption of the page, one a line."""
    return "\n".join(one.value for one in tab.caption)


def press(tab: AppTest, label: str) -> AppTest:
    """Press the button of this label and draw the page anew."""
    _labelled(tab.button, label).click()
    return tab.run()


def toasts(tab: AppTest) -> list[str]:
    """What the page said when something was done."""
    return [one.value for one in tab.toast]


def errors(tab: AppTest) -> str:
    """What the page said when something failed."""
    return "\n".join(one.value for one in tab.error)


def _labelled(elements: Any, label: str) -> Any:
    found = [one for one in elements if one.label == label]
    assert found, f"nothing is labelled {label!r}: {[one.label for one in elements]}"
    return found[0]


def _tab(tab: AppTest, house: House, username: str) -> AppTest:
    tab.session_state[CREDENTIAL] = cookie(house, username)
    tab.default_timeout = 30
    return tab.run()


def _draw_form(name: str) -> None:
    import streamlit as st  # noqa: F401  # the script of a tab imports for itself

    from yipyap_core.domain.users import Role
    from yipyap_core.services.container import current
    from yipyap_core.ui import actions, config_dialogs, config_files, config_form, config_history
    from yipyap_core.ui.guard import admit

    principal, services = admit(Role.ADMIN), current()
    declared = services.configuration.declaration(name)
    actions.show_notices()
    config_form.draw(declared, services.configuration.get(principal, name))
    config_history.draw(services, principal, declared)
    config_dialogs.draw()
    config_files.draw()


def _draw_page(module: str) -> None:
    import importlib

    from yipyap_core.domain.users import SYSTEM
    from yipyap_core.services.container import current
    from yipyap_core.ui import actions

    actions.show_notices()
    part = importlib.import_module(module).render(current(), SYSTEM)
    if part is not None:
        part.structure()

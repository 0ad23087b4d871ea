"""The settings forms: every configuration found renders, submits, refuses and never loses text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_ui import fakes
from tests.test_ui.config_kit import captions, errors, form, page, press, set_field, toasts
from tests.test_ui.fakes import House
from yipyap_core.domain.users import Principal, Role
from yipyap_core.families import find_configs
from yipyap_core.families.base import Declaration
from yipyap_core.families.fields import ConfigField, FieldKind, fields_of
from yipyap_core.services import container

CONFIGS = {declared.id: declared for declared in find_configs()}
CAROL = Principal("carol", "Carol Clark", Role.ADMIN)

every_config = pytest.mark.parametrize("declared", CONFIGS.values(), ids=CONFIGS)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    built = fakes.build(tmp_path)
    built.accounts.add_user(built.administrator, "carol", "Carol Clark", Role.ADMIN, fakes.PASSWORD)
    container.install(built.services)
    yield built
    container.uninstall()


def _config(house: House, name: str) -> dict[str, Any]:
    return dict(house.services.configuration.get(house.administrator, name).config)


def _field(name: str, field: str) -> ConfigField:
    return next(one for one in fields_of(CONFIGS[name].config) if one.name == field)


def _type(tab: AppTest, name: str, **values: Any) -> AppTest:
    for field, value in values.items():
        set_field(tab, _field(name, field), value)
    return tab.run()


def _other(field: ConfigField) -> Any:
    """A value that fits the field and is not its default."""
    match field.kind:
        case FieldKind.SWITCH:
            return not field.default
        case FieldKind.CHOICE:
            return next(one.value for one in field.choices if one.value != field.default)
        case FieldKind.TEXT:
            return {"base_url": "http://127.0.0.1:1", "assistant_model": "llama2:7b"}[field.name]
        case FieldKind.INTEGER:
            return field.maximum if field.maximum != field.default else field.minimum
        case FieldKind.NUMBER:
            return field.maximum if field.maximum != field.default else field.minimum


@every_config
def test_every_form_shows_every_field_and_what_counts(house: House, declared: Declaration) -> None:
    tab = form(house, declared.id)
    assert not tab.exception and not tab.error
    inputs = [*tab.number_input, *tab.toggle, *tab.selectbox, *tab.text_input]
    assert {one.label for one in inputs} == {field.label for field in fields_of(declared.config)}
    assert captions(tab).count("not changed") == len(inputs)
    assert f"Update {declared.name} Config" in [one.label for one in tab.button]


@every_config
def test_every_field_can_be_saved(house: House, declared: Declaration) -> None:
    tab = form(house, declared.id)
    for field in fields_of(declared.config):
        if field.path or declared.id == "llada":
            continue  # paths need files; LLaDA's lengths go together
        tab = _type(tab, declared.id, **{field.name: _other(field)})
        tab = press(tab, f"Update {declared.name} Config")
        assert not tab.exception and not tab.error
        assert _config(house, declared.id)[field.name] == _other(field)
        (said,) = toasts(tab)
        assert said.startswith(f"{declared.name} config updated. {field.label} ")


def test_fields_that_go_together_are_saved_together(house: House) -> None:
    together = {"gen_length": 256, "block_length": 32, "steps": 100, "threshold": "0.9"}
    tab = _type(form(house, "llada"), "llada", **together)
    assert "Must be a multiple of the number of blocks" in captions(tab)
    tab = press(tab, "Update LLaDA Config")
    assert "Failed to update config" in errors(tab)
    tab = press(_type(tab, "llada", steps=64), "Update LLaDA Config")
    assert not tab.error
    assert _config(house, "llada")["threshold"] == 0.9
    press(_type(tab, "llada", threshold=""), "Update LLaDA Config")
    assert _config(house, "llada")["threshold"] is None


def test_the_toast_says_what_changed(house: House) -> None:
    tab = _type(form(house, "jtp2"), "jtp2", threshold=0.4, force_cpu=True)
    (said,) = toasts(press(tab, "Update JTP2 Config"))
    assert said == r"JTP2 config updated. Threshold 0\.2 → 0\.4; Force CPU off → on"


def test_a_value_out_of_bounds_is_named_at_the_field_and_kept(house: House) -> None:
    tab = _type(form(house, "jtp2"), "jtp2", threshold=1.5, force_cpu=True)
    assert r"Must be less than or equal to 1\." in captions(tab)
    tab = press(tab, "Update JTP2 Config")
    assert "Failed to update config" in errors(tab) and "Threshold" in errors(tab)
    assert tab.number_input[0].value == 1.5 and tab.toggle[0].value is True
    assert _config(house, "jtp2")["threshold"] == 0.2
    tab = press(_type(tab, "jtp2", threshold=0.5), "Update JTP2 Config")
    assert not tab.error and _config(house, "jtp2")["force_cpu"] is True


def test_a_path_is_refused_at_its_field_until_it_is_changed(house: House) -> None:
    tab = _type(form(house, "jtp2"), "jtp2", model_path="/etc/passwd", threshold=0.3)
    tab = press(tab, "Update JTP2 Config")
    assert "outside the folders that are allowed" in captions(tab)
    assert tab.text_input[0].value == "/etc/passwd" and tab.number_input[0].value == 0.3
    tab = _type(tab, "jtp2", model_path="")
    assert "outside" not in captions(tab)
    tab = press(tab, "Update JTP2 Config")
    assert _config(house, "jtp2")["threshold"] == 0.3


def test_without_a_change_nothing_is_saved(house: House) -> None:
    tab = press(form(house, "yolo"), "Update YOLO Config")
    assert toasts(tab) == ["YOLO: nothing was changed, nothing was saved."]
    assert house.services.configuration.versions() == {}


def test_edits_can_be_discarded(house: House) -> None:
    tab = _type(form(house, "yolo"), "yolo", model_size="x", iou_threshold=0.1)
    assert captions(tab).count("not saved yet") == 2
    tab = press(tab, "Discard edits")
    assert (tab.selectbox[0].value, tab.number_input[1].value) == ("n", 0.7)
    assert "not saved yet" not in captions(tab)


def test_a_field_that_the_environment_holds_is_locked(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YIPYAP_JTP2__THRESHOLD", "0.77")
    tab = form(house, "jtp2")
    assert tab.number_input[0].disabled and tab.number_input[0].value == 0.77
    assert r"set by YIPYAP\_JTP2\_\_THRESHOLD" in captions(tab)
    tab = press(_type(tab, "jtp2", force_cpu=True), "Update JTP2 Config")
    assert not tab.error
    view = house.services.configuration.get(house.administrator, "jtp2")
    assert dict(view.saved) == {"force_cpu": True}


def test_a_lock_that_comes_while_typing_takes_its_field(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    tab = _type(form(house, "jtp2"), "jtp2", threshold=0.5, force_cpu=True)
    monkeypatch.setenv("YIPYAP_JTP2__THRESHOLD", "0.77")
    tab = tab.run()
    assert tab.number_input[0].value == 0.77 and tab.toggle[0].value is True
    assert not press(tab, "Update JTP2 Config").error


def test_a_misspelt_variable_is_named(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YIPYAP_JTP2__TRESHOLD", "0.77")
    monkeypatch.setenv("YIPYAP_JTP2__THRESHOLD", "high")
    tab = form(house, "jtp2")
    assert r"YIPYAP\_JTP2\_\_TRESHOLD" in tab.warning[0].value
    assert r"The variable YIPYAP\_JTP2\_\_THRESHOLD is not used" in captions(tab)
    assert not tab.number_input[0].disabled


def test_a_preset_fills_the_form_and_saves_nothing(house: House) -> None:
    tab = _type(form(house, "wdv3"), "wdv3", char_threshold=0.6)
    tab = press(tab, "SwinV2 0.2653")
    assert tab.selectbox[0].value == "swinv2"
    assert [one.value for one in tab.number_input] == [0.2653, 0.6]
    assert house.services.configuration.versions() == {}
    press(tab, "Update WDv3 Config")
    assert _config(house, "wdv3") == {
        "model_name": "swinv2",
        "gen_threshold": 0.2653,
        "char_threshold": 0.6,
        "force_cpu": False,
    }


def test_the_form_says_what_convnextv2_is(house: House) -> None:
    assert r"wd\-v1\-4\-convnextv2\-tagger\-v2" in captions(form(house, "wdv3"))


def test_somebody_else_s_save_shows_where_nothing_was_typed(house: House) -> None:
    tab = form(house, "yolo")
    house.services.configuration.update(CAROL, "yolo", {"model_size": "x"})
    tab = tab.run()
    assert tab.selectbox[0].value == "x" and not tab.radio
    assert "Carol Clark" in "".join(one.value for one in tab.markdown)


@pytest.mark.parametrize(("choice", "threshold"), [("mine", 0.6), ("theirs", 0.3)])
def test_when_somebody_else_was_faster_both_are_shown(
    house: House, choice: str, threshold: float
) -> None:
    tab = _type(form(house, "yolo"), "yolo", iou_threshold=0.6, model_size="l")
    house.services.configuration.update(
        CAROL, "yolo", {"iou_threshold": 0.3, "confidence_threshold": 0.9}
    )
    tab = press(tab, "Update YOLO Config")
    assert "version 1 now, saved by carol" in errors(tab)
    assert _config(house, "yolo")["iou_threshold"] == 0.3, "nothing was overwritten"
    said = "".join(one.value for one in tab.markdown)
    assert "Carol Clark saved version 1" in said and r"0\.25 → **0\.9**" in said
    radios = {one.label: one for one in tab.radio}
    assert list(radios["IoU Threshold"].options) == [r"Yours: 0\.6", r"Saved: 0\.3"]
    radios["IoU Threshold"].set_value(choice)
    tab = press(tab.run(), "Go on with these")
    assert tab.number_input[1].value == threshold and tab.selectbox[0].value == "l"
    assert tab.number_input[0].value == 0.9 and not tab.radio
    tab = press(tab, "Update YOLO Config")
    assert not tab.error
    assert _config(house, "yolo") == {
        "model_size": "l",
        "confidence_threshold": 0.9,
        "iou_threshold": threshold,
    }


def test_the_saved_version_can_be_taken_instead(house: House) -> None:
    tab = _type(form(house, "yolo"), "yolo", iou_threshold=0.6)
    house.services.configuration.update(CAROL, "yolo", {"iou_threshold": 0.3})
    tab = press(tab.run(), "Take the saved version")
    assert tab.number_input[1].value == 0.3 and not tab.radio


def test_history_says_who_what_from_and_to(house: House) -> None:
    tab = form(house, "yolo")
    assert "Nothing was changed yet" in captions(tab)
    house.services.configuration.update(CAROL, "yolo", {"model_size": "x"})
    house.services.configuration.update(house.administrator, "yolo", {"model_size": "m"})
    said = "\n".join(one.value for one in tab.run().markdown)
    assert "changed by Carol Clark, just now" in said and "Alice Archer" in said
    assert "Model Size: Nano → **Extra Large**" in said
    assert "Model Size: Extra Large → **Medium**" in said


def test_a_long_history_is_shown_on_demand(house: House) -> None:
    for step in range(1, 8):
        house.services.configuration.update(CAROL, "yolo", {"iou_threshold": step / 10})
    tab = form(house, "yolo")
    assert sum(one.label == "Roll back" for one in tab.button) == 4
    toggle = next(one for one in tab.toggle if one.label == "Show all 7 versions")
    tab = toggle.set_value(True).run()
    assert sum(one.label == "Roll back" for one in tab.button) == 6


def test_a_stale_form_of_somebody_who_was_demoted_saves_nothing(house: House) -> None:
    labels = ("Update YOLO Config", "Discard edits", "Reset to defaults")
    tabs = [_type(form(house, "yolo", "carol"), "yolo", model_size="x") for _ in labels]
    house.accounts.update_user(house.administrator, "carol", role=Role.USER)
    for tab, label in zip(tabs, labels, strict=True):
        assert not press(tab, label).button
    assert house.services.configuration.versions() == {}


@pytest.mark.parametrize("module", ["pages.caption_models", "pages.detection_models"])
@pytest.mark.parametrize("username", ["bob", "gus"])
def test_the_pages_show_nothing_to_others(house: House, module: str, username: str) -> None:
    tab = page(house, module, username)
    assert not tab.button and not tab.number_input
    assert "Your role does not allow this" in tab.warning[0].value


@pytest.mark.parametrize(
    ("module", "key", "families"),
    [
        ("pages.caption_models", "caption", ["jtp2", "wdv3", "florence2", "joycaption"]),
        ("pages.detection_models", "detection", ["yolo", "watermark"]),
    ],
)
def test_the_pages_offer_every_family(
    house: House, module: str, key: str, families: list[str]
) -> None:
    tab = page(house, module)
    assert not tab.exception
    for name in families:
        tab.session_state[key] = name
        tab = tab.run()
        assert not tab.exception
        declared = CONFIGS[name]
        labels = [one.label for one in tab.button]
        assert f"Update {declared.name} Config" in labels
        assert "Choose an image to try" in captions(tab)


def test_edits_outlive_a_look_at_another_family(house: House) -> None:
    tab = page(house, "pages.caption_models")
    tab = _type(tab, "jtp2", threshold=0.45)
    for name in ("wdv3", "jtp2"):
        tab.session_state["caption"] = name
        tab = tab.run()
    assert tab.number_input[0].value == 0.45
    press(tab, "Update JTP2 Config")
    assert _config(house, "jtp2")["threshold"] == 0.45


def test_the_detection_page_shows_every_detection_model(house: House) -> None:
    tab = page(house, "pages.detection_models")
    said = "\n".join(one.value for one in [*tab.markdown, *tab.subheader])
    assert "Detection Models Status" in said
    for spec in house.services.registry.models():
        if spec.type == "detection":
            assert f"**{spec.name}**" in said

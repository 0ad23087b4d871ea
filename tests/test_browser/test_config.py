"""Caption Models and Detection Models as administrators use them, in Chromium on a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser import Server, Visit, Visitor, fresh_server, press
from tests.standins.repositories import seed
from yipyap_core.domain.users import Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PEOPLE = {"alice": Role.ADMIN, "ada": Role.ADMIN, "bob": Role.USER}
LOCKED = {"YIPYAP_FLORENCE2__MAX_TOKENS": "300"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose environment holds one field."""
    with fresh_server(tmp_path_factory.mktemp("server")) as server:
        seed(server.hub)
        server.environment = LOCKED
        for username, role in PEOPLE.items():
            server.add(username, role)
        server.start()
        yield server


def _open(visit: Visit, server: Server, family: str, who: str = "alice", **more: int) -> Visitor:
    """Open the page on which a family's form stands."""
    page = "detection" if family in ("YOLO", "Watermark Detection") else "caption"
    visitor = visit(server, f"{page}-models?{page}={family}", signed_in=who, **more)
    expect(visitor.page.get_by_text(f"{family} settings")).to_be_visible()
    return visitor


def _number(visitor: Visitor, label: str) -> Locator:
    return visitor.page.get_by_role("spinbutton", name=label, exact=True)


def _type(visitor: Visitor, label: str, value: str) -> None:
    _number(visitor, label).fill(value)
    _number(visitor, label).press("Enter")
    expect(visitor.page.get_by_text("not saved yet").first).to_be_visible()


def _press(visitor: Visitor, label: str) -> None:
    button = visitor.page.get_by_role("button", name=label, exact=True)
    expect(button).to_have_count(1)  # while the form is drawn anew, the old one may still stand
    press(button)


def _says(visitor: Visitor, text: str) -> None:
    expect(visitor.page.get_by_text(text).first).to_be_visible()


def _choose(visitor: Visitor, label: str, option: str) -> None:
    press(visitor.page.get_by_role("combobox", name=label))
    press(visitor.page.get_by_role("option", name=option, exact=True))


def test_a_change_is_saved_told_and_written_into_the_history(server: Server, visit: Visit) -> None:
    alice = _open(visit, server, "JTP2")
    _type(alice, "Threshold", "0.4")
    press(alice.page.get_by_text("Force CPU", exact=True))
    _says(alice, "needs the model loaded anew")
    _press(alice, "Update JTP2 Config")
    _says(alice, "JTP2 config updated. Threshold 0.2 → 0.4; Force CPU off → on")
    _says(alice, "changed by Alice")
    field = alice.page.locator(".st-key-field-jtp2-threshold")
    expect(field).to_contain_text("default 0.2")
    expect(field).to_contain_text("saved")
    alice.page.reload()
    expect(_number(alice, "Threshold")).to_have_value("0.4")


def test_what_is_refused_is_named_at_its_field_and_kept(server: Server, visit: Visit) -> None:
    alice = _open(visit, server, "WDv3")
    _type(alice, "General Threshold", "0.45")
    _number(alice, "Character Threshold").fill("7")
    _press(alice, "Update WDv3 Config")
    _says(alice, "Failed to update config")
    expect(alice.page.locator(".st-key-field-wdv3-char_threshold")).to_contain_text(
        "Must be less than or equal to 1."
    )
    expect(_number(alice, "Character Threshold")).to_have_value("7")
    expect(_number(alice, "General Threshold")).to_have_value("0.45")
    _number(alice, "Character Threshold").fill("0.7")
    _press(alice, "Update WDv3 Config")
    _says(alice, "WDv3 config updated.")
    expect(alice.page.get_by_text("Failed to update config")).to_have_count(0)


def test_two_administrators_save_at_once(server: Server, visit: Visit) -> None:
    alice, ada = (_open(visit, server, "YOLO", who) for who in ("alice", "ada"))
    _type(alice, "IoU Threshold", "0.5")
    _type(ada, "IoU Threshold", "0.6")
    _choose(ada, "Model Size", "Large")
    _press(alice, "Update YOLO Config")
    _says(alice, "YOLO config updated.")
    _press(ada, "Update YOLO Config")
    _says(ada, "Alice saved version")
    _says(ada, "Yours: 0.6")
    _says(ada, "Saved: 0.5")
    press(ada.page.get_by_text("Saved: 0.5"))
    _press(ada, "Go on with these")
    expect(_number(ada, "IoU Threshold")).to_have_value("0.5")
    expect(ada.page.get_by_text("while you were editing")).to_have_count(0)
    _press(ada, "Update YOLO Config")
    _says(ada, "YOLO config updated. Model Size Nano → Large")
    expect(alice.page.get_by_role("combobox", name="Model Size")).to_have_value("Large")


def test_half_typed_text_outlives_a_save_by_somebody_else(server: Server, visit: Visit) -> None:
    alice, ada = (_open(visit, server, "JTP2", who) for who in ("alice", "ada"))
    path = alice.page.get_by_role("textbox", name="Model Path")
    path.press_sequentially("/models/half")
    version = ada.page.locator(".st-key-form-jtp2").get_by_text("Version")
    before = version.text_content() if version.count() else None
    _type(ada, "Threshold", "0.31")
    _press(ada, "Update JTP2 Config")
    _says(ada, "JTP2 config updated.")
    expect(_number(alice, "Threshold")).to_have_value("0.31")
    assert version.text_content() != before
    expect(path).to_have_value("/models/half")
    _press(alice, "Update JTP2 Config")
    _says(alice, "outside the folders that are allowed")
    expect(path).to_have_value("/models/half")


def test_a_field_that_the_environment_holds_is_locked(server: Server, visit: Visit) -> None:
    alice = _open(visit, server, "Florence2")
    expect(_number(alice, "Max Tokens")).to_be_disabled()
    expect(_number(alice, "Max Tokens")).to_have_value("300")
    _says(alice, "set by YIPYAP_FLORENCE2__MAX_TOKENS")
    _choose(alice, "Precision", "BF16")
    _press(alice, "Update Florence2 Config")
    _says(alice, "Florence2 config updated. Precision FP16 → BF16")


def test_a_rollback_shows_what_changes_and_brings_it_back(server: Server, visit: Visit) -> None:
    alice = _open(visit, server, "Watermark Detection")
    for value in ("0.3", "0.8"):
        _type(alice, "YOLO Threshold", value)
        _press(alice, "Update Watermark Detection Config")
        _says(alice, f"→ {value}")
        expect(alice.page.get_by_text("not saved yet")).to_have_count(0)
    press(alice.page.get_by_role("button", name="Roll back").first)
    question = alice.page.get_by_role("dialog")
    expect(question).to_contain_text("YOLO Threshold: 0.8 → 0.3")
    press(question.get_by_role("button", name="Roll back"))
    _says(alice, "version 1 is back, as version 3")
    expect(_number(alice, "YOLO Threshold")).to_have_value("0.3")
    _says(alice, "rolled back by Alice")
    _press(alice, "Reset to defaults")
    press(alice.page.get_by_role("dialog").get_by_role("button", name="Reset", exact=True))
    _says(alice, "the defaults count again")
    expect(_number(alice, "YOLO Threshold")).to_have_value("0.5")


def test_a_preset_fills_the_form(server: Server, visit: Visit) -> None:
    alice = _open(visit, server, "WDv3")
    _press(alice, "SwinV2 0.2653")
    expect(_number(alice, "General Threshold")).to_have_value("0.2653")
    expect(alice.page.get_by_role("combobox", name="Model Architecture")).to_have_value("SwinV2")
    press(alice.page.get_by_text("JoyCaption", exact=True).first)
    _says(alice, "JoyCaption settings")
    press(alice.page.get_by_text("WDv3", exact=True).first)
    expect(_number(alice, "General Threshold")).to_have_value("0.2653")


def test_everything_as_a_file_with_a_preview(server: Server, visit: Visit, tmp_path: Path) -> None:
    alice = _open(visit, server, "JoyCaption")
    _press(alice, "Export and import settings")
    with alice.page.expect_download() as download:
        _press(alice, "Export all settings")
    document = json.loads(Path(download.value.path()).read_text(encoding="utf-8"))
    assert document["format"] == 1 and "joycaption" in document["configs"]
    document["configs"]["joycaption"] = {"caption_length": "short", "max_tokens": 99}
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(document), encoding="utf-8")
    alice.page.get_by_role("dialog").get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        file
    )
    _says(alice, "2 values would change")
    expect(_number(alice, "Max Tokens")).to_have_value("512")
    _press(alice, "Import 2 values")
    _says(alice, "Imported: 2 values changed.")
    expect(_number(alice, "Max Tokens")).to_have_value("99")
    file.write_text('{"format": 9}', encoding="utf-8")
    _press(alice, "Export and import settings")
    alice.page.get_by_role("dialog").get_by_test_id("stFileUploaderDropzoneInput").set_input_files(
        file
    )
    _says(alice, "Must be at most 1; this file has 9.")


def test_a_detection_model_is_downloaded_beside_its_settings(server: Server, visit: Visit) -> None:
    alice = _open(visit, server, "YOLO")
    press(alice.button("yolo-s", "Download"))
    expect(alice.row("yolo-s")).to_contain_text("Completed", timeout=60_000)
    for model_id in ("yolo-x", "watermark-owlv2"):
        expect(alice.row(model_id)).to_contain_text("Not started")


@pytest.mark.parametrize("family", ["WDv3", "YOLO"])
def test_nothing_scrolls_sideways_on_a_telephone(server: Server, visit: Visit, family: str) -> None:
    alice = _open(visit, server, family, width=390)
    widths = alice.page.evaluate(
        "() => { const e = document.querySelector('[data-testid=stMain]');"
        " return [e.scrollWidth, e.clientWidth]; }"
    )
    assert widths[0] <= widths[1]


@pytest.mark.parametrize("path", ["caption-models", "detection-models"])
def test_a_user_who_types_the_address_sees_nothing_of_it(
    server: Server, visit: Visit, path: str
) -> None:
    bob = visit(server, path, signed_in="bob")
    bob.sees("Not for this account")
    expect(bob.page.get_by_role("spinbutton")).to_have_count(0)
    expect(bob.page.get_by_text("Threshold")).to_have_count(0)

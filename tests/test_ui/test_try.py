"""Trying models on a picture: real engines on tiny checkpoints, pages drawn without a browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from tests.standins.waiting import wait_until
from tests.test_ui import fakes
from tests.test_ui.config_kit import captions, errors, page, press
from tests.test_ui.fakes import House
from tests.test_ui.try_kit import put_tiny
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.users import Role
from yipyap_core.errors import Conflict
from yipyap_core.services import container

CAPTIONS, DETECTIONS, OVERVIEW = "pages.caption_models", "pages.detection_models", "try_canary"
SECONDS = 60.0


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house in which WDv3 ViT is downloaded."""
    built = fakes.build(tmp_path)
    put_tiny(tmp_path, built.services.registry, "wdv3-vit")
    for model_id in ("wdv3-vit", "wdv3-swinv2"):
        built.downloads.set(model_id, status=DownloadState.NOT_STARTED)
    built.downloads.set("wdv3-vit", status=DownloadState.COMPLETED)
    container.install(built.services)
    yield built
    built.services.engines.close()
    container.uninstall()


def _picture(width: int = 64, height: int = 48) -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "PNG")
    return buffer.getvalue()


def _wdv3(house: House, username: str = "alice") -> AppTest:
    tab = page(house, CAPTIONS, username)
    if username == "alice":
        tab.button_group[0].set_value("wdv3")
        tab.run()
    return tab


def _give(tab: AppTest, data: bytes, name: str = "a.png") -> AppTest:
    uploader = next(one for one in tab.file_uploader if one.label == "Image")
    uploader.upload(name, data, "image/png")
    return tab.run()


def _answered(tab: AppTest) -> AppTest:
    """Draw again until nothing runs any more."""

    def rests() -> bool:
        return "Cancel" not in _labels(tab.run())

    wait_until(rests, timeout_seconds=SECONDS, last=lambda: [errors(tab), captions(tab)])
    return tab


def _labels(tab: AppTest) -> list[str]:
    return [one.label for one in tab.button]


def _threshold(tab: AppTest, value: float) -> AppTest:
    field = next(one for one in tab.number_input if one.label == "General Threshold")
    field.set_value(value)
    return tab.run()


def test_saved_and_edited_settings_answer_side_by_side(house: House) -> None:
    tab = _threshold(_give(_wdv3(house), _picture()), 0.99)
    tab = _answered(press(tab, "Run saved and edited"))
    saved, edited = (frame.value for frame in tab.dataframe)
    assert len(edited) < len(saved)
    assert set(edited["Tag"]) < set(saved["Tag"]) and saved["Only here"].any()
    assert r"General Threshold 0\.35 → **0\.99**" in captions(tab)
    assert captions(tab).count("CPUExecutionProvider") == 3  # the engine's line and both answers
    assert [one.value for one in tab.code] == [", ".join(one["Tag"]) for one in (saved, edited)]
    assert house.services.configuration.versions() == {}
    tab = press(tab, "Unload")
    wait_until(
        lambda: "Load" in _labels(tab.run()), timeout_seconds=SECONDS, last=lambda: _labels(tab)
    )


def test_without_edits_one_side_is_run(house: House) -> None:
    tab = _answered(press(_give(_wdv3(house), _picture()), "Run"))
    assert len(tab.dataframe) == 1
    assert "both sides are the same" in captions(tab)


def test_a_draft_that_does_not_fit_is_named_and_left_out(house: House) -> None:
    tab = _threshold(_give(_wdv3(house), _picture()), 7.0)
    assert r"Must be less than or equal to 1\." in captions(tab)
    tab = _answered(press(tab, "Run the saved settings"))
    assert len(tab.dataframe) == 1
    assert "do not fit yet" in tab.warning[0].value
    assert any("General Threshold: Must be" in one.value for one in tab.markdown)


def test_another_picture_drops_the_answers(house: House) -> None:
    tab = _answered(press(_give(_wdv3(house), _picture()), "Run"))
    tab = _give(tab, _picture(20, 20), "b.png")
    assert not tab.dataframe
    assert "20 x 20 pixels" in captions(tab)
    tab = press(tab, "Remove")
    assert "Choose an image" in captions(tab)
    (run,) = [one for one in tab.button if one.label == "Run"]
    assert run.disabled and run.help == "Choose an image first."


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"no picture", "its format is not known"),
        (b"", "The picture is empty"),
        (_picture()[:120], "cannot be read"),
    ],
)
def test_what_is_no_picture_is_refused_with_the_reason(
    house: House, data: bytes, reason: str
) -> None:
    tab = _give(_wdv3(house), data)
    assert reason in errors(tab)
    assert not tab.exception and "Choose an image" in captions(tab)


def test_what_is_missing_offers_its_download_right_there(house: House) -> None:
    house.downloads.set("wdv3-vit", status=DownloadState.NOT_STARTED)
    tab = _give(_wdv3(house), _picture())
    (run,) = [one for one in tab.button if one.label == "Run"]
    assert run.disabled and run.help == "Download the model first."
    tab.button(key="try-download-wdv3-vit").click().run()
    assert ("start", "wdv3-vit") in house.downloads.calls


def _choose(tab: AppTest, label: str, value: str) -> AppTest:
    next(one for one in tab.selectbox if one.label == label).set_value(value)
    return tab.run()


def test_an_edit_that_chooses_a_missing_model_does_not_hold_up_the_saved_one(house: House) -> None:
    tab = _choose(_give(_wdv3(house), _picture()), "Model Architecture", "swinv2")
    assert "**WDv3 SwinV2** is not downloaded. Your edits choose it." in _texts(tab)
    assert tab.button(key="try-download-wdv3-swinv2")
    tab = _answered(press(tab, "Run the saved settings"))
    assert len(tab.dataframe) == 1 and not errors(tab)
    assert "Not run: its model is not here." in captions(tab)
    tab.button(key="draft-download-wdv3-swinv2").click().run()
    assert ("start", "wdv3-swinv2") in house.downloads.calls


def test_a_missing_saved_model_does_not_hold_up_the_edits(house: House, tmp_path: Path) -> None:
    put_tiny(tmp_path, house.services.registry, "wdv3-swinv2")
    house.downloads.set("wdv3-vit", status=DownloadState.NOT_STARTED)
    house.downloads.set("wdv3-swinv2", status=DownloadState.COMPLETED)
    tab = _choose(_give(_wdv3(house), _picture()), "Model Architecture", "swinv2")
    assert "**WDv3 ViT** is not downloaded. The saved settings need it." in _texts(tab)
    tab = _answered(press(tab, "Run your edits"))
    assert len(tab.dataframe) == 1 and not errors(tab)
    assert "Model Architecture ViT → **SwinV2**" in captions(tab)
    tab.button(key="saved-download-wdv3-vit").click().run()
    assert ("start", "wdv3-vit") in house.downloads.calls


def test_a_download_that_cannot_start_says_so_beside_its_offer(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise Conflict("The volume is full.", hint="Free some space.")

    house.downloads.set("wdv3-vit", status=DownloadState.NOT_STARTED)
    monkeypatch.setattr(house.downloads, "start", refuse)
    tab = _wdv3(house)
    tab.button(key="try-download-wdv3-vit").click().run()
    assert r"The volume is full\." in errors(tab)


def _florence(house: House) -> AppTest:
    house.downloads.set("florence2-large", status=DownloadState.COMPLETED)
    tab = page(house, CAPTIONS)
    tab.button_group[0].set_value("florence2")
    return _give(tab.run(), _picture())


def test_a_task_that_needs_a_text_asks_for_it(house: House) -> None:
    tab = _choose(_florence(house), "Task of this run", "<OPEN_VOCABULARY_DETECTION>")
    tab = press(tab, "Run")
    assert r"This task needs a text\." in errors(tab)
    assert house.services.engines.generation == 0


def test_a_task_about_a_region_sets_it_on_the_picture(house: House) -> None:
    tab = _choose(_florence(house), "Task of this run", "<REGION_TO_CATEGORY>")
    across, down = [one for one in tab.slider if one.label.startswith("Region")]
    assert (across.max, across.value) == (64, (16, 48))
    assert (down.max, down.value) == (48, (12, 36))
    tab = press(_set(across, (30, 30), tab), "Run")
    assert r"The region is empty\." in errors(tab)
    assert house.services.engines.generation == 0


def _set(slider: Any, value: tuple[int, int], tab: AppTest) -> AppTest:
    slider.set_value(value)
    return tab.run()


def _texts(tab: AppTest) -> str:
    return "\n".join(one.value for one in tab.markdown).replace("\\", "")


def test_a_click_of_somebody_who_lost_the_role_does_nothing(house: House) -> None:
    tab = _give(_wdv3(house), _picture())
    house.accounts.add_user(house.administrator, "carol", "Carol", Role.ADMIN, fakes.PASSWORD)
    house.accounts.update_user(house.administrator, "alice", role=Role.USER)
    tab = press(tab, "Run")
    assert house.services.engines.generation == 0
    assert not tab.dataframe
    assert "not signed in any more" in "".join(one.value for one in tab.warning)

"""One file of a model fetched anew, from the details of its row."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_ui.conftest import OpenPage
from tests.test_ui.fakes import House
from yipyap_core.domain.jobs import Progress
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.errors import DownloadsDisabled


def opened(open_page: OpenPage, model_id: str) -> AppTest:
    """The Downloads page with the model's details and its choice of files open."""
    app = open_page("downloads", "alice")
    app.session_state[f"files-{model_id}"] = True
    return app.button(key=f"details-{model_id}").click().run()


def test_the_file_at_work_is_offered_first_and_another_can_be_chosen(
    open_page: OpenPage, house: House
) -> None:
    app = opened(open_page, "wdv3-vit")
    assert not app.exception
    choice = app.selectbox(key="file-wdv3-vit")
    assert (choice.value, choice.options) == ("model.onnx", ["config.json", "model.onnx"])
    choice.set_value("config.json").run()
    app.button(key="restart-file-wdv3-vit").click().run()
    assert house.downloads.calls == [("restart config.json", "wdv3-vit")]
    assert "starts over" in app.toast[0].value


def test_files_that_are_not_known_yet_are_said_to_be(open_page: OpenPage, house: House) -> None:
    house.downloads.set("llada", progress=Progress())
    app = opened(open_page, "llada")
    assert any("as soon as the hub has answered" in one.value for one in app.caption)
    assert not [one for one in app.button if one.key == "restart-file-llada"]


def test_what_was_never_started_has_no_file_to_fetch_anew(open_page: OpenPage) -> None:
    app = opened(open_page, "wdv3-swinv2")
    assert not [one for one in app.selectbox if one.key == "file-wdv3-swinv2"]


def test_a_refusal_stands_in_the_models_own_row(
    open_page: OpenPage, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise DownloadsDisabled

    app = opened(open_page, "yolo-n")
    monkeypatch.setattr(house.downloads, "restart_file", refuse)
    app.button(key="restart-file-yolo-n").click().run()
    assert any("Model downloads are disabled" in one.value for one in app.error)


def test_a_stale_button_restarts_nothing(open_page: OpenPage, house: House) -> None:
    button = opened(open_page, "yolo-n").button(key="restart-file-yolo-n")
    house.accounts.add_user(SYSTEM, "zoe", "Zoe", Role.ADMIN, "correct horse staple")
    house.accounts.update_user(SYSTEM, "alice", role=Role.USER)
    button.click().run()
    assert house.downloads.calls == []

"""Engines as pages and routes use them: saved settings, drafts, succession, canaries, callers."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.tiny_models import files_of, put_into_cache
from tests.standins.waiting import wait_until
from tests.test_services.engine_kit import ADA, EVE, GUS, PICTURE, Rig, rigged
from yipyap_core.domain.engines import AnswerKind, EngineState
from yipyap_core.errors import Forbidden, Invalid, NotDownloaded, NotFound, UnknownModel


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with rigged(tmp_path) as rig:
        rig.put("wdv3-vit", "wdv3-swinv2")
        yield rig


def pid(rig: Rig, model_id: str = "wdv3-vit") -> int | None:
    worker = rig.service.status(ADA, model_id).worker
    return worker.pid if worker else None


def save(rig: Rig, **values: object) -> None:
    rig.configuration.update(ADA, "wdv3", values)


def test_saved_settings_count_and_apply_in_the_next_request(rig: Rig) -> None:
    everything = dict.fromkeys(("gen_threshold", "char_threshold"), 0.0)
    save(rig, **everything)
    outcome = rig.service.caption(ADA, "wdv3", PICTURE)
    assert len(outcome.answer.tags) == 17
    assert outcome.model_ids == ("wdv3-vit",)
    before = pid(rig)
    save(rig, gen_threshold=1.0, char_threshold=1.0)
    assert rig.service.caption(ADA, "wdv3", PICTURE).answer.tags == ()
    assert pid(rig) == before


def test_a_draft_is_tried_and_not_saved(rig: Rig) -> None:
    draft = dataclasses.replace(PICTURE, draft={"gen_threshold": 0.0, "char_threshold": 0.0})
    assert len(rig.service.caption(ADA, "wdv3", draft).answer.tags) == 17
    assert len(rig.service.caption(ADA, "wdv3", PICTURE).answer.tags) < 17
    assert rig.configuration.current("wdv3").model_dump()["gen_threshold"] == 0.35


def test_a_draft_of_another_model_leaves_the_saved_one_alone(rig: Rig) -> None:
    rig.service.caption(ADA, "wdv3", PICTURE)
    before = pid(rig)
    draft = dataclasses.replace(PICTURE, draft={"model_name": "swinv2"})
    assert rig.service.caption(ADA, "wdv3", draft).model_ids == ("wdv3-swinv2",)
    assert rig.service.caption(ADA, "wdv3", PICTURE).model_ids == ("wdv3-vit",)
    assert pid(rig) == before


def test_a_models_id_is_a_generator_too(rig: Rig) -> None:
    assert rig.service.caption(ADA, "wdv3-swinv2", PICTURE).model_ids == ("wdv3-swinv2",)


def test_what_is_not_downloaded_says_so(rig: Rig) -> None:
    with pytest.raises(NotDownloaded, match="jtp2"):
        rig.service.caption(ADA, "jtp2", PICTURE)
    rig.missing.add("wdv3-vit")
    with pytest.raises(NotDownloaded, match="wdv3-vit"):
        rig.service.caption(ADA, "wdv3", PICTURE)


def test_unknown_names_list_the_known_ones(rig: Rig) -> None:
    with pytest.raises(NotFound) as caught:
        rig.service.caption(ADA, "yolo", PICTURE)
    assert "florence2, joycaption, jtp2, wdv3" in caught.value.hint
    with pytest.raises(NotFound) as caught:
        rig.service.detect(ADA, "wdv3", PICTURE)
    assert "watermark, yolo" in caught.value.hint
    with pytest.raises(UnknownModel):
        rig.service.status(ADA, "nothing")


def test_drafts_that_do_not_fit_name_their_fields(rig: Rig) -> None:
    wrong = dataclasses.replace(PICTURE, draft={"gen_threshold": 2, "colour": 1})
    with pytest.raises(Invalid) as caught:
        rig.service.caption(ADA, "wdv3", wrong)
    assert set(caught.value.fields) == {"config.gen_threshold", "config.colour"}


def test_a_draft_cannot_lead_to_another_file(rig: Rig) -> None:
    draft = dataclasses.replace(PICTURE, draft={"model_path": "/etc/passwd"})
    with pytest.raises(Invalid) as caught:
        rig.service.caption(ADA, "jtp2", draft)
    assert set(caught.value.fields) == {"config.model_path"}


def test_others_run_models_only_once_that_is_opened(rig: Rig, tmp_path: Path) -> None:
    for stranger in (EVE, GUS):
        with pytest.raises(Forbidden):
            rig.service.caption(stranger, "wdv3", PICTURE)
    (tmp_path / "open").mkdir()
    with rigged(tmp_path / "open", users_may_run=True) as opened:
        opened.put("wdv3-vit")
        assert opened.service.caption(EVE, "wdv3", PICTURE).answer.caption_type == "tags"
        with pytest.raises(Forbidden):
            opened.service.caption(GUS, "wdv3", PICTURE)
        with pytest.raises(Invalid, match="draft"):
            draft = dataclasses.replace(PICTURE, draft={"model_name": "swinv2"})
            opened.service.caption(EVE, "wdv3", draft)
        for change in (opened.service.load, opened.service.unload, opened.service.status):
            with pytest.raises(Forbidden):
                change(EVE, "wdv3-vit")


def test_every_model_with_an_engine_is_listed(rig: Rig) -> None:
    listed = {one.model_id: one for one in rig.service.list(ADA)}
    assert {"jtp2", "wdv3-vit", "florence2-large", "joycaption", "yolo-x"} <= set(listed)
    assert listed["watermark-owlv2"].kind is AnswerKind.DETECTION
    assert listed["wdv3-vit"].downloaded
    assert listed["wdv3-vit"].configured
    assert not listed["wdv3-swinv2"].configured
    assert not listed["jtp2"].downloaded


def test_load_pin_and_unload(rig: Rig) -> None:
    loaded = rig.service.load(ADA, "wdv3-swinv2")
    assert loaded.state is EngineState.READY
    assert loaded.worker is not None
    assert loaded.worker.memory.ram_bytes > 10_000_000
    pinned = rig.service.pin(ADA, "wdv3-swinv2", True).worker
    assert pinned is not None
    assert pinned.pinned
    folder = rig.registry.get("wdv3-swinv2").repo.folder_name
    assert rig.service.in_use() == {folder: "wdv3-swinv2 is loaded"}
    assert rig.service.unload(ADA, "wdv3-swinv2").state is EngineState.UNLOADED
    assert rig.service.in_use() == {}


def test_another_model_is_loaded_while_the_old_one_serves(rig: Rig) -> None:
    rig.service.caption(ADA, "wdv3", PICTURE)
    save(rig, model_name="swinv2")
    outcome = rig.service.caption(ADA, "wdv3", PICTURE)
    assert outcome.model_ids[0] in {"wdv3-vit", "wdv3-swinv2"}
    assert outcome.load_seconds < 1
    wait_until(
        lambda: bool(pid(rig, "wdv3-swinv2") and not pid(rig)), timeout_seconds=30, last=list
    )
    assert rig.service.caption(ADA, "wdv3", PICTURE).model_ids == ("wdv3-swinv2",)


def test_when_the_new_one_fails_the_old_one_stays_and_says_so(rig: Rig) -> None:
    rig.service.caption(ADA, "wdv3", PICTURE)
    files = {**files_of("wdv3-convnext"), "model.onnx": b"damaged"}
    put_into_cache(rig.folder / "hub", rig.registry.get("wdv3-convnext").repo, files)
    save(rig, model_name="convnext")
    wait_until(
        lambda: bool(rig.service.status(ADA, "wdv3-convnext").reload_error),
        timeout_seconds=30,
        last=list,
    )
    assert "no graph" in rig.service.status(ADA, "wdv3-vit").reload_error
    assert rig.service.caption(ADA, "wdv3", PICTURE).model_ids == ("wdv3-vit",)


def test_settings_of_a_missing_model_leave_the_old_one_serving(rig: Rig) -> None:
    rig.service.caption(ADA, "wdv3", PICTURE)
    save(rig, model_name="convnextv2")
    assert "wdv3-convnextv2" in rig.service.status(ADA, "wdv3-vit").reload_error
    with pytest.raises(NotDownloaded):
        rig.service.caption(ADA, "wdv3", PICTURE)


def test_the_canary_answers_as_before(rig: Rig) -> None:
    first = rig.service.canary(ADA, "wdv3-vit")
    assert first.ok
    assert "no earlier answer" in first.message
    assert first.peak.ram_bytes > 0
    second = rig.service.canary(ADA, "wdv3-vit")
    assert (second.changed, second.message) == (False, "It answered as before.")
    assert rig.service.status(ADA, "wdv3-vit").canary == second


def test_the_canary_notices_another_answer(rig: Rig) -> None:
    rig.service.canary(ADA, "wdv3-vit")
    rig.service.unload(ADA, "wdv3-vit")
    put_into_cache(rig.folder / "hub", rig.registry.get("wdv3-vit").repo, files_of("wdv3-swinv2"))
    rig.service.unload(ADA, "wdv3-vit")
    assert rig.service.canary(ADA, "wdv3-vit").changed


def test_a_canary_without_an_answer_keeps_the_last_good_one(rig: Rig) -> None:
    rig.service.canary(ADA, "wdv3-vit")
    rig.service.unload(ADA, "wdv3-vit")
    files = {**files_of("wdv3-vit"), "model.onnx": b"damaged"}
    put_into_cache(rig.folder / "hub", rig.registry.get("wdv3-vit").repo, files)
    bad = rig.service.canary(ADA, "wdv3-vit")
    assert not bad.ok
    assert "no graph" in bad.message
    rig.put("wdv3-vit")
    assert rig.service.canary(ADA, "wdv3-vit").message == "It answered as before."


def test_a_registered_repository_runs_under_its_family(rig: Rig) -> None:
    spec = rig.registry.register(
        ADA,
        id="mine",
        repo_id="me/my-tagger",
        family="wdv3",
        allow_patterns=["model.onnx", "*.csv"],
    )
    put_into_cache(rig.folder / "hub", spec.repo, files_of("wdv3-convnextv2"))
    assert rig.service.caption(ADA, "mine", PICTURE).model_ids == ("mine",)
    assert rig.service.load(ADA, "mine").state is EngineState.READY


def test_uses_are_recorded_and_changes_published(rig: Rig) -> None:
    rig.service.start()
    rig.service.caption(ADA, "wdv3", PICTURE)
    assert rig.used == [rig.registry.get("wdv3-vit").repo.folder_name]
    wait_until(
        lambda: ("engine", "wdv3-vit", {"state": "ready"}) in rig.events,
        timeout_seconds=30,
        last=lambda: rig.events,
    )

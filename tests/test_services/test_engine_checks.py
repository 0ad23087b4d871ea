"""A model that was just downloaded is asked about the fixed picture, by itself and quietly."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.standins.tiny_models import files_of, put_into_cache
from tests.standins.waiting import wait_until
from tests.test_services.engine_kit import ADA, PICTURE, Rig, rigged
from tests.test_stores.test_jobs_store import job
from yipyap_core.domain.allowances import Allowance
from yipyap_core.domain.engines import CanaryReport, EngineState
from yipyap_core.domain.jobs import JobState, Phase
from yipyap_core.engines.memory import Budget
from yipyap_core.services.events import EventBus
from yipyap_core.stores.jobs import JobStore

pytestmark = pytest.mark.timeout(180)
ONE_TAGGER = Budget(Allowance(260_000_000))
"""The second one is expected to need 200 MB."""


def completed(bus: EventBus, model_id: str) -> None:
    for status in ("downloading", "completed", "completed"):
        bus.publish("download", model_id, {"status": status})


def until(holds: Callable[[], bool], last: Callable[[], Any] = list) -> None:
    wait_until(holds, timeout_seconds=60, last=last)


def report(rig: Rig, model_id: str = "wdv3-vit") -> CanaryReport | None:
    return rig.service.status(ADA, model_id).canary


def is_due(rig: Rig, model_id: str = "wdv3-vit") -> bool:
    return rig.service.status(ADA, model_id).check_is_due


def checks(rig: Rig, model_id: str = "wdv3-vit") -> list[Any]:
    events = [data for kind, name, data in rig.events if (kind, name) == ("engine", model_id)]
    return [data["canary"] for data in events if "canary" in data]


def arrive(store: JobStore, model_id: str, ago: dt.timedelta) -> None:
    """A download of an earlier server that ended well."""
    now = dt.datetime.now(dt.UTC) - ago
    one, _ = store.add(job(model_id, created_at=now, updated_at=now), "Asked for.")
    store.claim(one, owner="earlier", lease_until=now, limit=9, now=now)
    done = ("done", "Done.")
    store.move(one.id, [JobState.RUNNING], JobState.DONE, now=now, phase=Phase.DONE, event=done)


def test_it_is_checked_once_and_unloaded_again(tmp_path: Path) -> None:
    bus = EventBus()
    with rigged(tmp_path, downloads=bus) as rig:
        rig.put("wdv3-vit")
        rig.service.start()
        before = rig.service.generation
        completed(bus, "wdv3-vit")
        until(lambda: bool(report(rig)) and not is_due(rig))
        found = report(rig)
        assert found is not None
        assert found.ok
        assert found.peak.ram_bytes > 10_000_000
        assert found.processing_seconds > 0
        assert rig.service.generation > before, "the Overview draws it anew"
        assert rig.service.status(ADA, "wdv3-vit").state is EngineState.UNLOADED
        assert [one["ok"] for one in checks(rig)] == [True]
        completed(bus, "wdv3-vit")  # such as after a repair that fetched files
        until(lambda: len(checks(rig)) == 2)
        assert (report(rig) or found).message == "It answered as before."


def test_a_model_that_somebody_uses_stays_loaded(tmp_path: Path) -> None:
    bus = EventBus()
    with rigged(tmp_path, downloads=bus) as rig:
        rig.put("wdv3-vit")
        rig.service.caption(ADA, "wdv3", PICTURE)
        rig.service.start()
        completed(bus, "wdv3-vit")
        until(lambda: bool(report(rig)) and not is_due(rig))
        assert rig.service.status(ADA, "wdv3-vit").state is EngineState.READY


def test_a_damaged_model_is_a_failed_check(tmp_path: Path) -> None:
    bus = EventBus()
    with rigged(tmp_path, downloads=bus) as rig:
        files = {**files_of("wdv3-vit"), "model.onnx": b"damaged"}
        put_into_cache(rig.folder / "hub", rig.registry.get("wdv3-vit").repo, files)
        rig.service.start()
        completed(bus, "wdv3-vit")
        until(lambda: bool(report(rig)) and not is_due(rig))
        found = report(rig)
        assert found is not None
        assert not found.ok
        assert "no graph" in found.message


def test_without_room_it_waits_until_there_is_some(tmp_path: Path) -> None:
    bus = EventBus()
    with rigged(tmp_path, downloads=bus, budget=ONE_TAGGER) as rig:
        rig.put("wdv3-vit", "wdv3-swinv2")
        rig.service.load(ADA, "wdv3-swinv2")
        rig.service.start()
        completed(bus, "wdv3-vit")
        until(lambda: is_due(rig))
        assert rig.service.status(ADA, "wdv3-swinv2").state is EngineState.READY
        assert report(rig) is None
        rig.service.unload(ADA, "wdv3-swinv2")
        bus.publish("engine", "wdv3-swinv2", {"state": "unloaded"})
        until(lambda: bool(report(rig)))


@pytest.mark.parametrize("model_id", ["llada", "jtp2", "nothing"])
def test_what_cannot_be_asked_is_left_alone(tmp_path: Path, model_id: str) -> None:
    bus = EventBus()
    with rigged(tmp_path, downloads=bus) as rig:
        rig.put("wdv3-vit")
        rig.service.start()
        completed(bus, model_id)
        completed(bus, "wdv3-vit")
        until(lambda: bool(report(rig)))
        assert rig.service.status(ADA, "jtp2").canary is None


def test_it_can_be_off(tmp_path: Path) -> None:
    with rigged(tmp_path) as rig:
        rig.put("wdv3-vit")
        rig.service.start()
        assert rig.service.limits(ADA).checks_downloads is False
        assert is_due(rig) is False


@pytest.mark.parametrize(("hours_ago", "is_made"), [(1, True), (30, False)])
def test_one_that_a_stop_of_the_server_prevented_is_made_at_the_next_start(
    tmp_path: Path, hours_ago: int, is_made: bool
) -> None:
    with rigged(tmp_path, downloads=EventBus()) as rig:
        rig.put("wdv3-vit")
        arrive(JobStore(rig.engine), "wdv3-vit", dt.timedelta(hours=hours_ago))
        rig.service.start()
        assert is_due(rig) is is_made
        until(lambda: not is_due(rig))
        assert (report(rig) is not None) is is_made

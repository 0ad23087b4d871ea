"""What runs beside downloads, counted from the store that several processes share."""

from __future__ import annotations

from pathlib import Path

from tests.standins.hub import Hub
from tests.test_services.download_rig import Rig
from yipyap_core.domain.download_queue import OtherWork
from yipyap_core.domain.jobs import JobKind


def test_pulls_and_checks_are_counted_as_long_as_they_are_live(tmp_path: Path, hub: Hub) -> None:
    rig = Rig(tmp_path, hub)
    assert rig.service.other_work() == OtherWork()
    pull, _ = rig.runner.submit(JobKind.OLLAMA_PULL, "llama2:7b", "ada")
    rig.runner.submit(JobKind.OLLAMA_PULL, "qwen3:8b", "ada")
    rig.runner.submit(JobKind.CACHE_VERIFY, "*", "ada")
    rig.runner.submit(JobKind.CACHE_REPAIR, "a", "ada")
    rig.runner.submit(JobKind.DOWNLOAD, "m", "ada")
    assert rig.service.other_work() == OtherWork(pulls=2, checks=1, repairs=1)  # known at once
    rig.runner.cancel(pull.id)
    assert rig.service.other_work() == OtherWork(pulls=1, checks=1, repairs=1)
    rig.close()


def test_what_another_process_began_is_seen_and_the_store_is_asked_once_a_second(
    tmp_path: Path, hub: Hub
) -> None:
    here = Rig(tmp_path, hub)
    work = here.service._others
    there = here.again()
    there.runner.submit(JobKind.OLLAMA_PULL, "llama2:7b", "ada")
    assert here.service.other_work().pulls == 1
    asked = work._read_at
    assert here.service.other_work().pulls == 1
    assert work._read_at == asked or here.clock.monotonic() - asked >= 1
    here.close()
    there.close()

"""The service: a status that is always a value, pulls that outlive browsers and servers."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import (
    HTML,
    AnyOllama,
    Ollama,
    OllamaModel,
    PullStall,
)
from tests.test_services.ollama_kit import ADMIN, USER, OllamaKit, has_ended, note
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.ollama import Freshness
from yipyap_core.errors import (
    DownloadsDisabled,
    Forbidden,
    OllamaUnavailable,
    UnknownJob,
)

LLAMA = OllamaModel("llama2:7b", size_bytes=4_000_000, weight_layers=3)
QWEN = OllamaModel("qwen3:8b")


@pytest.fixture
def kit(tmp_path: Path, ollama: AnyOllama) -> Iterator[OllamaKit]:
    with OllamaKit(tmp_path, ollama).running() as running:
        yield running


@EITHER
def test_status_tells_version_and_assistant(kit: OllamaKit, ollama: AnyOllama) -> None:
    missing = kit.service.status(ADMIN)
    ollama.install(QWEN)
    ready = kit.service.status(ADMIN)
    kit.assistant = "Qwen3:8B"
    as_ollama_reads_it = kit.service.status(ADMIN)

    assert (missing.available, missing.version, missing.error) == (True, ollama.version, None)
    assert not missing.assistant.available
    assert "pull it first" in (missing.assistant.reason or "")
    assert (ready.assistant.available, ready.assistant.reason) == (True, None)
    assert as_ollama_reads_it.assistant.available


@EITHER
def test_an_absent_service_is_a_value_and_it_recovers(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.stop()
    away = kit.service.status(ADMIN)
    with pytest.raises(OllamaUnavailable):
        kit.service.models(ADMIN)
    ollama.start()
    back = kit.service.status(ADMIN)

    assert (away.available, away.error) == (False, "Ollama service not available")
    assert "ollama serve" in (away.hint or "")
    assert back.available


@pytest.mark.parametrize("address", ["", "http://a b", "ftp://x", "nowhere.invalid:1"])
def test_a_bad_address_is_a_value_too(kit: OllamaKit, address: str) -> None:
    kit.base_url = address or "ftp://"

    assert not kit.service.status(ADMIN).available


def test_a_service_that_answers_html_is_not_available(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.inject(HTML)

    status = kit.service.status(ADMIN)

    assert not status.available
    assert "is not Ollama" in (status.hint or "")


def test_a_recent_status_asks_once(kit: OllamaKit, ollama: Ollama) -> None:
    first = kit.service.recent_status(ADMIN, max_age_seconds=3600)
    asked = len(ollama.requests)

    assert kit.service.recent_status(ADMIN, max_age_seconds=3600) is first
    assert len(ollama.requests) == asked


@EITHER
def test_models_say_what_is_loaded(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.install(LLAMA, QWEN)
    for _ in kit.service.chat(ADMIN, "qwen3:8b", [{"role": "user", "content": "x"}]):
        pass

    found = {model.name: model.loaded for model in kit.service.models(ADMIN)}
    gone = kit.service.unload(ADMIN, "qwen3:8b")

    assert gone
    assert found == {"llama2:7b": False, "qwen3:8b": True}
    assert kit.service.loaded(ADMIN) == ()


@EITHER
def test_updates_compare_digests_without_pulling(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.install(LLAMA, QWEN, OllamaModel("own:1b"))
    ollama.publish(dataclasses.replace(QWEN, edition=2, size_bytes=5_000_000))
    ollama.install(OllamaModel("example.org/a/b:1"))

    found = {check.name: check for check in kit.service.updates(ADMIN)}

    assert found["llama2:7b"].state is Freshness.CURRENT
    assert found["qwen3:8b"].state is Freshness.OUTDATED
    assert (found["qwen3:8b"].size_bytes or 0) > 5_000_000
    assert found["example.org/a/b:1"].state is Freshness.UNKNOWN
    assert "another registry" in (found["example.org/a/b:1"].reason or "")


@EITHER
def test_what_was_compared_is_remembered_until_the_model_changes(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.install(LLAMA, QWEN)
    ollama.publish(dataclasses.replace(QWEN, edition=2))
    assert kit.service.overview(ADMIN).checks == ()
    checks = kit.service.updates(ADMIN)

    remembered = kit.service.overview(ADMIN).checks
    kit.ended(kit.pulls.start(ADMIN, "qwen3:8b"))
    after_the_update = kit.service.overview(ADMIN).checks

    assert remembered == checks
    assert [check.name for check in after_the_update] == ["llama2:7b"]


@EITHER
def test_a_manifest_in_another_hand_is_compared_as_ollama_hashes_it(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.publish(Indented("qwen3:8b", size_bytes=200_000))
    kit.ended(kit.pulls.start(ADMIN, "qwen3:8b"))

    [check] = kit.service.updates(ADMIN)

    assert check.state is Freshness.CURRENT


class Indented(OllamaModel):
    """A model whose manifest is written with blanks, and ends with a line break."""

    @functools.cached_property
    def manifest(self) -> bytes:
        return json.dumps(json.loads(super().manifest), indent=3).encode() + b"\n"


def test_updates_without_a_registry_say_so(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.install(LLAMA)
    ollama.inject(HTML, path="/v2/*")

    [check] = kit.service.updates(ADMIN)

    assert (check.state, check.reason) == (
        Freshness.UNKNOWN,
        "The registry's answer is not a manifest.",
    )


# pulls


@EITHER
def test_a_pull_runs_to_its_end(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)

    pull = kit.pulls.start(ADMIN, "ollama run llama2:7b")
    done = kit.ended(pull)

    assert pull.status.status is DownloadState.DOWNLOADING
    assert (done.name, done.actor) == ("llama2:7b", "ada")
    assert done.status.status is DownloadState.COMPLETED
    progress = done.status.progress
    assert (progress.bytes_done, progress.bytes_total) == (LLAMA.total_bytes,) * 2
    assert (progress.files_done, progress.percent) == (len(LLAMA.layers), 100.0)
    assert "llama2:7b" in ollama.installed


@EITHER
def test_bytes_done_never_fall_while_layers_appear(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)
    ollama.pace(6_000_000)

    pull = kit.pulls.start(ADMIN, "llama2:7b")
    seen: list[int] = []
    kit.wait(pull, lambda one: note(seen, one.status.progress.bytes_done) and has_ended(one))

    assert seen == sorted(seen)
    assert len(set(seen)) > 3
    assert seen[-1] == LLAMA.total_bytes


@EITHER
def test_the_same_name_joins(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(OllamaModel("llama2:latest"))
    rule = ollama.inject(PullStall(after_bytes=0))

    first = kit.pulls.start(ADMIN, "llama2")
    second = kit.pulls.start(ADMIN, "library/llama2:latest")
    rule.release.set()

    assert first.pull_id == second.pull_id
    kit.ended(first)
    assert ollama.pulls("llama2") == 1


@EITHER
def test_several_names_are_queued(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA, QWEN, OllamaModel("gemma3:4b"))

    pulls = kit.pulls.start_many(ADMIN, "llama2:7b, qwen3:8b\nollama run gemma3:4b")

    assert [kit.ended(pull).status.status for pull in pulls] == [DownloadState.COMPLETED] * 3
    assert {pull.name for pull in kit.pulls.pulls(ADMIN)} == {"llama2:7b", "qwen3:8b", "gemma3:4b"}


@EITHER
def test_an_unknown_name_fails_with_ollamas_words(kit: OllamaKit) -> None:
    done = kit.ended(kit.pulls.start(ADMIN, "nothing:1b"))

    assert done.status.status is DownloadState.FAILED
    assert done.status.error is not None
    assert done.status.error.message == "pull model manifest: file does not exist"
    assert done.status.error.code == "unknown_model"
    assert "ollama.com/library" in done.status.error.hint


@EITHER
def test_a_slow_pull_tells_its_speed(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)
    ollama.pace(3_000_000)

    pull = kit.pulls.start(ADMIN, "llama2:7b")
    fast = kit.wait(pull, lambda one: one.status.progress.speed_bps > 0 or has_ended(one))
    kit.pulls.cancel(ADMIN, pull.pull_id)

    assert 0 < fast.status.progress.speed_bps < 30_000_000
    assert fast.status.progress.bytes_total > fast.status.progress.bytes_done > 0


@EITHER
def test_what_is_loaded_goes_with_its_model(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.install(QWEN)
    for _ in kit.service.chat(ADMIN, "qwen3:8b", [{"role": "user", "content": "x"}]):
        pass
    assert [model.name for model in kit.service.loaded(ADMIN)] == ["qwen3:8b"]

    kit.service.delete(ADMIN, "qwen3:8b")

    assert kit.service.models(ADMIN) == ()
    assert kit.service.loaded(ADMIN) == ()


@EITHER
def test_an_absent_service_refuses_a_pull_at_once(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.stop()

    with pytest.raises(OllamaUnavailable):
        kit.pulls.start(ADMIN, "llama2:7b")
    assert kit.pulls.pulls(ADMIN) == ()


def test_pulls_are_model_downloads_and_can_be_disabled(kit: OllamaKit) -> None:
    kit.disabled = True

    with pytest.raises(DownloadsDisabled):
        kit.pulls.start(ADMIN, "llama2:7b")


def test_only_administrators_may_do_anything(kit: OllamaKit) -> None:
    service, pulls = kit.service, kit.pulls
    calls: list[Any] = [
        lambda: service.status(USER),
        lambda: service.recent_status(USER),
        lambda: service.models(USER),
        lambda: service.loaded(USER),
        lambda: service.show(USER, "a"),
        lambda: service.delete(USER, "a"),
        lambda: service.unload(USER, "a"),
        lambda: service.chat(USER, "a", []),
        lambda: service.updates(USER),
        lambda: pulls.start(USER, "a"),
        lambda: pulls.start_many(USER, "a"),
        lambda: pulls.pulls(USER),
        lambda: pulls.get(USER, "a"),
        lambda: pulls.cancel(USER, "a"),
        lambda: pulls.retry(USER, "a"),
    ]
    for call in calls:
        with pytest.raises(Forbidden):
            call()


def test_an_unknown_pull_is_an_error_of_its_own(kit: OllamaKit) -> None:
    with pytest.raises(UnknownJob):
        kit.pulls.get(ADMIN, "none")

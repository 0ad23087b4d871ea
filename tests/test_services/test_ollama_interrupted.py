"""Pulls that something comes between: each ends as it should, and goes on where it was."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import (
    AnyOllama,
    Ollama,
    OllamaModel,
    PullCut,
    PullError,
    PullLines,
    PullStall,
    RegistryCut,
    RegistryFailure,
    WrongBytes,
    disk_full,
)
from tests.test_services.ollama_kit import ADMIN, OllamaKit, has_ended, note
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import JobState, Phase

LLAMA = OllamaModel("llama2:7b", size_bytes=4_000_000, weight_layers=3)


@pytest.fixture
def kit(tmp_path: Path, ollama: AnyOllama) -> Iterator[OllamaKit]:
    with OllamaKit(tmp_path, ollama).running() as running:
        yield running


def test_a_full_disk_there_fails_with_a_hint(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(disk_full(after_bytes=1_000_000))

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.error is not None
    assert (done.status.error.code, done.status.error.retryable) == ("disk_full", False)
    assert "delete models there" in done.status.error.hint


def test_a_broken_line_is_asked_for_again_and_goes_on(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullCut(after_bytes=2_000_000), count=1)

    pull = kit.pulls.start(ADMIN, "llama2:7b")
    seen: list[int] = []
    done = kit.wait(pull, lambda one: note(seen, one.status.progress.bytes_done) and has_ended(one))

    assert done.status.status is DownloadState.COMPLETED
    assert seen == sorted(seen)
    assert sum(one.path == "/api/pull" for one in ollama.requests) == 2
    kinds = [event.kind for event in kit.jobs.events(pull.pull_id)]
    assert "retry" in kinds


@EITHER
def test_a_registry_that_fails_for_a_moment_is_asked_again(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(RegistryFailure(503, "busy"), count=1)

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.status is DownloadState.COMPLETED
    assert ollama.pulls("llama2:7b") == 2


@EITHER
def test_a_registry_that_goes_on_failing_is_told_in_ollamas_words(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.inject(RegistryFailure(503, "busy"))

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.error is not None
    assert done.status.error.message == "pull model manifest: 503: busy"
    assert (done.status.error.code, done.status.error.retryable) == ("registry_failed", True)


@EITHER
def test_a_registry_that_breaks_off_costs_the_pull_nothing(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(RegistryCut(after_bytes=2_000_000), count=1)

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.status is DownloadState.COMPLETED
    assert ollama.pulls("llama2:7b") == 1


@EITHER
def test_altered_data_is_pulled_once_more_by_itself(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(WrongBytes(), count=1)

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.status is DownloadState.COMPLETED
    assert done.status.progress.bytes_done == done.status.progress.bytes_total
    assert ollama.pulls("llama2:7b") == 2
    [line] = [one for one in kit.jobs.events(done.pull_id) if one.kind == "restart_file"]
    assert "its hash was wrong" in line.message


@EITHER
def test_data_altered_twice_fails_and_the_next_try_fetches_it_again(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(WrongBytes(), count=2)

    failed = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))
    again = kit.ended(kit.pulls.retry(ADMIN, failed.pull_id))

    assert failed.status.error is not None
    assert (failed.status.error.code, failed.status.error.retryable) == ("hash_mismatch", True)
    assert again.status.status is DownloadState.COMPLETED


@EITHER
def test_a_cancelled_pull_goes_on_where_it_was(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullStall(after_bytes=2_000_000), count=1)
    pull = kit.pulls.start(ADMIN, "llama2:7b")
    kit.wait(pull, lambda one: one.status.progress.bytes_done >= 1_900_000)
    kit.pulls.cancel(ADMIN, pull.pull_id)
    kit.wait(pull, has_ended)
    ollama.wait_until(lambda: not ollama.is_pulling())

    kept = ollama.pulled_bytes("llama2:7b")
    again = kit.ended(kit.pulls.retry(ADMIN, pull.pull_id))

    assert kept >= 1_900_000
    assert again.status.status is DownloadState.COMPLETED
    assert "llama2:7b" in ollama.installed


def test_a_line_that_breaks_again_and_again_fails_and_says_what_to_do(
    kit: OllamaKit, ollama: Ollama
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullCut(after_bytes=0))

    error = kit.ended(kit.pulls.start(ADMIN, "llama2:7b")).status.error

    assert error is not None
    assert error.message == f"The connection to {ollama.base_url} broke."
    assert (error.code, error.retryable) == ("connection_lost", True)
    assert error.hint == "Retry: Ollama goes on from the layers that it has."
    assert ollama.pulls("llama2:7b") == 2


def test_unknown_statuses_are_noted_and_change_nothing(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.publish(LLAMA)
    odd = ({"status": "warming the hearth"}, {"status": "x" * 5000}, {"digest": "sha256:0"})
    ollama.inject(PullLines(odd, after_bytes=100), count=1)

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.status is DownloadState.COMPLETED
    notes = [event.message for event in kit.jobs.events(done.pull_id) if event.kind == "ollama"]
    assert "warming the hearth" in notes


def test_a_stream_that_ends_without_success_is_no_success(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullError("", after_bytes=0))

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.status is DownloadState.FAILED


@EITHER
def test_cancel_ends_a_blocked_pull_there_too(kit: OllamaKit, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullStall(after_bytes=1_500_000))
    pull = kit.pulls.start(ADMIN, "llama2:7b")
    kit.wait(pull, lambda one: one.status.progress.bytes_done >= 1_000_000)

    kit.pulls.cancel(ADMIN, pull.pull_id)

    done = kit.wait(pull, has_ended)
    ollama.wait_until(lambda: not ollama.is_pulling())
    assert done.status.phase is Phase.CANCELLED
    assert kit.jobs.get(pull.pull_id).state is JobState.CANCELLED


@EITHER
def test_a_failed_pull_is_tried_again(kit: OllamaKit, ollama: AnyOllama) -> None:
    failed = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))
    ollama.publish(LLAMA)

    again = kit.pulls.retry(ADMIN, failed.pull_id)

    assert kit.ended(again).status.status is DownloadState.COMPLETED


@EITHER
def test_a_pull_survives_a_restart_of_our_server(tmp_path: Path, ollama: AnyOllama) -> None:
    ollama.publish(LLAMA)
    rule = ollama.inject(PullStall(after_bytes=2_000_000), count=1)
    before = OllamaKit(tmp_path, ollama)
    with before.running():
        pull = before.pulls.start(ADMIN, "llama2:7b")
        before.wait(pull, lambda one: one.status.progress.bytes_done >= 1_500_000)
    rule.release.set()

    with before.again().running() as after:
        done = after.ended(pull)

    assert done.status.status is DownloadState.COMPLETED
    assert done.status.progress.bytes_done == LLAMA.total_bytes


@EITHER
def test_a_pull_that_ollama_is_still_ending_can_be_asked_for_again(
    kit: OllamaKit, ollama: AnyOllama
) -> None:
    ollama.publish(LLAMA)
    ollama.inject(RegistryCut(after_bytes=2_000_000, pause_seconds=60), count=1)
    pull = kit.pulls.start(ADMIN, "llama2:7b")
    kit.wait(pull, lambda one: one.status.progress.bytes_done >= 2_000_000)
    kit.pulls.cancel(ADMIN, pull.pull_id)  # while Ollama waits before it asks the registry again
    kit.wait(pull, has_ended)

    again = kit.ended(kit.pulls.retry(ADMIN, pull.pull_id))

    assert again.status.status is DownloadState.COMPLETED


def test_an_earlier_pull_that_ends_late_is_no_failure(kit: OllamaKit, ollama: Ollama) -> None:
    ollama.publish(LLAMA)
    ollama.inject(PullError("context canceled"), count=1)

    done = kit.ended(kit.pulls.start(ADMIN, "llama2:7b"))

    assert done.status.status is DownloadState.COMPLETED

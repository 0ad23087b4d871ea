"""A pull whose service is away waits for it, over hours and over restarts of our server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.standins.either import EITHER
from tests.standins.ollama import Answer, AnyOllama, Ollama, OllamaModel, PullStall
from tests.test_jobs.clocks import HandClock
from tests.test_services.ollama_kit import ADMIN, OllamaKit, has_ended, note
from yipyap_core.domain.downloads import DownloadState
from yipyap_core.domain.jobs import JobState, Phase
from yipyap_core.services.ollama.pulls import PullView
from yipyap_core.services.ollama.waiting import LONGEST_SECONDS, SHORTEST_SECONDS

LLAMA = OllamaModel("llama2:7b", size_bytes=4_000_000, weight_layers=3)
LEAVING = ("stop", "crash")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def kit(tmp_path: Path, ollama: AnyOllama, clock: HandClock) -> Iterator[OllamaKit]:
    with OllamaKit(tmp_path, ollama, clock=clock).running() as running:
        yield running


def interrupted(kit: OllamaKit, how: str = "crash") -> PullView:
    """A pull whose service went away in its middle, and which waits."""
    kit.ollama.publish(LLAMA)
    kit.ollama.inject(PullStall(after_bytes=2_000_000), count=1)
    pull = kit.pulls.start(ADMIN, "llama2:7b")
    kit.wait(pull, lambda one: one.status.progress.bytes_done >= 1_900_000)
    getattr(kit.ollama, how)()
    return kit.wait(pull, lambda one: one.waits or has_ended(one))


def rest_seconds(kit: OllamaKit, pull: PullView) -> float:
    """How long it will not be tried."""
    until = kit.jobs.get(pull.pull_id).not_before
    return (until - kit.clock.now()).total_seconds() if until else 0.0


def pass_time(kit: OllamaKit, seconds: float) -> None:
    """Move the clock, and have the queue looked at under the new time."""
    assert isinstance(kit.clock, HandClock)
    kit.clock.advance(seconds)
    kit.runner.wake()


def is_done(pull: PullView) -> bool:
    return pull.status.status is DownloadState.COMPLETED


@EITHER
@pytest.mark.parametrize("how", LEAVING)
def test_a_pull_waits_for_hours_and_goes_on_by_itself(
    kit: OllamaKit, ollama: AnyOllama, how: str
) -> None:
    waiting = interrupted(kit, how)
    rests = [rest_seconds(kit, waiting)]
    for seconds in (2, 2, 4, 8, 16, 32, 64, 128, 3 * 3600):
        pass_time(kit, seconds)
        kit.wait(waiting, lambda one: one.waits and rest_seconds(kit, one) > 0)
        rests.append(rest_seconds(kit, waiting))
    kept = ollama.pulled_bytes("llama2:7b")
    ollama.start()
    pass_time(kit, LONGEST_SECONDS)
    seen: list[int] = []
    done = kit.wait(
        waiting, lambda one: note(seen, one.status.progress.bytes_done) and has_ended(one)
    )

    assert rests == [SHORTEST_SECONDS, 2, 4, 8, 16, 32, 64, 128, 256, LONGEST_SECONDS]
    assert kept > 1_300_000  # the layers that were whole
    assert is_done(done)
    assert seen == sorted(seen)
    assert done.status.progress.bytes_done == LLAMA.total_bytes
    assert not kit.jobs.get(done.pull_id).payload.get("waits_for_ollama")


@EITHER
def test_a_pull_that_waits_says_so(kit: OllamaKit, ollama: AnyOllama) -> None:
    waiting = interrupted(kit)

    status, error = waiting.status, waiting.status.error
    assert (status.status, status.phase) == (DownloadState.DOWNLOADING, Phase.PAUSED)
    assert status.progress.bytes_done >= 1_900_000
    assert error is not None
    assert (error.code, error.retryable) == ("ollama_unavailable", True)
    assert error.message == "Ollama service not available"
    assert ollama.base_url in error.hint
    assert "goes on by itself when it answers again" in error.hint
    assert "waits_for_ollama" in [event.kind for event in kit.jobs.events(waiting.pull_id)]


@EITHER
def test_a_pull_that_waits_can_be_cancelled(kit: OllamaKit, ollama: AnyOllama) -> None:
    waiting = interrupted(kit)
    asked = ollama.pulls("llama2:7b")

    cancelled = kit.pulls.cancel(ADMIN, waiting.pull_id)
    ollama.start()
    pass_time(kit, LONGEST_SECONDS)
    kit.service.status(ADMIN)

    assert (cancelled.status.phase, cancelled.waits) == (Phase.CANCELLED, False)
    assert kit.jobs.get(waiting.pull_id).state is JobState.CANCELLED
    assert ollama.pulls("llama2:7b") == asked


@EITHER
@pytest.mark.parametrize("is_back", [True, False], ids=["back meanwhile", "still away"])
def test_a_pull_waits_over_a_restart_of_our_server(
    tmp_path: Path, ollama: AnyOllama, clock: HandClock, is_back: bool
) -> None:
    before = OllamaKit(tmp_path, ollama, clock=clock)
    with before.running():
        waiting = interrupted(before)
        pass_time(before, 100)
        before.wait(waiting, lambda one: one.waits and rest_seconds(before, one) > 0)
    if is_back:
        ollama.start()
    with before.again().running() as after:
        shown = after.pulls.get(ADMIN, waiting.pull_id)
        pass_time(after, 100)
        if not is_back:
            after.wait(waiting, lambda one: one.waits and rest_seconds(after, one) > 0)
            rest = rest_seconds(after, waiting)
            ollama.start()
            pass_time(after, rest)
        done = after.wait(waiting, has_ended)

    assert shown.waits
    assert is_back or rest == 200  # as long again as it has been away, over both servers
    assert is_done(done)


@EITHER
@pytest.mark.parametrize("seen", ["status", "overview", "start", "retry"])
def test_a_pull_goes_on_as_soon_as_anyone_sees_the_service(
    kit: OllamaKit, ollama: AnyOllama, seen: str
) -> None:
    waiting = interrupted(kit)
    ollama.start()
    looks: dict[str, Callable[[], object]] = {
        "status": lambda: kit.service.status(ADMIN),
        "overview": lambda: kit.service.overview(ADMIN),
        "start": lambda: kit.pulls.start(ADMIN, "llama2:7b"),
        "retry": lambda: kit.pulls.retry(ADMIN, waiting.pull_id),
    }

    looks[seen]()

    assert is_done(kit.wait(waiting, has_ended))  # though no time has passed


def test_a_pull_waits_for_a_service_that_a_proxy_does_not_reach(
    kit: OllamaKit, ollama: Ollama
) -> None:
    ollama.publish(LLAMA)
    stalled = ollama.inject(PullStall(after_bytes=2_000_000), count=1)
    pull = kit.pulls.start(ADMIN, "llama2:7b")
    kit.wait(pull, lambda one: one.status.progress.bytes_done >= 1_900_000)
    ollama.stop()
    ollama.inject(Answer(502, "Bad Gateway", "text/plain"), path="/api/*")
    ollama.start()
    waiting = kit.wait(pull, lambda one: one.waits or has_ended(one))
    pass_time(kit, SHORTEST_SECONDS)
    kit.wait(pull, lambda one: one.waits and rest_seconds(kit, one) > 0)
    ollama.clear_faults()
    pass_time(kit, LONGEST_SECONDS)

    assert waiting.waits
    assert is_done(kit.wait(pull, has_ended))
    assert stalled.strikes == 1

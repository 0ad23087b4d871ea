from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.test_jobs.clocks import HandClock
from tests.test_jobs.workers import PuppetWorker
from yipyap_core.domain.jobs import Failure, Job, JobKind, JobState, Phase
from yipyap_core.errors import ConnectionLost, GatedRepository, HubBusy, NotRunning, UnknownJob
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.jobs.tokens import StopReason
from yipyap_core.jobs.work import Gate, JobContext, Postponed, Verdict
from yipyap_core.stores.jobs import JobStore

DOWNLOAD = JobKind.DOWNLOAD
MakeRunner = Callable[..., JobRunner]


@pytest.fixture
def worker() -> PuppetWorker:
    return PuppetWorker()


@pytest.fixture
def make_runner(
    store: JobStore, worker: PuppetWorker, clock: HandClock
) -> Iterator[Callable[..., JobRunner]]:
    made: list[JobRunner] = []

    def make(max_concurrent: int = 2, **options: object) -> JobRunner:
        runner = JobRunner(
            store,
            {DOWNLOAD: worker},
            max_concurrent,
            clock,
            retry=RetryPolicy(max_retries=4, base_seconds=1.0),
            rng=random.Random(7),
            **options,  # type: ignore[arg-type]
        )
        made.append(runner)
        return runner

    yield make
    for runner in made:
        runner.stop()


def settle(runner: JobRunner, job: Job) -> None:
    """Wait until the job's thread has stored its outcome."""
    attempt = runner._attempts.get(job.id)
    assert attempt is None or attempt.finished.wait(10)


def submit(runner: JobRunner, subject: str, priority: int = 0) -> Job:
    return runner.submit(DOWNLOAD, subject, "ada", priority=priority)[0]


def kinds(store: JobStore, job: Job) -> list[str]:
    return [event.kind for event in store.events(job.id)]


def test_a_job_runs_and_is_done(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    runner.tick()
    assert store.get(job.id).state is JobState.RUNNING

    def work(context: JobContext) -> None:
        context.meter.set_plan(bytes_total=10, files_total=1, kept_bytes=4)
        context.meter.add_bytes(6)
        context.meter.file_done()

    worker.tell("a", work)
    worker.end("a")
    settle(runner, job)
    done = store.get(job.id)
    assert (done.state, done.phase, done.progress.percent) == (JobState.DONE, Phase.DONE, 100.0)
    assert (done.fetched_bytes, done.progress.files_done, done.attempt) == (6, 1, 1)
    assert kinds(store, job) == ["queued", "done"]


def test_a_second_start_joins_the_live_job(make_runner: MakeRunner) -> None:
    runner = make_runner()
    first, new = runner.submit(DOWNLOAD, "a", "ada")
    second, joined = runner.submit(DOWNLOAD, "a", "bob")
    assert (first.id, new, joined) == (second.id, True, False)


def test_at_most_the_limit_runs_in_the_order_of_priority_and_arrival(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker
) -> None:
    runner = make_runner(1)
    jobs = [submit(runner, name, priority) for name, priority in (("a", 0), ("b", 0), ("c", 5))]
    order = []
    for _ in jobs:
        runner.tick()
        running = [job for job in store.live() if job.state is JobState.RUNNING]
        assert len(running) == 1
        order.append(running[0].subject)
        worker.end(running[0].subject)
        settle(runner, running[0])
    assert order == ["c", "a", "b"]


def test_more_room_is_used_and_less_room_is_enforced_at_once(
    make_runner: MakeRunner, store: JobStore
) -> None:
    runner = make_runner(1)
    first, second = submit(runner, "a"), submit(runner, "b")
    runner.tick()
    runner.set_max_concurrent(2)
    runner.tick()
    assert store.get(second.id).state is JobState.RUNNING
    runner.set_max_concurrent(1)
    settle(runner, second)
    assert store.get(second.id).state is JobState.QUEUED
    assert store.get(first.id).state is JobState.RUNNING
    assert kinds(store, second)[-1] == "stopped"


def test_less_room_goes_by_the_priorities_of_now(make_runner: MakeRunner, store: JobStore) -> None:
    runner = make_runner(2)
    first, second = submit(runner, "a"), submit(runner, "b")
    runner.tick()
    runner.set_priority(second.id, 5)
    runner.set_max_concurrent(1)
    settle(runner, first)
    assert store.get(first.id).state is JobState.QUEUED
    assert store.get(second.id).state is JobState.RUNNING


def test_less_room_is_shared_by_two_runners(make_runner: MakeRunner, store: JobStore) -> None:
    one, two = make_runner(2), make_runner(2)
    first = submit(one, "a")
    one.tick()
    second = submit(two, "b")
    two.tick()
    for runner in (one, two):
        runner.set_max_concurrent(1)
    settle(two, second)
    assert store.get(first.id).state is JobState.RUNNING
    assert store.get(second.id).state is JobState.QUEUED


def test_waiting_jobs_can_be_moved_and_change_places(
    make_runner: MakeRunner, store: JobStore
) -> None:
    runner = make_runner()
    jobs = {name: submit(runner, name) for name in "abcd"}
    runner.shift(jobs["d"].id, -2)
    assert [job.subject for job in store.live()] == ["a", "d", "b", "c"]
    runner.shift(jobs["a"].id, 1)
    assert [job.subject for job in store.live()] == ["d", "a", "b", "c"]
    runner.shift(jobs["d"].id, -1)
    runner.shift(jobs["c"].id, 5)
    assert [job.subject for job in store.live()] == ["d", "a", "b", "c"]


def test_pause_keeps_and_resume_goes_on(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    runner.tick()

    def work(context: JobContext) -> None:
        context.meter.set_plan(bytes_total=10, files_total=1, kept_bytes=0)
        context.meter.add_bytes(6)

    worker.tell("a", work)
    paused = runner.pause(job.id)
    assert (paused.state, paused.phase, paused.progress.bytes_done) == (
        JobState.PAUSED,
        Phase.PAUSED,
        6,
    )
    runner.tick()
    assert store.get(job.id).state is JobState.PAUSED
    assert runner.resume(job.id).state is JobState.QUEUED
    runner.tick()
    assert runner.view(store.get(job.id)).progress.bytes_done == 6  # never backwards


def test_cancel_ends_running_waiting_paused_and_failed_jobs(
    make_runner: MakeRunner, worker: PuppetWorker
) -> None:
    runner = make_runner(1)
    running, failed = submit(runner, "a"), submit(runner, "f", 9)
    runner.tick()
    worker.fail("f", GatedRepository("no"))
    settle(runner, failed)
    runner.tick()
    waiting, paused = submit(runner, "b"), submit(runner, "c")
    runner.pause(paused.id)
    for job in (running, waiting, paused, failed):
        assert runner.cancel(job.id).state is JobState.CANCELLED
        assert runner.cancel(job.id).state is JobState.CANCELLED
    with pytest.raises(NotRunning):
        runner.resume(running.id)
    with pytest.raises(NotRunning):
        runner.pause(running.id)
    with pytest.raises(UnknownJob):
        runner.pause("nothing")


def test_a_passing_error_is_retried_after_a_stored_wait(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker, clock: HandClock
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    waits = []
    for attempt in range(1, 6):
        runner.tick()
        assert store.get(job.id).attempt == attempt
        worker.fail("a", ConnectionLost("cut"))
        settle(runner, job)
        after = store.get(job.id)
        assert after.failure is not None and after.failure.code == "connection_lost"
        assert ("by itself" in after.failure.hint) is (after.state is JobState.QUEUED)
        if after.not_before is not None:
            waits.append((after.not_before - clock.now()).total_seconds())
            runner.tick()
            assert store.get(job.id).state is JobState.QUEUED  # the wait is not over
            clock.advance(waits[-1])
    assert store.get(job.id).state is JobState.FAILED
    assert waits == pytest.approx([1, 3, 9, 27], rel=0.3)
    again, new = runner.submit(DOWNLOAD, "a", "bob")
    assert (again.id, again.state, again.retries, again.attempt, new) == (
        job.id,
        JobState.QUEUED,
        0,
        6,
        True,
    )


def test_new_bytes_renew_the_patience_and_those_that_are_lost_again_do_not(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker, clock: HandClock
) -> None:
    runner = make_runner()
    job = submit(runner, "a")

    def gain(context: JobContext) -> None:
        kept = context.job.progress.bytes_done
        context.meter.set_plan(bytes_total=1 << 40, files_total=1, kept_bytes=kept)
        context.meter.add_kept_bytes(kept)
        context.meter.add_bytes(1 << 20)

    def gain_and_lose(context: JobContext) -> None:
        gain(context)
        context.meter.restart_file("a.bin", 1 << 20, "ranges are ignored")

    for step, expected in [*[(gain, 1)] * 9, *[(gain_and_lose, n) for n in (2, 3, 4)]]:
        runner.tick()
        worker.tell("a", step)
        worker.fail("a", ConnectionLost("cut"))
        settle(runner, job)
        assert store.get(job.id).retries == expected
        clock.advance(60)


def test_what_the_other_side_asks_to_wait_is_kept(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker, clock: HandClock
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    runner.tick()
    worker.fail("a", HubBusy("slow down", retry_after_seconds=120))
    settle(runner, job)
    wait = store.get(job.id).not_before
    assert wait is not None and (wait - clock.now()).total_seconds() == 120
    runner.resume(job.id)  # a person does not have to wait
    runner.tick()
    assert store.get(job.id).state is JobState.RUNNING


def test_a_permanent_error_fails_at_once_with_its_words(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    runner.tick()
    worker.fail("a", GatedRepository("The licence has not been accepted."))
    settle(runner, job)
    failed = store.get(job.id)
    assert failed.state is JobState.FAILED
    assert failed.failure == Failure(
        "gated_repository", "The licence has not been accepted.", GatedRepository.hint, False
    )


def test_an_unexpected_error_is_logged_with_an_incident_that_the_failure_names(
    make_runner: MakeRunner,
    store: JobStore,
    worker: PuppetWorker,
    caplog: pytest.LogCaptureFixture,
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    runner.tick()
    worker.fail("a", KeyError("secret detail"))
    settle(runner, job)
    failure = store.get(job.id).failure
    assert failure is not None and failure.code == "internal_error"
    assert "secret" not in failure.message
    incident = failure.message.split("incident ")[1].rstrip(").")
    assert incident in caplog.text


def test_a_postponed_job_waits_for_its_gate_and_goes_on_by_itself(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker, clock: HandClock
) -> None:
    opened = threading.Event()

    def gate(job: Job) -> Verdict:
        return Verdict(Gate.OPEN if job.failure is None or opened.is_set() else Gate.CLOSED)

    runner = make_runner(gate=gate)
    job = submit(runner, "a")
    runner.tick()
    full = Failure("disk_full", "3 bytes are needed and 2 are free.", "Free space.", True)

    def step(context: JobContext) -> None:  # noqa: ARG001
        raise Postponed(full, "waits_for_space", 5)

    worker.steps_of("a").put(step)
    settle(runner, job)
    runner.tick()
    waiting = store.get(job.id)
    assert (waiting.state, waiting.phase, waiting.failure) == (
        JobState.QUEUED,
        Phase.PAUSED,
        full,
    )
    opened.set()
    runner.tick()
    assert store.get(job.id).state is JobState.QUEUED  # not so soon
    clock.advance(5)
    runner.tick()
    assert store.get(job.id).state is JobState.RUNNING
    assert store.get(job.id).failure is None


def test_a_gate_that_says_stop_pauses_what_waits_and_what_runs(
    make_runner: MakeRunner, store: JobStore, clock: HandClock
) -> None:
    forbidden = threading.Event()

    def gate(job: Job) -> Verdict:  # noqa: ARG001
        return Verdict(Gate.STOP, "Forbidden now.") if forbidden.is_set() else Verdict(Gate.OPEN)

    runner = make_runner(1, gate=gate)
    running, waiting = submit(runner, "a"), submit(runner, "b")
    runner.tick()
    forbidden.set()
    clock.advance(1)
    runner.tick()
    settle(runner, running)
    runner.tick()
    assert {store.get(job.id).state for job in (running, waiting)} == {JobState.PAUSED}
    assert store.events(running.id)[-1].message == "Forbidden now."


def test_a_stopped_runner_queues_its_jobs_for_the_next_one(
    make_runner: MakeRunner, store: JobStore
) -> None:
    first = make_runner()
    job = submit(first, "a")
    first.tick()
    first.stop()
    assert store.get(job.id).state is JobState.QUEUED
    second = make_runner()
    second.tick()
    assert store.get(job.id).state is JobState.RUNNING


def test_a_killed_runner_s_jobs_go_on_and_paused_ones_stay_paused(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker
) -> None:
    killed = make_runner()
    job, paused = submit(killed, "a"), submit(killed, "p")
    killed.pause(paused.id)
    killed.tick()
    next_one = make_runner(is_alive=lambda owner: False)  # noqa: ARG005
    next_one.tick()
    assert store.get(job.id).state is JobState.RUNNING
    assert store.get(paused.id).state is JobState.PAUSED
    assert kinds(store, job)[-1] == "resumed_after_restart"
    # the first one's thread, should it still be there, can no longer decide anything
    worker.contexts[0].token.cancel(StopReason.CANCEL)
    settle(killed, job)
    assert store.get(job.id).state is JobState.RUNNING


def test_a_silent_owner_loses_its_job_when_the_lease_is_over(
    make_runner: MakeRunner, store: JobStore, clock: HandClock
) -> None:
    silent = make_runner()
    job = submit(silent, "a")
    silent.tick()
    other = make_runner(is_alive=lambda owner: None)  # noqa: ARG005
    other.tick()
    assert kinds(store, job)[-1] == "queued"
    clock.advance(31)
    other.tick()
    assert "resumed_after_restart" in kinds(store, job)
    clock.advance(2)
    silent.tick()  # its heartbeat finds the job lost, so it stops and changes nothing
    settle(silent, job)
    assert store.get(job.id).state is JobState.RUNNING


def test_a_living_owner_keeps_its_job_when_the_clock_jumps(
    make_runner: MakeRunner, store: JobStore, clock: HandClock
) -> None:
    owner = make_runner()
    job = submit(owner, "a")
    owner.tick()
    other = make_runner(is_alive=lambda owner: True)  # noqa: ARG005
    clock.advance(3600)
    other.tick()
    assert kinds(store, job)[-1] == "queued"


def test_a_clock_that_is_set_back_delays_no_retry_and_hides_no_job(
    make_runner: MakeRunner, store: JobStore, worker: PuppetWorker, clock: HandClock
) -> None:
    runner = make_runner()
    job = submit(runner, "a")
    runner.tick()
    worker.fail("a", ConnectionLost("cut"))
    settle(runner, job)
    clock.set_back(3600)
    runner.tick()
    assert store.get(job.id).state is JobState.RUNNING
    runner.cancel(job.id)
    clock.set_back(3600)
    second = submit(runner, "a")
    assert store.latest(DOWNLOAD)["a"].id == second.id != job.id


def test_two_runners_on_one_store_share_the_limit_and_hear_each_other_s_wishes(
    make_runner: MakeRunner, store: JobStore, clock: HandClock
) -> None:
    one, two = make_runner(1), make_runner(1, is_alive=lambda owner: None)  # noqa: ARG005
    job, waiting = submit(one, "a"), submit(two, "b")
    one.tick()
    two.tick()
    assert store.get(waiting.id).state is JobState.QUEUED
    two.pause(job.id)
    clock.advance(1)
    one.tick()
    settle(one, job)
    assert store.get(job.id).state is JobState.PAUSED
    two.tick()
    assert store.get(waiting.id).state is JobState.RUNNING


def test_the_thread_runs_jobs_by_itself_and_stops_within_two_seconds(
    store: JobStore, worker: PuppetWorker
) -> None:
    changed = threading.Event()
    runner = JobRunner(store, {DOWNLOAD: worker}, 2)
    runner.listen(lambda job_id: changed.set())  # noqa: ARG005
    runner.start()
    job = submit(runner, "a")
    worker.tell("a", lambda context: context.meter.set_phase(Phase.TRANSFERRING))
    runner.stop()
    assert changed.is_set()
    assert store.get(job.id).state is JobState.QUEUED

"""Any sequence of wishes, ends, failures and deaths leaves store and runner in agreement."""

from __future__ import annotations

import random
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from tests.test_jobs.clocks import HandClock
from tests.test_jobs.workers import PuppetWorker
from yipyap_core.domain.jobs import LIVE, TRANSITIONS, Failure, Job, JobKind, JobState
from yipyap_core.errors import ConnectionLost, GatedRepository, NotRunning
from yipyap_core.jobs.retry import RetryPolicy
from yipyap_core.jobs.runner import JobRunner
from yipyap_core.jobs.work import Postponed
from yipyap_core.stores.engine import open_engine
from yipyap_core.stores.jobs import JobStore
from yipyap_core.stores.schema import metadata

SUBJECTS = ("a", "b", "c", "d")
FULL = Failure("disk_full", "Full.", "Free space.", True)
subjects = st.sampled_from(SUBJECTS)
ENDS = {
    "for good": GatedRepository("no"),
    "in passing": ConnectionLost("cut"),
    "postponed": Postponed(FULL, "waits_for_space", 5),
}
UNFINISHED = (*LIVE, JobState.FAILED)
WISHES: Mapping[str, Mapping[JobState, JobState]] = {
    "pause": dict.fromkeys(LIVE, JobState.PAUSED),
    "resume": {
        **dict.fromkeys(UNFINISHED, JobState.QUEUED),
        JobState.RUNNING: JobState.RUNNING,
    },
    "cancel": dict.fromkeys([*UNFINISHED, JobState.CANCELLED], JobState.CANCELLED),
}
"""Before -> after; a wish is refused in every other state."""


class WatchedStore(JobStore):
    """Notes every move that really happened."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.moves: list[tuple[JobState, JobState]] = []

    def move(
        self, job_id: str, before: Collection[JobState], after: JobState, **options: Any
    ) -> Job:
        state = self.get(job_id).state
        moved = super().move(job_id, before, after, **options)
        self.moves.append((state, moved.state))
        return moved

    def claim(self, job: Job, **options: Any) -> Job | None:
        claimed = super().claim(job, **options)
        if claimed is not None:
            self.moves.append((JobState.QUEUED, claimed.state))
        return claimed


class JobLife(RuleBasedStateMachine):
    """Drives one queue by hand, with the expected state of each subject beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.engine = open_engine(f"sqlite:///{self.folder.name}/store.sqlite3")
        metadata.create_all(self.engine)
        self.store = WatchedStore(self.engine)
        self.clock = HandClock()
        self.runners: list[JobRunner] = []
        self.workers: list[PuppetWorker] = []
        self.limit = 2
        self.jobs: dict[str, str] = {}
        self.expected: dict[str, JobState] = {}
        self.next_process()

    def teardown(self) -> None:
        for runner in self.runners:
            runner.stop()
        self.engine.dispose()
        self.folder.cleanup()

    def next_process(self) -> None:
        self.workers.append(PuppetWorker())
        self.runners.append(
            JobRunner(
                self.store,
                {JobKind.DOWNLOAD: self.worker},
                self.limit,
                self.clock,
                retry=RetryPolicy(max_retries=2, base_seconds=1, jitter=0),
                is_alive=lambda _: False,
                rng=random.Random(0),
            )
        )

    @property
    def runner(self) -> JobRunner:
        return self.runners[-1]

    @property
    def worker(self) -> PuppetWorker:
        return self.workers[-1]

    def those(self, *states: JobState) -> list[str]:
        return sorted(name for name, state in self.expected.items() if state in states)

    def settle(self, subject: str) -> None:
        attempt = self.runner._attempts.get(self.jobs[subject])
        assert attempt is None or attempt.finished.wait(10)

    @initialize()
    def begin_with_a_queue(self) -> None:
        for subject in SUBJECTS:
            self.submit(subject)

    @rule(subject=subjects)
    def submit(self, subject: str) -> None:
        joins = subject in self.those(*LIVE)
        retries = subject in self.those(JobState.FAILED)
        job, new = self.runner.submit(JobKind.DOWNLOAD, subject, "ada")
        assert new is not joins
        assert (job.id == self.jobs.get(subject)) is (joins or retries)
        if not joins:
            self.expected[subject] = JobState.QUEUED
        self.jobs[subject] = job.id

    @rule()
    def tick(self) -> None:
        self.clock.advance(30)  # longer than every wait of the policy
        places = self.limit - len(self.those(JobState.RUNNING))
        self.runner.tick()
        for job in self.store.live():
            if job.subject in self.those(JobState.QUEUED) and places > 0:
                self.expected[job.subject] = JobState.RUNNING
                places -= 1

    @precondition(lambda self: self.those(JobState.RUNNING))
    @rule(data=st.data(), how=st.sampled_from(["done", "for good", "in passing", "postponed"]))
    def work_ends(self, data: st.DataObject, how: str) -> None:
        subject = data.draw(st.sampled_from(self.those(JobState.RUNNING)))
        retries = self.store.get(self.jobs[subject]).retries
        if how == "done":
            self.worker.end(subject)
        else:
            self.worker.fail(subject, ENDS[how])
        self.settle(subject)
        patient = JobState.QUEUED if retries < 2 else JobState.FAILED
        self.expected[subject] = {
            "done": JobState.DONE,
            "for good": JobState.FAILED,
            "in passing": patient,
            "postponed": JobState.QUEUED,
        }[how]

    @rule(subject=subjects, wish=st.sampled_from(sorted(WISHES)))
    def wish(self, subject: str, wish: str) -> None:
        """A wish moves the states of its table and is refused in all others."""
        after, before = WISHES[wish], self.expected[subject]
        call = getattr(self.runner, wish)
        if before in after:
            assert call(self.jobs[subject]).state is after[before]
            self.expected[subject] = after[before]
        else:
            with pytest.raises(NotRunning):
                call(self.jobs[subject])

    @rule(limit=st.integers(1, 3))
    def change_the_limit(self, limit: int) -> None:
        running = [job for job in self.store.live() if job.state is JobState.RUNNING]
        self.limit = limit
        self.runner.set_max_concurrent(limit)
        for job in running[limit:]:
            self.settle(job.subject)
            self.expected[job.subject] = JobState.QUEUED

    @rule()
    def kill(self) -> None:
        """The process dies without a word; the next one finds what it left at its first look."""
        self.next_process()
        for subject, state in self.expected.items():
            if state is JobState.RUNNING:
                self.expected[subject] = JobState.QUEUED
        self.tick()

    @rule()
    def stop_in_peace(self) -> None:
        self.runner.stop()
        self.next_process()
        for subject, state in self.expected.items():
            if state is JobState.RUNNING:
                self.expected[subject] = JobState.QUEUED

    @precondition(lambda self: len(self.runners) > 1)
    @rule()
    def the_dead_stir(self) -> None:
        """A process that lost its jobs (it was only asleep) finishes them: it changes nothing."""
        for runner, worker in zip(self.runners[:-1], self.workers[:-1], strict=True):
            for attempt in runner._attempts.all():
                worker.end(attempt.job.subject)
                assert attempt.finished.wait(10)

    @invariant()
    def the_store_holds_what_is_expected(self) -> None:
        states = {subject: self.store.get(job_id).state for subject, job_id in self.jobs.items()}
        assert states == self.expected

    @invariant()
    def the_runner_runs_exactly_what_the_store_says(self) -> None:
        running = {attempt.job.id for attempt in self.runner._attempts.all()}
        stored = {job.id for job in self.store.live() if job.state is JobState.RUNNING}
        assert running == stored
        assert len(stored) <= self.limit

    @invariant()
    def no_subject_has_two_live_jobs(self) -> None:
        live = Counter(job.subject for job in self.store.live())
        assert all(count == 1 for count in live.values())

    @invariant()
    def every_move_is_in_the_table(self) -> None:
        assert all(after in TRANSITIONS[before] for before, after in self.store.moves)


TestJobLife = JobLife.TestCase
TestJobLife.settings = settings(max_examples=25, stateful_step_count=30)

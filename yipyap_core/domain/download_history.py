"""What a download job of the past tells: how long it worked, how fast, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from yipyap_core.domain.connections import KEY, HostUse, uses_of_json
from yipyap_core.domain.jobs import Failure, Job, JobState


@dataclass(frozen=True, slots=True)
class DownloadRecord:
    """One line of the history, read from a job."""

    job: Job

    @property
    def seconds(self) -> float:
        """How long a worker was at it, all attempts together, waiting left out."""
        return self.job.active_seconds

    @property
    def mean_speed_bps(self) -> float | None:
        """Network bytes over the time at work; None where nothing came over the network."""
        if self.job.fetched_bytes <= 0 or self.seconds <= 0:
            return None
        return self.job.fetched_bytes / self.seconds

    @property
    def connections(self) -> tuple[HostUse, ...]:
        """Which hosts were asked, how, and over how many connections, all attempts together."""
        return uses_of_json(self.job.payload.get(KEY))

    @property
    def is_verified(self) -> bool:
        """Whether it ended well: a job is only done when every hash was the publisher's."""
        return self.job.state is JobState.DONE

    @property
    def failure(self) -> Failure | None:
        """Why it ended badly, or what a retry waits after; None for one that ended well."""
        return None if self.is_verified else self.job.failure

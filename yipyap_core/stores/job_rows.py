"""How a job's row becomes a value and back; the only place that knows the columns' names."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from yipyap_core.domain.jobs import Failure, Job, JobKind, JobState, Phase, Progress


def job_of(row: sa.Row[Any]) -> Job:
    """Read one row of `jobs`."""
    return Job(
        id=row.id,
        kind=JobKind(row.kind),
        subject=row.subject,
        actor=row.actor,
        state=JobState(row.state),
        phase=Phase(row.phase),
        progress=_progress_of(row),
        attempt=row.attempt,
        priority=row.priority,
        position=row.position,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        not_before=row.not_before,
        failure=Failure(**row.failure) if row.failure else None,
        payload=row.payload,
        retries=row.retries,
        fetched_bytes=row.fetched_bytes,
        active_seconds=row.active_seconds,
    )


def progress_values(progress: Progress) -> dict[str, object]:
    """Columns that hold a job's progress."""
    return {
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "files_done": progress.files_done,
        "files_total": progress.files_total,
        "current_file": progress.current_file,
        "speed_bps": progress.speed_bps,
    }


def failure_value(failure: Failure | None) -> dict[str, object] | sa.Null:
    """JSON of a failure; SQL's null for none."""
    if failure is None:
        return sa.null()
    return {
        "code": failure.code,
        "message": failure.message,
        "hint": failure.hint,
        "retryable": failure.retryable,
    }


def job_values(job: Job) -> dict[str, object]:
    """Columns of a job that is added."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "subject": job.subject,
        "live_key": f"{job.kind.value}:{job.subject}" if job.is_live else None,
        "actor": job.actor,
        "state": job.state.value,
        "phase": job.phase.value,
        "attempt": job.attempt,
        "priority": job.priority,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "not_before": job.not_before,
        "failure": failure_value(job.failure),
        "payload": dict(job.payload),
        "retries": job.retries,
        "fetched_bytes": job.fetched_bytes,
        "active_seconds": job.active_seconds,
        **progress_values(job.progress),
    }


def _progress_of(row: sa.Row[Any]) -> Progress:
    left = row.bytes_total - row.bytes_done
    running = row.state == JobState.RUNNING.value and row.speed_bps > 0
    return Progress(
        bytes_done=row.bytes_done,
        bytes_total=row.bytes_total,
        files_done=row.files_done,
        files_total=row.files_total,
        current_file=row.current_file,
        speed_bps=row.speed_bps if running else 0.0,
        eta_seconds=left / row.speed_bps if running and left > 0 else None,
        settled=row.state == JobState.DONE.value,
    )

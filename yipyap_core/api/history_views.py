"""How past downloads, their timelines and what a stop keeps look in JSON."""

from __future__ import annotations

from dataclasses import asdict

from yipyap_core.api.views import Json, moment
from yipyap_core.domain.connections import uses_to_json
from yipyap_core.domain.download_history import DownloadRecord
from yipyap_core.domain.download_queue import KeptSummary
from yipyap_core.domain.jobs import JobEvent


def record(value: DownloadRecord) -> Json:
    """One download job, ended or not."""
    job, speed = value.job, value.mean_speed_bps
    return {
        "job_id": job.id,
        "model_id": job.subject,
        "state": job.state.value,
        "actor": job.actor,
        "created_at": moment(job.created_at),
        "started_at": moment(job.started_at),
        "finished_at": moment(job.finished_at),
        "active_seconds": round(value.seconds, 3),
        "mean_speed_bps": None if speed is None else round(speed),
        "bytes_done": job.progress.bytes_done,
        "bytes_total": job.progress.bytes_total,
        "fetched_bytes": job.fetched_bytes,
        "files_done": job.progress.files_done,
        "files_total": job.progress.files_total,
        "verified": value.is_verified,
        "attempts": job.attempt,
        "connections": uses_to_json(value.connections),
        "error": None if value.failure is None else asdict(value.failure),
    }


def event(value: JobEvent) -> Json:
    """One line of a timeline."""
    return {"at": moment(value.at), "kind": value.kind, "message": value.message}


def kept(value: KeptSummary) -> Json:
    """What stays when a download stops."""
    return {
        "files_done": value.files_done,
        "files_total": value.files_total,
        "kept_bytes": value.kept_bytes,
        "current_file": value.current_file,
        "current_bytes": value.current_bytes,
        "unfinished_files": value.unfinished_files,
        "lost_bytes": value.lost_bytes,
    }

"""How values of the domain look in JSON; the names are those of the HTTP contract."""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict
from typing import Any

from yipyap_core.domain.api_tokens import ApiToken
from yipyap_core.domain.download_queue import QueueStatus, QuietHours
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.host import HostReport
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.users import User

Json = dict[str, Any]


def moment(value: dt.datetime | None) -> str | None:
    """RFC 3339 in UTC."""
    if value is None:
        return None
    return value.astimezone(dt.UTC).isoformat().replace("+00:00", "Z")


def user(value: User) -> Json:
    """One account."""
    return {
        "username": value.username,
        "name": value.name,
        "role": value.role.value,
        "disabled": value.disabled,
        "created_at": moment(value.created_at),
        "last_sign_in": moment(value.last_sign_in),
    }


def api_token(value: ApiToken) -> Json:
    """One personal token, without its secret."""
    return {
        "id": value.id,
        "name": value.name,
        "role": value.role.value,
        "created_at": moment(value.created_at),
        "expires_at": moment(value.expires_at),
        "last_used_at": moment(value.last_used_at),
    }


def download_status(value: DownloadStatus) -> Json:
    """How a download stands."""
    progress = value.progress
    return {
        "model_id": value.model_id,
        "status": value.status.value,
        "phase": value.phase.value,
        "progress": round(progress.percent, 2),
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "speed_bps": round(progress.speed_bps),
        "eta_seconds": None if progress.eta_seconds is None else round(progress.eta_seconds, 1),
        "current_file": progress.current_file,
        "files_done": progress.files_done,
        "files_total": progress.files_total,
        "attempt": value.attempt,
        "priority": value.priority,
        "verified": value.verified,
        "error": None if value.error is None else asdict(value.error),
        "resumable_bytes": value.resumable_bytes,
        "resolved_commit": value.resolved_commit,
        "started_at": moment(value.started_at),
        "finished_at": moment(value.finished_at),
        "updated_at": moment(value.updated_at),
    }


def model(spec: ModelSpec, status: DownloadStatus) -> Json:
    """One model of the registry with the state of its files."""
    known_bytes = status.progress.bytes_total if status.resolved_commit else 0
    return {
        "id": spec.id,
        "name": spec.name,
        "family": spec.family,
        "type": spec.type.value,
        "description": spec.description,
        "repo_id": spec.repo_id,
        "repo_type": spec.repo_type.value,
        "revision": spec.revision,
        "resolved_commit": status.resolved_commit,
        "resolved_commit_is_known_good": status.resolved_commit in spec.known_good_commits,
        "allow_patterns": list(spec.allow_patterns),
        "ignore_patterns": list(spec.ignore_patterns),
        "size_bytes": known_bytes or spec.size_bytes,
        "size_is_estimate": not known_bytes,
        "license": spec.license,
        "gated": spec.gated,
        "note": spec.note,
        "status": download_status(status),
    }


def queue(value: QueueStatus) -> Json:
    """Everything that runs, waits or rests, and the limits in force."""
    return {
        "running": [download_status(one) for one in value.running],
        "queued": [download_status(one) for one in value.queued],
        "paused": [download_status(one) for one in value.paused],
        "max_concurrent": value.max_concurrent,
        "bandwidth_limit_bps": value.bandwidth_limit_bps,
        "total_speed_bps": round(value.total_speed_bps),
        "eta_seconds": None if value.eta_seconds is None else round(value.eta_seconds, 1),
        "quiet_hours": None if value.quiet_hours is None else quiet_hours(value.quiet_hours),
        "is_quiet": value.is_quiet,
    }


def quiet_hours(value: QuietHours) -> Json:
    """The window of the day, to the minute, in the server's zone."""
    return {
        "start": value.start.isoformat("minutes"),
        "end": value.end.isoformat("minutes"),
        "stops_running": value.stops_running,
    }


def host(value: HostReport) -> Json:
    """The machine."""
    memory = asdict(value.memory) | {"used_bytes": value.memory.used_bytes}
    volumes = [asdict(one) | {"used_bytes": one.used_bytes} for one in value.volumes]
    return {
        "at": moment(value.at),
        "cpu": asdict(value.cpu),
        "memory": memory,
        "gpus": [asdict(one) for one in value.gpus],
        "gpu_reason": value.gpu_reason,
        "volumes": volumes,
    }

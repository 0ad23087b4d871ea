"""Loaded models: what runs, what it costs, load and unload."""

from __future__ import annotations

import dataclasses
from typing import Any

from fastapi import APIRouter

from yipyap_core.api.access import Caller, Current
from yipyap_core.api.bodies import Body
from yipyap_core.api.views import moment
from yipyap_core.domain.engines import CanaryReport, EngineStatus, WorkerStatus

router = APIRouter(tags=["engines"])


class Pinning(Body):
    """Whether a loaded model stays whatever else needs room."""

    pinned: bool


@router.get("/engines")
def engines(principal: Caller, services: Current) -> dict[str, Any]:
    """Every model that an engine runs, loaded or not."""
    found = services.engines.list(principal)
    limits = dataclasses.asdict(services.engines.limits(principal))
    return {"total": len(found), "engines": [_engine(one) for one in found], "limits": limits}


@router.get("/engines/{model_id}")
def engine(model_id: str, principal: Caller, services: Current) -> dict[str, Any]:
    """One of them."""
    return _engine(services.engines.status(principal, model_id))


@router.post("/engines/{model_id}/load")
def load(model_id: str, principal: Caller, services: Current) -> dict[str, Any]:
    """Bring a model into memory and wait for it; also the way to try a failed one again."""
    return _engine(services.engines.load(principal, model_id))


@router.post("/engines/{model_id}/unload")
def unload(model_id: str, principal: Caller, services: Current) -> dict[str, Any]:
    """End its worker and give all its memory back."""
    return _engine(services.engines.unload(principal, model_id))


@router.post("/engines/{model_id}/pin")
def pin(model_id: str, body: Pinning, principal: Caller, services: Current) -> dict[str, Any]:
    """Keep it loaded, or no longer."""
    return _engine(services.engines.pin(principal, model_id, body.pinned))


@router.post("/engines/{model_id}/canary")
def canary(model_id: str, principal: Caller, services: Current) -> dict[str, Any]:
    """Ask it about the fixed picture and compare with its last good answer."""
    return _canary(services.engines.canary(principal, model_id))


def _engine(status: EngineStatus) -> dict[str, Any]:
    worker = status.worker
    return {
        "model_id": status.model_id,
        "name": status.name,
        "family": status.family,
        "engine": status.engine,
        "kind": status.kind.value,
        "state": status.state.value,
        "downloaded": status.downloaded,
        "configured": status.configured,
        "reloading": status.reloading,
        "reload_error": status.reload_error or None,
        "worker": _worker(worker) if worker else None,
        "canary": _canary(status.canary) if status.canary else None,
        "check_is_due": status.check_is_due,
    }


def _worker(worker: WorkerStatus) -> dict[str, Any]:
    info, progress = worker.info, worker.progress
    return {
        "device": info.device if info else None,
        "device_reason": info.device_reason if info else "",
        "precision": info.precision if info else None,
        "provider": info.provider if info else "",
        "details": dict(info.details) if info else {},
        "phase": progress.phase.value,
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "phase_seconds": progress.seconds,
        "load_seconds": worker.load_seconds,
        "memory_bytes": worker.memory.ram_bytes,
        "gpu_memory_bytes": worker.memory.gpu_bytes,
        "peak_memory_bytes": worker.peak.ram_bytes,
        "peak_gpu_memory_bytes": worker.peak.gpu_bytes,
        "pid": worker.pid,
        "in_use": worker.in_use,
        "queued": worker.queued,
        "requests": worker.requests,
        "pinned": worker.pinned,
        "crashes": worker.crashes,
        "last_used_at": moment(worker.last_used_at),
        "error": worker.error or None,
        "last_words": worker.last_words or None,
    }


def _canary(report: CanaryReport) -> dict[str, Any]:
    return {**dataclasses.asdict(report), "at": moment(report.at)}

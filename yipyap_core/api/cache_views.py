"""How the cache looks in JSON; the names are those of the HTTP contract."""

from __future__ import annotations

from dataclasses import asdict

from yipyap_core.api.views import Json, download_status, moment
from yipyap_core.domain.cache import CacheModel, CacheReport
from yipyap_core.domain.deletion import DeletionPlan, KeptItem, PlanItem
from yipyap_core.domain.doctor import Finding
from yipyap_core.domain.downloads import DownloadStatus
from yipyap_core.domain.reclaim import Suggestion
from yipyap_core.domain.trash import Restored, TrashEntry
from yipyap_core.domain.verification import Mismatch
from yipyap_core.services.cache.deletion import Deletion
from yipyap_core.services.cache.repair import Repair
from yipyap_core.services.cache.verify import VerifyView


def report(value: CacheReport) -> Json:
    """The whole cache."""
    disk = value.disk
    return {
        "cache_dir": str(value.cache_dir),
        "source": value.source,
        "exists": value.exists,
        "total_size_bytes": value.total_size_bytes,
        "model_count": value.model_count,
        "repo_count": value.repo_count,
        "partial_bytes": value.partial_bytes,
        "shared_store_bytes": value.shared_store_bytes,
        "trash_bytes": value.trash_bytes,
        "trash_entries": value.trash_entries,
        "disk": None if disk is None else asdict(disk),
        "warnings": list(value.warnings),
        "scanned_at": moment(value.scanned_at),
        "models": [model(one) for one in value.models],
    }


def model(value: CacheModel) -> Json:
    """One repository."""
    repo = value.repo
    return {
        "repo_id": repo.repo_id,
        "repo_type": repo.repo_type,
        "size_bytes": repo.size_bytes,
        "nb_files": repo.nb_files,
        "partial_bytes": repo.partial_bytes,
        "unreferenced_bytes": repo.unreferenced_bytes,
        "last_accessed": moment(value.last_accessed),
        "last_modified": moment(repo.last_modified),
        "last_used": moment(value.last_used),
        "in_registry": value.in_registry,
        "registry_ids": list(value.registry_ids),
        "in_use": value.in_use,
        "used_by": list(value.used_by),
        "warnings": list(repo.warnings),
        "revisions": [
            {
                "commit": one.commit,
                "refs": list(one.refs),
                "size_bytes": one.size_bytes,
                "nb_files": one.nb_files,
                "last_modified": moment(one.last_modified),
                "broken_links": one.broken_links,
            }
            for one in repo.revisions
        ],
    }


def plan(value: DeletionPlan) -> Json:
    """What would go and what would stay."""
    return {
        "plan_id": value.plan_id,
        "kind": value.request.kind.value,
        "created_at": moment(value.created_at),
        "purge": value.purge,
        "freed_bytes": value.freed_bytes,
        "freed_now_bytes": value.freed_now_bytes,
        "files": value.files,
        "items": [plan_item(one) for one in value.items],
        "kept": [kept(one) for one in value.kept],
    }


def plan_item(value: PlanItem) -> Json:
    """One repository's share of a plan."""
    return {
        "repo_id": value.repo_id,
        "repo_type": value.repo_type,
        "revisions": list(value.revisions),
        "files": value.files,
        "bytes": value.bytes,
        "in_use": value.in_use,
        "used_by": list(value.used_by),
        "shared_with": list(value.shared_with),
        "whole": value.is_whole,
    }


def kept(value: KeptItem) -> Json:
    """What stays, and why."""
    return {"repo_id": value.repo_id, "repo_type": value.repo_type, "reason": value.reason}


def deletion(value: Deletion) -> Json:
    """What an executed plan did."""
    return {
        "plan_id": value.plan.plan_id,
        "freed_bytes": value.freed_bytes,
        "freed_now_bytes": value.freed_now_bytes,
        "trashed": value.trashed,
        "trash_id": value.trash_id,
        "deleted": [one.repo_id for one in value.deleted],
        "items": [plan_item(one) for one in value.deleted],
        "kept": [kept(one) for one in value.kept],
    }


def trash_entry(value: TrashEntry) -> Json:
    """One entry of the trash."""
    return {
        "id": value.id,
        "plan_id": value.plan_id,
        "actor": value.actor,
        "created_at": moment(value.created_at),
        "state": value.state.value,
        "bytes": value.bytes,
        "items": [
            {
                "repo_id": one.repo_id,
                "repo_type": one.repo_type,
                "revisions": list(one.revisions),
                "whole": one.is_whole,
            }
            for one in value.items
        ],
    }


def restored(value: Restored) -> Json:
    """What came back."""
    return {
        "id": value.entry.id,
        "files": value.files,
        "bytes": value.entry.bytes,
        "superseded": list(value.superseded),
        "lost": list(value.lost),
    }


def check(value: VerifyView) -> Json:
    """One check of the contents."""
    status = _job_status(value.status)
    found = value.report
    return {
        **status,
        "verify_id": value.verify_id,
        "actor": value.actor,
        "folder": value.folder,
        "finished": value.finished,
        "checked_files": found.checked_files,
        "checked_bytes": found.checked_bytes,
        "unverifiable_files": found.unverifiable_files,
        "mismatches": [mismatch(one) for one in found.mismatches],
    }


def _job_status(value: DownloadStatus) -> Json:
    """The fields that every job has, without those of a model."""
    status = download_status(value)
    status.pop("model_id")
    status.pop("resolved_commit")
    return status


def mismatch(value: Mismatch) -> Json:
    """One damaged file."""
    return {
        "repo_id": value.repo_id,
        "repo_type": value.repo_type,
        "commit": value.commit,
        "path": value.path,
        "kind": value.kind.value,
        "expected": value.expected,
        "actual": value.actual,
        "size_bytes": value.size_bytes,
        "reason": value.reason,
    }


def repair(value: Repair) -> Json:
    """What is done about the damage of one commit."""
    return {
        **_job_status(value.status),
        "repair_id": value.repair_id,
        "verify_id": value.verify_id,
        "repo_id": value.repo_id,
        "repo_type": value.repo_type,
        "commit": value.commit,
        "files": list(value.files),
        "fetching": list(value.fetching),
        "problem": value.problem,
        "by_hand": value.by_hand,
        "removed_files": value.removed_files,
        "trash_id": value.trash_id,
    }


def suggestion(value: Suggestion) -> Json:
    """One thing that may go."""
    return {
        "id": value.id,
        "kind": value.kind.value,
        "rank": value.kind.rank,
        "repo_id": value.repo_id,
        "repo_type": value.repo_type,
        "commit": value.commit,
        "reason": value.reason,
        "bytes": value.bytes,
        "files": value.files,
        "in_registry": value.in_registry,
    }


def finding(value: Finding) -> Json:
    """One answer of the store doctor."""
    return {
        "question": value.question,
        "health": value.health.value,
        "answer": value.answer,
        "fix": value.fix,
    }

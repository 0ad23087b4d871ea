"""What a job keeps of the hub's answer, so that it goes on at the same commit after a restart."""

from __future__ import annotations

from typing import Any

from yipyap_core.domain.downloads import DownloadPlan, RemoteFile, RepoSnapshot, make_plan
from yipyap_core.domain.models import ModelSpec, RepoRef, RepoType
from yipyap_core.errors import YipyapError

FORMAT = 1


def document_of(spec: ModelSpec, snapshot: RepoSnapshot) -> dict[str, Any]:
    """Write down the commit's whole listing and which files the model wishes of it."""
    return {
        "format": FORMAT,
        "wishes": wishes_of(spec),
        "commit": snapshot.commit,
        "files": [
            [file.path, file.size_bytes, file.blob_id, file.sha256, file.xet_hash]
            for file in snapshot.files
        ],
    }


def plan_of_document(document: Any) -> DownloadPlan | None:
    """Make the plan again; None when nothing, or nothing that makes sense, was kept."""
    try:
        if document["format"] != FORMAT:
            return None
        wishes = document["wishes"]
        repo_id, repo_type, revision = wishes["repo"]
        repo = RepoRef(repo_id, RepoType(repo_type), revision)
        files = tuple(RemoteFile(*fields) for fields in document["files"])
        snapshot = RepoSnapshot(repo, document["commit"], files)
        return make_plan(snapshot, wishes["allow"], wishes["ignore"])
    except (TypeError, KeyError, ValueError, YipyapError):
        return None


def kept_plan(document: Any, spec: ModelSpec) -> DownloadPlan | None:
    """The plan that an earlier attempt made, as long as the model still wishes the same."""
    plan = plan_of_document(document)
    return plan if plan is not None and document["wishes"] == wishes_of(spec) else None


def wishes_of(spec: ModelSpec) -> dict[str, Any]:
    """What a plan depends on beside the commit, as JSON."""
    return {
        "repo": [spec.repo_id, spec.repo_type.value, spec.revision],
        "allow": list(spec.allow_patterns),
        "ignore": list(spec.ignore_patterns),
    }

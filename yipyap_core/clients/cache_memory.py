"""A walk of the cache as JSON values and back, so that the last one survives a restart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from yipyap_core.clients.cache_walk import RepoScan
from yipyap_core.clients.hub_cache import CacheScan
from yipyap_core.domain.cache import CachedRepo, CachedRevision, PartialFile, PartialOwner

FORMAT = 1


def to_json(scan: CacheScan) -> dict[str, Any]:
    """Write a walk as values that JSON knows; moments become seconds."""
    return {
        "format": FORMAT,
        "scanned_at": scan.scanned_at.timestamp(),
        "shared_store_bytes": scan.shared_store_bytes,
        "warnings": list(scan.warnings),
        "exists": scan.exists,
        "repos": [_repo_to_json(found) for found in scan.repos.values()],
    }


def from_json(kept: Mapping[str, Any]) -> CacheScan | None:
    """Read what `to_json` wrote; None for another format or values that make no sense."""
    if kept.get("format") != FORMAT:
        return None
    try:
        scans = [_repo_from_json(values) for values in kept["repos"]]
        return CacheScan(
            repos={scan.repo.folder: scan for scan in scans},
            shared_store_bytes=kept["shared_store_bytes"],
            warnings=tuple(kept["warnings"]),
            scanned_at=_moment(kept["scanned_at"]),
            exists=kept["exists"],
        )
    except (KeyError, TypeError, ValueError):
        return None


def _repo_to_json(scan: RepoScan) -> dict[str, Any]:
    values = asdict(scan.repo, dict_factory=_plain)
    return {"repo": values, "stamps": scan.stamps, "scanned_ns": scan.scanned_ns}


def _plain(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {
        name: value.timestamp() if isinstance(value, dt.datetime) else value
        for name, value in pairs
    }


def _repo_from_json(kept: Mapping[str, Any]) -> RepoScan:
    values = dict(kept["repo"])
    values["revisions"] = tuple(_revision(revision) for revision in values["revisions"])
    values["partials"] = tuple(_partial(partial) for partial in values["partials"])
    for name in ("outside_links", "warnings"):
        values[name] = tuple(values[name])
    for name in ("last_accessed", "last_modified"):
        values[name] = _moment(values[name])
    stamps = tuple((str(path), int(mtime), int(inode)) for path, mtime, inode in kept["stamps"])
    return RepoScan(CachedRepo(**values), stamps, int(kept["scanned_ns"]))


def _revision(kept: Mapping[str, Any]) -> CachedRevision:
    values = {**kept, "refs": tuple(kept["refs"]), "last_modified": _moment(kept["last_modified"])}
    return CachedRevision(**values)


def _partial(kept: Mapping[str, Any]) -> PartialFile:
    moment, owner = _moment(kept["modified_at"]), PartialOwner(kept["owner"])
    return PartialFile(kept["name"], kept["size_bytes"], moment, owner)


def _moment(seconds: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, dt.UTC)

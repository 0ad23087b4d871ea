"""The repositories the hub holds, and how tests declare and change them."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

from tests.standins.hub.contents import ContentStore, Source
from tests.standins.hub.repos import Commit, Entry, Gate, Lfs, Repo, RepoType


class RepoOptions(TypedDict, total=False):
    """What may be said of a new repository.

    `lfs` says which files are large ones: from so many bytes on, or by name; by default the
    usual suffixes and everything from 10 MiB on. With `xet` the large files are also offered by
    a chunk store. `commit` fixes the id of the first commit.
    """

    repo_type: RepoType
    revision: str
    gated: Gate | bool
    private: bool
    license: str | None
    library: str | None
    tags: Sequence[str]
    lfs: Lfs | None
    xet: bool
    commit: str | None


class CommitOptions(TypedDict, total=False):
    """What may be said of a further commit; `commit` fixes its id."""

    repo_type: RepoType
    revision: str
    title: str
    commit: str | None


class Catalog:
    """Every repository by type and name; changes take a lock, reads see finished commits."""

    def __init__(self, folder: Path | None) -> None:
        """Keep generated files in `folder`, by default where temporary files are."""
        self._store = ContentStore(folder)
        self._lock = threading.Lock()
        self._repos: dict[tuple[RepoType, str], Repo] = {}

    def get(self, repo_type: RepoType, repo_id: str) -> Repo | None:
        """The repository, if it was declared."""
        return self._repos.get((repo_type, repo_id))

    def of_type(self, repo_type: RepoType) -> list[Repo]:
        """All repositories of a type, in the order of their declaration."""
        return [repo for (kind, _), repo in list(self._repos.items()) if kind == repo_type]

    def all(self) -> list[Repo]:
        """All repositories of whatever type."""
        return list(self._repos.values())

    def add_repo(
        self,
        repo_id: str,
        files: Mapping[str, Source],
        **options: Unpack[RepoOptions],
    ) -> str:
        """Declare a repository with one commit on a branch; returns the commit's id."""
        repo = _new_repo(repo_id, options)
        branch, sha = options.get("revision", "main"), options.get("commit")
        with self._lock:
            self._repos[repo.repo_type, repo_id] = repo
            entries = self._entries(repo, files)
            return repo.add_commit(entries, branch=branch, title="initial commit", sha=sha).sha

    def commit(
        self,
        repo_id: str,
        files: Mapping[str, Source | None],
        **options: Unpack[CommitOptions],
    ) -> str:
        """Add, replace or (None) delete files on a branch, new or old; returns the commit."""
        revision, title = options.get("revision", "main"), options.get("title", "update")
        with self._lock:
            repo = self._repos[options.get("repo_type", "model"), repo_id]
            parent = repo.at(revision) or repo.commits[-1]
            kept = {path: entry for path, entry in parent.files.items() if path not in files}
            changed = {path: source for path, source in files.items() if source is not None}
            kept |= self._entries(repo, changed)
            sha = options.get("commit")
            return repo.add_commit(kept, branch=revision, title=title, sha=sha).sha

    def tag(
        self, repo_id: str, tag: str, *, repo_type: RepoType = "model", revision: str = "main"
    ) -> None:
        """Let `tag` name what `revision` names now."""
        with self._lock:
            repo = self._repos[repo_type, repo_id]
            repo.tagged[tag] = _known(repo.at(revision), revision)

    def remove_repo(self, repo_id: str, *, repo_type: RepoType = "model") -> None:
        """Forget a repository, as when its owner deletes it."""
        with self._lock:
            del self._repos[repo_type, repo_id]

    def close(self) -> None:
        """Close every file that is open."""
        with self._lock:
            self._repos.clear()
            self._store.close()

    def _entries(self, repo: Repo, files: Mapping[str, Source]) -> dict[str, Entry]:
        contents = {path: self._store.content(source) for path, source in files.items()}
        return {
            path: Entry(path, content, repo.is_lfs(path, content.size_bytes), repo.xet)
            for path, content in contents.items()
        }


def _new_repo(repo_id: str, options: RepoOptions) -> Repo:
    gated = options.get("gated", False)
    return Repo(
        repo_id,
        options.get("repo_type", "model"),
        gated="auto" if gated is True else gated or None,
        private=options.get("private", False),
        license=options.get("license"),
        library=options.get("library"),
        tags=options.get("tags", ()),
        lfs=options.get("lfs"),
        xet=options.get("xet", False),
    )


def _known(commit: Commit | None, revision: str) -> Commit:
    if commit is None:
        raise KeyError(revision)
    return commit

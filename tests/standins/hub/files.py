"""The files themselves: directly from the hub when small, else by way of the blob port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import quote

from tests.standins.connections import Request
from tests.standins.hub.answers import Answer, error, text, whole_file
from tests.standins.hub.catalog import Catalog
from tests.standins.hub.repos import Commit, Entry, Repo, RepoType
from tests.standins.hub.signing import Signer, denied


@dataclass(frozen=True, slots=True)
class FileSettings:
    """How files are handed out.

    With `resolve_cache`, small files answer with the relative redirect of the real hub.
    """

    signature_seconds: float = 3600.0
    resolve_cache: bool = False


class FileServer:
    """Answers `/resolve/` on the hub's port and the signed addresses on the blob port."""

    def __init__(
        self,
        catalog: Catalog,
        *,
        hub_url: Callable[[], str],
        cdn_url: Callable[[], str],
        settings: Callable[[], FileSettings],
    ) -> None:
        """Serve out of `catalog`, for a hub at `hub_url` with its blobs at `cdn_url`."""
        self._catalog = catalog
        self._hub_url = hub_url
        self._cdn_url = cdn_url
        self._settings = settings
        self.signer = Signer()

    def resolve(self, repo: Repo, commit: Commit, path: str) -> Answer:
        """The file, or where to get it."""
        entry = commit.files[path]
        if entry.lfs:
            answer = self._redirect_to_cdn(repo, commit, entry)
            return self._with_xet(answer, repo, commit, entry) if repo.xet else answer
        if self._settings().resolve_cache:
            return _redirect_to_cache(repo, commit, path)
        return self.direct(commit, path)

    def direct(self, commit: Commit, path: str) -> Answer:
        """The bytes of a small file, with the headers that name it."""
        entry = commit.files[path]
        return whole_file(entry.content, entry.etag, X_Repo_Commit=commit.sha)

    def _redirect_to_cdn(self, repo: Repo, commit: Commit, entry: Entry) -> Answer:
        sha256 = entry.content.sha256
        lifetime = self._settings().signature_seconds
        address = f"/repos/{repo.repo_type}s/{quote(repo.repo_id)}/{sha256}"
        signed = self.signer.sign(address, entry.path, lifetime)
        location = f"{self._cdn_url()}{signed}"
        answer = text(302, f"Found. Redirecting to {location}", "text/plain; charset=utf-8")
        return answer.with_headers(
            Location=location,
            X_Repo_Commit=commit.sha,
            X_Linked_Etag=f'"{sha256}"',
            X_Linked_Size=str(entry.size_bytes),
            Accept_Ranges="bytes",
        )

    def _with_xet(self, answer: Answer, repo: Repo, commit: Commit, entry: Entry) -> Answer:
        route = f"/api/{repo.repo_type}s/{repo.repo_id}/xet-read-token/{commit.sha}"
        link = f'<{self._hub_url()}{route}>; rel="xet-auth"'
        return answer.with_headers(X_Xet_Hash=entry.xet_hash, Link=link)

    def blob(self, request: Request) -> tuple[Answer, str | None, str | None]:
        """The bytes behind a signed address, with the repository and path it was signed for."""
        repo, path, sha256 = self._signed_target(request)
        repo_id = repo.repo_id if repo else None
        if not request.raw_path.startswith("/repos/"):
            return error(404, "Not Found"), None, None
        refused = self.signer.refuse(request)
        if refused is not None:
            return refused, repo_id, path
        entry = _stored(repo, path, sha256)
        if entry is None:
            return denied("No such blob"), repo_id, path
        return whole_file(entry.content, cdn_etag(entry)), repo_id, path

    def _signed_target(self, request: Request) -> tuple[Repo | None, str | None, str]:
        parts = request.segments
        path = request.query.get("path", [None])[0]
        if len(parts) < 4 or parts[0] != "repos":
            return None, path, ""
        kinds: dict[str, RepoType] = {"models": "model", "datasets": "dataset", "spaces": "space"}
        repo_type = kinds.get(parts[1], "model")
        return self._catalog.get(repo_type, "/".join(parts[2:-1])), path, parts[-1]


def cdn_etag(entry: Entry) -> str:
    """The blob server's own ETag, which as on the real one is not the hub's."""
    return f"{entry.content.sha256[32:]}-1"


def no_entry(commit: Commit) -> Answer:
    """The 404 of a file that the commit does not have."""
    return error(404, "Entry not found", "EntryNotFound", X_Repo_Commit=commit.sha)


def _redirect_to_cache(repo: Repo, commit: Commit, path: str) -> Answer:
    address = f"/api/resolve-cache/{repo.repo_type}s/{repo.repo_id}/{commit.sha}/{quote(path)}"
    answer = text(307, f"Temporary Redirect. Redirecting to {address}", "text/plain")
    return answer.with_headers(Location=address, X_Repo_Commit=commit.sha)


def _stored(repo: Repo | None, path: str | None, sha256: str) -> Entry | None:
    if repo is None or path is None:
        return None
    for commit in reversed(repo.commits):
        entry = commit.files.get(path)
        if entry is not None and entry.content.sha256 == sha256:
            return entry
    return None

"""Metadata of the Hugging Face hub through its own client; no byte of a file comes this way.

huggingface_hub is imported at the first call, not with this module: it costs most of a second.
Its exceptions end here; see `hub_faults`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from yipyap_core.clients.hub_faults import hub_errors
from yipyap_core.clients.hub_redirects import asking
from yipyap_core.clients.hub_session import for_a_person, prepare_session
from yipyap_core.domain.downloads import RemoteFile, RepoSnapshot
from yipyap_core.domain.hub import Preflight, RepoHit
from yipyap_core.domain.models import REPO_ID, RepoRef
from yipyap_core.errors import GatedRepository, HubAnswerInvalid, TransferError

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ANSWER_TIMEOUT_SECONDS = 30.0
COMMIT = re.compile(r"[0-9a-f]{40}")
MOST_HITS = 100
MOST_BYTES = 1 << 60
"""Of one repository; what is more cannot be stored as a number either."""


class HubClient:
    """Asks one hub, with whatever token is set at the moment of each call."""

    def __init__(self, endpoint: str, token_provider: Callable[[], str | None]) -> None:
        """Make no connection yet; the endpoint is passed with each call."""
        self._endpoint = endpoint.rstrip("/")
        self._token_provider = token_provider

    def resolve(self, repo: RepoRef) -> RepoSnapshot:
        """Which commit the revision is now, and every file of it with size and hash.

        Two requests and one more for each further thousand files. Raises `TransferError`.
        """
        api, token = self._api()
        with self._asking(repo.repo_id, repo.revision, token):
            info = api.repo_info(
                repo.repo_id,
                revision=repo.revision,
                repo_type=repo.repo_type.value,
                timeout=ANSWER_TIMEOUT_SECONDS,
            )
            commit = _commit(info.sha)
            return RepoSnapshot(repo, commit, _listing(api, repo, commit))

    def search(self, query: str, limit: int = 20) -> tuple[RepoHit, ...]:
        """Models whose name or description matches, most downloaded first.

        A hub that is away is given up within seconds, since a person waits.
        """
        api, token = self._api()
        with self._asking(query[:100], None, token), for_a_person():
            found = api.list_models(
                search=query, sort="downloads", limit=min(limit, MOST_HITS), full=True
            )
            return tuple(_hit(model) for model in found if REPO_ID.match(model.id))

    def preflight(self, repo: RepoRef) -> Preflight:
        """Size, licence, and whether the files would be given to us; three small requests."""
        with for_a_person():
            return self._preflight(repo)

    def _preflight(self, repo: RepoRef) -> Preflight:
        api, token = self._api()
        with self._asking(repo.repo_id, repo.revision, token):
            info = api.repo_info(
                repo.repo_id,
                revision=repo.revision,
                repo_type=repo.repo_type.value,
                timeout=ANSWER_TIMEOUT_SECONDS,
            )
            files = _listing(api, repo, _commit(info.sha))
        hint = self._missing_access(repo) if info.gated else None
        return Preflight(
            repo=repo,
            commit=_commit(info.sha),
            size_bytes=sum({file.etag: file.size_bytes for file in files}.values()),
            file_count=len(files),
            license=_license(info),
            gated=bool(info.gated),
            private=bool(info.private),
            has_token=token is not None,
            access=hint is None,
            access_hint=hint,
        )

    def _missing_access(self, repo: RepoRef) -> str | None:
        api, token = self._api()
        if token is None:
            return GatedRepository.hint
        try:
            with self._asking(repo.repo_id, repo.revision, token):
                api.auth_check(repo.repo_id, repo_type=repo.repo_type.value)
        except TransferError as error:
            if error.retryable:
                raise
            return error.hint
        return None

    @contextlib.contextmanager
    def _asking(self, subject: str, revision: str | None, token: str | None) -> Iterator[None]:
        errors = hub_errors(subject, revision, with_token=token is not None)
        with asking(self._endpoint), errors:
            yield

    def _api(self) -> tuple[HfApi, str | None]:
        prepare_session(ANSWER_TIMEOUT_SECONDS)
        from huggingface_hub import HfApi

        token = self._token_provider()
        # False, not None: with None the client would look for a token of its own.
        return HfApi(endpoint=self._endpoint, token=token or False), token


def _listing(api: HfApi, repo: RepoRef, commit: str) -> tuple[RemoteFile, ...]:
    files = tuple(_files(api, repo, commit))
    if sum(file.size_bytes for file in files) > MOST_BYTES:
        raise HubAnswerInvalid(f"The hub lists more in {repo.repo_id} than any disk holds.")
    return files


def _size(path: str, size: Any) -> int:
    if not isinstance(size, int) or size < 0:
        raise HubAnswerInvalid(f"The hub gave {path[:100]!r} a size that is none.")
    return size


def _files(api: HfApi, repo: RepoRef, commit: str) -> Iterator[RemoteFile]:
    from huggingface_hub import RepoFile

    tree = api.list_repo_tree(
        repo.repo_id, recursive=True, revision=commit, repo_type=repo.repo_type.value
    )
    for entry in tree:
        if isinstance(entry, RepoFile):
            yield RemoteFile(
                path=entry.path,
                size_bytes=_size(entry.path, entry.lfs.size if entry.lfs else entry.size),
                blob_id=entry.blob_id,
                sha256=entry.lfs.sha256 if entry.lfs else None,
                xet_hash=entry.xet_hash,
            )


def _commit(sha: str | None) -> str:
    if sha is None or not COMMIT.fullmatch(sha):
        raise HubAnswerInvalid("The hub named no commit for the revision.")
    return sha


def _hit(model: Any) -> RepoHit:
    return RepoHit(
        repo_id=model.id,
        downloads=model.downloads or 0,
        likes=model.likes or 0,
        gated=bool(model.gated),
        tags=tuple(str(tag) for tag in model.tags or ()),
        library=model.library_name,
        task=model.pipeline_tag,
        last_modified=model.last_modified,
    )


def _license(info: Any) -> str | None:
    card = info.card_data
    named = card.get("license") if card is not None else None
    if isinstance(named, str):
        return named
    prefix = "license:"
    return next((tag[len(prefix) :] for tag in info.tags or () if tag.startswith(prefix)), None)

"""Which address means what: finds the repository and hands over to the pages below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.standins.connections import Request
from tests.standins.hub import files, listings
from tests.standins.hub.access import Gatekeeper, not_found
from tests.standins.hub.answers import Answer, Routed, Stage, error, json_answer
from tests.standins.hub.catalog import Catalog
from tests.standins.hub.files import FileServer
from tests.standins.hub.repos import Commit, Repo, RepoType
from tests.standins.hub.xet import ChunkStore

_TYPES: Mapping[str, RepoType] = {"models": "model", "datasets": "dataset", "spaces": "space"}


@dataclass(frozen=True, slots=True)
class Target:
    """A repository in an address: its type, name, what is asked of it, and the rest."""

    repo_type: RepoType
    repo_id: str
    action: str
    rest: tuple[str, ...] = field(default=())


class Router:
    """Answers every address of the hub's own port."""

    def __init__(
        self,
        catalog: Catalog,
        gatekeeper: Gatekeeper,
        file_server: FileServer,
        chunk_store: ChunkStore,
        *,
        tree_page_size: Callable[[], int],
    ) -> None:
        """Serve what is in `catalog` to whom `gatekeeper` lets in."""
        self._catalog = catalog
        self._gatekeeper = gatekeeper
        self._files = file_server
        self._store = chunk_store
        self._tree_page_size = tree_page_size

    def route(self, request: Request) -> Routed:
        """Decide the answer; nothing is sent yet."""
        segments = request.segments
        if segments[0] != "api" or segments[1:2] == ["resolve-cache"]:
            return self._route_file(segments, request)
        refused = self._gatekeeper.refuse_credentials(request)
        if refused is not None:
            return Routed(refused, Stage.API)
        return self._route_api(segments[1:], request)

    def _route_api(self, segments: list[str], request: Request) -> Routed:
        match segments:
            case ["whoami-v2"]:
                return Routed(self._whoami(request), Stage.API)
            case ["agent-harnesses"]:
                return Routed(json_answer({}), Stage.API)
            case [kind] if kind in _TYPES:
                return Routed(self._search(_TYPES[kind], request), Stage.API)
        target = api_target(segments)
        if target is None:
            return Routed(error(404, "Not Found"), Stage.API)
        return Routed(self._listing(target, request), Stage.API, target.repo_id)

    def _whoami(self, request: Request) -> Answer:
        token = self._gatekeeper.token(request)
        if token is None:
            return error(401, "Invalid username or password.")
        return json_answer(token.whoami())

    def _search(self, repo_type: RepoType, request: Request) -> Answer:
        repos = [
            repo
            for repo in self._catalog.of_type(repo_type)
            if self._gatekeeper.sees(repo, request)
        ]
        return listings.search(repos, request)

    def _visible(self, target: Target, request: Request) -> Repo | None:
        repo = self._catalog.get(target.repo_type, target.repo_id)
        return repo if repo is not None and self._gatekeeper.sees(repo, request) else None

    def _listing(self, target: Target, request: Request) -> Answer:
        repo = self._visible(target, request)
        if repo is None:
            return not_found(request)
        match target.action:
            case "auth-check":
                return self._gatekeeper.refuse_gated(repo, request) or json_answer({})
            case "refs":
                return listings.refs(repo)
            case "xet-read-token":
                return self._gatekeeper.refuse_gated(repo, request) or self._store.token(repo)
        revision = target.rest[0] if target.rest else "main"
        commit = repo.at(revision)
        if commit is None:
            return error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self._listing_at(repo, commit, target, request)

    def _listing_at(self, repo: Repo, commit: Commit, target: Target, request: Request) -> Answer:
        match target.action:
            case "tree":
                page_size = self._tree_page_size()
                return listings.tree(commit, "/".join(target.rest[1:]), request, page_size)
            case "paths-info":
                return listings.paths_info(commit, request)
            case "commits":
                return listings.commits(repo)
        return listings.information(repo, commit, blobs="blobs" in request.query)

    def _route_file(self, segments: list[str], request: Request) -> Routed:
        target = file_target(segments)
        if target is None:
            return Routed(error(404, "Not Found"), Stage.RESOLVE)
        revision, path = target.rest[0], "/".join(target.rest[1:])
        answer = self._gatekeeper.refuse_credentials(request) or self._file(
            target, revision, path, request
        )
        stage = Stage.RESOLVE
        if answer.is_file and request.method == "GET":
            stage |= Stage.CONTENT
        return Routed(answer, stage, target.repo_id, path)

    def _file(self, target: Target, revision: str, path: str, request: Request) -> Answer:
        repo = self._visible(target, request)
        if repo is None:
            return not_found(request)
        commit = repo.at(revision)
        if commit is None:
            return error(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        refused = self._gatekeeper.refuse_gated(repo, request)
        if refused is not None:
            return refused.with_headers(X_Repo_Commit=commit.sha)
        if path not in commit.files:
            return files.no_entry(commit)
        if target.action == "resolve-cache":
            return self._files.direct(commit, path)
        return self._files.resolve(repo, commit, path)


def api_target(segments: list[str]) -> Target | None:
    """The repository of `<type>/<id>[/<action>/...]`; an id has one part or two."""
    if len(segments) < 2 or segments[0] not in _TYPES:
        return None
    repo_type, rest = _TYPES[segments[0]], segments[1:]
    actions = {"revision", "tree", "paths-info", "commits", "refs", "auth-check", "xet-read-token"}
    for parts in (1, 2):
        if len(rest) > parts and rest[parts] in actions:
            repo_id = "/".join(rest[:parts])
            return Target(repo_type, repo_id, rest[parts], tuple(rest[parts + 1 :]))
    return Target(repo_type, "/".join(rest), "revision") if len(rest) <= 2 else None


def file_target(segments: list[str]) -> Target | None:
    """The file of `[<type>/]<id>/resolve/<revision>/<path>` or of a resolve-cache address."""
    if segments[:2] == ["api", "resolve-cache"] and len(segments) > 5:
        repo_type = _TYPES.get(segments[2], "model")
        repo_id = "/".join(segments[3:5])
        return Target(repo_type, repo_id, "resolve-cache", tuple(segments[5:]))
    repo_type = "model"
    if segments[0] in _TYPES:
        repo_type, segments = _TYPES[segments[0]], segments[1:]
    for parts in (1, 2):
        if len(segments) > parts + 2 and segments[parts] == "resolve":
            repo_id = "/".join(segments[:parts])
            return Target(repo_type, repo_id, "resolve", tuple(segments[parts + 1 :]))
    return None

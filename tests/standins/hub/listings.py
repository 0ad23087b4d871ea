"""The JSON pages of the hub: information, tree, paths, references, search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs, urlencode

from tests.standins.connections import Request
from tests.standins.hub.answers import Answer, error, json_answer, raw_json
from tests.standins.hub.repos import Commit, Repo, folder_item, timestamp

_SEARCH_PAGE = 1000


def information(repo: Repo, commit: Commit, *, blobs: bool) -> Answer:
    """What a repository says of itself at a commit, with its files."""
    siblings = [
        entry.sibling() if blobs else {"rfilename": path} for path, entry in commit.files.items()
    ]
    used = sum(entry.size_bytes for entry in commit.files.values())
    details = {
        "sha": commit.sha,
        "siblings": siblings,
        "usedStorage": used,
        "cardData": {"license": repo.license} if repo.license else {},
    }
    return json_answer({**_summary(repo), **details})


def _summary(repo: Repo) -> dict[str, Any]:
    license_tags = [f"license:{repo.license}"] if repo.license else []
    return {
        "_id": "66b000000000000000000001",
        "id": repo.repo_id,
        "modelId": repo.repo_id,
        "author": repo.repo_id.split("/")[0],
        "lastModified": timestamp(repo.commits[-1].date),
        "createdAt": timestamp(repo.commits[0].date),
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "library_name": repo.library,
        "tags": [*([repo.library] if repo.library else []), *repo.tags, *license_tags],
    }


def tree(commit: Commit, folder: str, request: Request, page_size: int) -> Answer:
    """One page of the files and folders below `folder`, and the address of the next one."""
    if folder and folder not in commit.folders:
        return error(404, f"{folder} does not exist on the given revision", "EntryNotFound")
    query = {name: values[0] for name, values in request.query.items()}
    recursive = query.get("recursive", "false").lower() == "true"
    start = int(query.get("cursor", "0"))
    size = min(int(query.get("limit", page_size)), page_size)
    items = _below(commit, folder, recursive=recursive)
    body = b"[" + b",".join(items[start : start + size]) + b"]"
    if start + size >= len(items):
        return raw_json(body)
    query["cursor"] = str(start + size)
    host = request.headers.get("host", "")
    address = f"http://{host}{request.raw_path}?{urlencode(query)}"
    return raw_json(body, Link=f'<{address}>; rel="next"')


def _below(commit: Commit, folder: str, *, recursive: bool) -> list[bytes]:
    if recursive and not folder:
        return list(commit.tree.values())
    prefix = f"{folder}/" if folder else ""
    return [
        item
        for path, item in commit.tree.items()
        if path.startswith(prefix) and (recursive or "/" not in path.removeprefix(prefix))
    ]


def paths_info(commit: Commit, request: Request) -> Answer:
    """The items of the paths in the form body; unknown ones are left out."""
    form = parse_qs(request.body.decode(), keep_blank_values=True)
    found: list[dict[str, Any]] = []
    for path in form.get("paths", []):
        if path in commit.files:
            found.append(commit.files[path].tree_item())
        elif path in commit.folders:
            found.append(folder_item(path))
    return json_answer(found)


def refs(repo: Repo) -> Answer:
    """Branches and tags with what they point to."""
    branches = [_ref(name, "heads", commit) for name, commit in repo.branches.items()]
    tags = [_ref(name, "tags", commit) for name, commit in repo.tagged.items()]
    return json_answer({"branches": branches, "tags": tags, "converts": []})


def _ref(name: str, kind: str, commit: Commit) -> dict[str, str]:
    return {"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": commit.sha}


def commits(repo: Repo) -> Answer:
    """The commits, newest first."""
    return json_answer(
        [
            {"id": commit.sha, "title": commit.title, "date": timestamp(commit.date)}
            | {"message": "", "authors": [{"user": "tests"}]}
            for commit in reversed(repo.commits)
        ]
    )


def search(repos: Sequence[Repo], request: Request) -> Answer:
    """The repositories whose name holds the search words, in pages."""
    query = {name: values[0] for name, values in request.query.items()}
    words = query.get("search", "").lower()
    author = query.get("author", "")
    found = [
        _summary(repo)
        for repo in repos
        if words in repo.repo_id.lower() and repo.repo_id.startswith(author)
    ]
    start = int(query.get("cursor", "0"))
    end = start + min(int(query.get("limit", _SEARCH_PAGE)), _SEARCH_PAGE)
    if end >= len(found):
        return json_answer(found[start:])
    address = f"{request.raw_path}?{urlencode({**query, 'cursor': str(end)})}"
    link = f'<http://{request.headers.get("host", "")}{address}>; rel="next"'
    return json_answer(found[start:end], Link=link)

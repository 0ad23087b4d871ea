"""Declarations as JSON: the seed file and what travels to a hub in another process."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from tests.standins.hub.access import Token
from tests.standins.hub.answers import Stage
from tests.standins.hub.contents import Pattern, Source, Sparse
from tests.standins.hub.interface import HubInterface
from tests.standins.hub.rules import RuleOptions, fault_from_json


def source_to_json(source: Source | None) -> Any:
    """A file's declaration; null deletes it."""
    match source:
        case None:
            return None
        case bytes():
            return {"base64": _text(source)}
        case Path():
            return {"path": str(source)}
        case Sparse(size_bytes, sha256):
            return {"sparse": {"size_bytes": size_bytes, "sha256": sha256}}
        case Pattern(size_bytes, seed, head):
            return {"pattern": {"size_bytes": size_bytes, "seed": seed, "head": _text(head)}}


def source_from_json(value: Any) -> Source | None:
    """What `source_to_json` wrote; `{"text": ...}` is understood as well."""
    match value:
        case None:
            return None
        case {"base64": data}:
            return base64.b64decode(data)
        case {"text": text}:
            return str(text).encode()
        case {"path": path}:
            return Path(path)
        case {"sparse": fields}:
            return Sparse(**fields)
        case {"pattern": fields}:
            return Pattern(**{**fields, "head": base64.b64decode(fields.get("head", ""))})
    raise ValueError(f"not a file's content: {value!r}")


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def token_to_json(token: Token) -> dict[str, Any]:
    """A token and what it opens."""
    return {
        "value": token.value,
        "user": token.user,
        "role": token.role,
        "repos": sorted(token.repos),
        "gated_scope": token.gated_scope,
    }


def token_from_json(value: Mapping[str, Any]) -> Token:
    """What `token_to_json` wrote."""
    return Token(**{**value, "repos": frozenset(value.get("repos", ()))})


def rule_to_json(options: RuleOptions) -> dict[str, Any]:
    """The choice of requests of a rule."""
    written: dict[str, Any] = dict(options)
    if "on" in options:
        written["on"] = options["on"].value
    return written


def rule_from_json(value: Mapping[str, Any]) -> RuleOptions:
    """What `rule_to_json` wrote; a stage may be given by its name."""
    options = dict(value)
    stage = options.get("on")
    if stage is not None:
        options["on"] = Stage[stage] if isinstance(stage, str) else Stage(stage)
    return cast(RuleOptions, options)


def seed_hub(hub: HubInterface, spec: Mapping[str, Any]) -> None:
    """Declare everything in a seed file: settings, tokens, repos, commits, tags, faults."""
    hub.configure(**spec.get("settings", {}))
    for token in spec.get("tokens", ()):
        hub.add_token(token_from_json(token))
    for repo in spec.get("repos", ()):
        add_repo_from_json(hub, repo)
    for commit in spec.get("commits", ()):
        commit_from_json(hub, commit)
    for tag in spec.get("tags", ()):
        hub.tag(**tag)
    for rule in spec.get("faults", ()):
        add_rule_from_json(hub, rule)


def add_repo_from_json(hub: HubInterface, value: Mapping[str, Any]) -> str:
    """Declare the repository of `{"repo_id", "files", ...options}`."""
    fields = dict(value)
    files = {path: source_from_json(source) for path, source in fields.pop("files").items()}
    kept = {path: source for path, source in files.items() if source is not None}
    return hub.add_repo(fields.pop("repo_id"), kept, **fields)


def commit_from_json(hub: HubInterface, value: Mapping[str, Any]) -> str:
    """Put the commit of `{"repo_id", "files", ...options}` on its branch."""
    fields = dict(value)
    files = {path: source_from_json(source) for path, source in fields.pop("files").items()}
    return hub.commit(fields.pop("repo_id"), files, **fields)


def add_rule_from_json(hub: HubInterface, value: Mapping[str, Any]) -> int:
    """Put the rule of `{"faults": [{"fault", ...}], "options": {...}}` in force."""
    faults = tuple(fault_from_json(fault) for fault in value["faults"])
    return hub.add_rule(faults, rule_from_json(value.get("options", {})))

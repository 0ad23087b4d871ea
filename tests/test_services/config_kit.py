"""A configuration service over a real store, and model files of every condition."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.test_families.building import opened
from yipyap_core.families import find_configs
from yipyap_core.families.base import Declaration
from yipyap_core.services.configuration.layers import Overrides, aliases_of
from yipyap_core.services.configuration.paths import PathRules
from yipyap_core.services.configuration.service import ConfigurationService, Publish
from yipyap_core.settings import family_overrides
from yipyap_core.stores.configs import ConfigStore

NAMES = [declared.id for declared in find_configs()]


class Events:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, Mapping[str, Any]]] = []

    def __call__(self, type: str, id: str, data: Mapping[str, Any]) -> None:
        self.seen.append((type, id, data))


def service(
    folder: Path,
    *,
    engine: sa.Engine | None = None,
    variables: Mapping[str, str] | None = None,
    publish: Publish | None = None,
    declarations: tuple[Declaration, ...] | None = None,
) -> ConfigurationService:
    """Build the service; `variables` may be changed later, as an environment may."""
    held = {} if variables is None else variables

    def environment(declared: Declaration) -> Overrides:
        return family_overrides(declared.id, held, aliases_of(declared))

    return ConfigurationService(
        declarations=declarations or find_configs(),
        store=ConfigStore(engine or opened(folder)),
        paths=PathRules((folder / "models",)),
        environment=environment,
        publish=publish or Events(),
    )


def safetensors(path: Path, *, cut: int = 0, **tensors: int) -> Path:
    """Write a file of float32 tensors; `cut` bytes are missing at its end."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, count in (tensors or {"head.linear.weight": 4}).items():
        header[name] = {"dtype": "F32", "shape": [count], "data_offsets": [end, end + 4 * count]}
        end += 4 * count
    text = json.dumps(header).encode()
    content = len(text).to_bytes(8, "little") + text + b"\0" * end
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content[: len(content) - cut])
    return path


def tags(path: Path, content: object = None) -> Path:
    """Write a file of tags."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"cat": 0, "dog": 1} if content is None else content)
    path.write_text(text, encoding="utf-8")
    return path

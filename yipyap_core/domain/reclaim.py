"""What is safe to remove from the cache, ranked: suggestions that become one plan."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath


class ReclaimKind(StrEnum):
    """Why something may go; the order of declaration is from safest to least safe."""

    PARTIAL = "partial"
    UNREFERENCED = "unreferenced"
    SHARED = "shared"
    DETACHED = "detached"
    PICKLE_TWIN = "pickle_twin"
    UNUSED = "unused"

    @property
    def rank(self) -> int:
        """Smaller is safer."""
        return list(ReclaimKind).index(self)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One thing that may go, with what the volume would gain by it alone."""

    id: str
    kind: ReclaimKind
    folder: str
    repo_id: str
    repo_type: str
    reason: str
    bytes: int
    files: int
    commit: str | None = None
    in_registry: bool = False


PICKLES = frozenset({".bin", ".pt", ".pth", ".ckpt", ".pkl"})
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})$")


def pickle_twins(names: Iterable[str]) -> list[str]:
    """File names whose weights are also there as safetensors, whole, in the same folder.

    `pytorch_model` is the name under which transformers writes what is `model` in safetensors.
    """
    weights = (name for name in names if name.endswith((".safetensors", *PICKLES)))
    paths = [PurePosixPath(name) for name in weights]
    safe = _whole_weights(path for path in paths if path.suffix == ".safetensors")
    if not safe:
        return []
    return sorted(
        str(path)
        for path in paths
        if path.suffix in PICKLES and safe & _possible_twins(path.parent, path.stem)
    )


def _whole_weights(paths: Iterable[PurePosixPath]) -> set[tuple[PurePosixPath, str]]:
    """Folder and stem of weights of which no shard is missing."""
    single: set[tuple[PurePosixPath, str]] = set()
    shards: dict[tuple[PurePosixPath, str, int], set[int]] = {}
    for path in paths:
        shard = _SHARD.match(path.stem)
        if shard is None:
            single.add((path.parent, path.stem))
        else:
            key = (path.parent, shard["stem"], int(shard["count"]))
            shards.setdefault(key, set()).add(int(shard["number"]))
    whole = {
        (folder, stem)
        for (folder, stem, count), numbers in shards.items()
        if numbers == set(range(1, count + 1))
    }
    return single | whole


def _possible_twins(folder: PurePosixPath, stem: str) -> set[tuple[PurePosixPath, str]]:
    shard = _SHARD.match(stem)
    plain = shard["stem"] if shard else stem
    stems = {plain}
    if plain == "pytorch_model" or plain.startswith("pytorch_model."):
        stems.add(plain.removeprefix("pytorch_"))
    return {(folder, one) for one in stems}

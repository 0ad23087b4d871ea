"""What a model is to the registry: a repository, the files wanted from it, and its family."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from yipyap_core.errors import InvalidName

MODEL_ID = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")
REPO_ID = re.compile(r"^[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?$", re.ASCII)
REVISION = re.compile(r"^[A-Za-z0-9][\w./-]{0,99}$", re.ASCII)


class ModelType(StrEnum):
    """What a model is used for."""

    CAPTION_GENERATOR = "caption_generator"
    DIFFUSION_LM = "diffusion_lm"
    DETECTION = "detection"
    FILES = "files"
    """Registered by an administrator under no family: plain files."""


class RepoType(StrEnum):
    """The hub's three kinds of repository."""

    MODEL = "model"
    DATASET = "dataset"
    SPACE = "space"

    @property
    def folder_prefix(self) -> str:
        """First part of the repository's folder name in the cache, such as `models`."""
        return f"{self.value}s"


@dataclass(frozen=True, slots=True)
class RepoRef:
    """A repository of the hub at a branch, tag or commit."""

    repo_id: str
    repo_type: RepoType = RepoType.MODEL
    revision: str = "main"

    def __post_init__(self) -> None:
        """Refuse names that could leave a folder or an address; raises `InvalidName`."""
        if not REPO_ID.match(self.repo_id) or ".." in self.repo_id or "--" in self.repo_id:
            raise InvalidName(f"{self.repo_id[:100]!r} is not a repository id such as org/name.")
        if not REVISION.match(self.revision) or ".." in self.revision:
            raise InvalidName(f"{self.revision[:100]!r} is not a branch, tag or commit.")

    @property
    def folder_name(self) -> str:
        """Name of the repository's folder in the cache, such as `models--org--name`."""
        return "--".join([self.repo_type.folder_prefix, *self.repo_id.split("/")])


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One downloadable model of the registry."""

    id: str
    name: str
    description: str
    repo_id: str
    size_bytes: int
    """An estimate until the hub has answered."""
    license: str
    allow_patterns: tuple[str, ...] = ()
    """Empty means every file; matched as huggingface_hub matches them."""
    ignore_patterns: tuple[str, ...] = ()
    repo_type: RepoType = RepoType.MODEL
    revision: str = "main"
    gated: bool = False
    known_good_commits: tuple[str, ...] = ()
    family: str = ""
    type: ModelType = ModelType.FILES
    """Set by the registry from the family."""
    note: str = ""
    """What a person should know before choosing it."""

    def __post_init__(self) -> None:
        """Refuse an id that cannot stand in an address; raises `InvalidName`."""
        if not MODEL_ID.match(self.id):
            raise InvalidName(
                f"{self.id[:80]!r} is not a model id: a-z, 0-9, dot, dash, underscore."
            )

    @property
    def repo(self) -> RepoRef:
        """Where the files come from."""
        return RepoRef(self.repo_id, self.repo_type, self.revision)

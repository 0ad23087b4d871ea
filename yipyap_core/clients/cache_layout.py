"""Names inside the hub's cache folder: what is a repository, a partial file, or neither.

Everything that knows how huggingface_hub and our own transfer name things is here, so that the
walk, the plans and the trash agree.
"""

from __future__ import annotations

import re

from yipyap_core.domain.cache import PartialOwner

REPO_TYPES = {"models": "model", "datasets": "dataset", "spaces": "space", "kernels": "kernel"}
OS_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})
"""Files that file managers leave; the hub's client ignores them too."""
LOCKS_DIR = ".locks"
SHARED_DIR = "blobs"
SHARED_MARKER = ".huggingface-shared-blobs"
SHARED_LAYOUT_VERSION = "1"
NOT_REPOSITORIES = frozenset({LOCKS_DIR, "CACHEDIR.TAG", "version.txt"}) | OS_LITTER

HUB_PARTIAL = re.compile(r"^(?P<etag>[^.].*?)(\.[0-9a-f]{8})?\.incomplete$")
OWN_PARTIAL = re.compile(r"^(?P<etag>[^.].*?)\.part$")
OWN_SIDECAR = re.compile(r"^(?P<partial>[^.].*?\.part)\.[^/]+$")
XET_HASH = re.compile(r"^[0-9a-f]{64}$")


def split_folder(folder: str) -> tuple[str, str] | None:
    """Read `models--org--name` as its type and id; None for a folder of another kind."""
    prefix, separator, rest = folder.partition("--")
    if not separator or not rest or prefix not in REPO_TYPES:
        return None
    return REPO_TYPES[prefix], rest.replace("--", "/")


def partial_owner(blob_name: str) -> PartialOwner | None:
    """Say who left an unfinished file; None for a finished blob."""
    if blob_name.endswith(".incomplete"):
        return PartialOwner.HUB_CLIENT
    return PartialOwner.YIPYAP if blob_name.endswith(".part") else None


def sidecar_of(blob_name: str) -> str | None:
    """Name the partial file that a small file beside it belongs to."""
    found = OWN_SIDECAR.match(blob_name)
    return found["partial"] if found else None


def etag_of_partial(blob_name: str) -> str | None:
    """Blob name that a partial file will get, which is also the name of its lock."""
    found = HUB_PARTIAL.match(blob_name) or OWN_PARTIAL.match(blob_name)
    return found["etag"] if found else None


def is_blob(blob_name: str) -> bool:
    """Whether a name under `blobs/` is finished content, not a partial, sidecar or temporary."""
    return not (
        blob_name.startswith(".")
        or blob_name in OS_LITTER
        or partial_owner(blob_name)
        or sidecar_of(blob_name)
    )

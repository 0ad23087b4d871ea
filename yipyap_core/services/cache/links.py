"""What holds contents together across repositories: the shared store, and links into another one.

A plan and a suggestion are exact only when both ask here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.clients import cache_shared
from yipyap_core.clients.hub_cache import CacheScan
from yipyap_core.domain.deletion import RepoPlan


@dataclass(frozen=True, slots=True)
class OutsideLink:
    """A name in one repository that leads to a file of another one, or past its own blobs."""

    holder: str
    """Folder of the repository that has the name."""
    owner: str
    """Folder of the repository that has the file."""
    path: str
    """The file, relative to the owner's folder."""


def outside_links(cache_dir: Path, scan: CacheScan) -> tuple[OutsideLink, ...]:
    """Every such link that a walk has met and whose file lies in the cache."""
    root = cache_dir.resolve()
    found = []
    for holder, other in scan.repos.items():
        for target in map(Path, other.repo.outside_links):
            if target.is_relative_to(root):
                owner, _, path = target.relative_to(root).as_posix().partition("/")
                found.append(OutsideLink(holder, owner, path))
    return tuple(found)


def held(links: Iterable[OutsideLink], leaving: Collection[str]) -> Mapping[str, frozenset[str]]:
    """Files by owner that a repository which stays links to; none for other owners."""
    found: dict[str, set[str]] = defaultdict(set)
    for link in links:
        if link.holder not in leaving:
            found[link.owner].add(link.path)
    return defaultdict(frozenset, {owner: frozenset(paths) for owner, paths in found.items()})


def references(cache_dir: Path, plans: Iterable[RepoPlan]) -> dict[str, frozenset[str] | None]:
    """Who links to each shared payload that the plans touch; None where that is not known."""
    payloads = {file.payload for plan in plans for file in plan.freed if file.payload}
    return {one: cache_shared.references(cache_dir, one) for one in payloads}

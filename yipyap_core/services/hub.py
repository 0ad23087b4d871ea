"""Looking around on the hub before anything is fetched: search, and what a download would mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from yipyap_core.domain.hub import Preflight, RepoHit
from yipyap_core.domain.models import RepoRef
from yipyap_core.domain.users import Principal
from yipyap_core.errors import Invalid

MOST_HITS = 50
LONGEST_QUERY = 200


class Hub(Protocol):
    """The hub, as `clients.hub` asks it."""

    def search(self, query: str, limit: int = 20) -> tuple[RepoHit, ...]:
        """Models whose name or description matches."""

    def preflight(self, repo: RepoRef) -> Preflight:
        """Size, licence, and whether the files would be given to us."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """A repository on the hub, and whether this machine has room for it."""

    preflight: Preflight
    available_bytes: int
    """Free space next to the reserve and to what queued downloads were promised."""

    @property
    def left_bytes(self) -> int:
        """What would be available after the download; negative when it does not fit."""
        return self.available_bytes - self.preflight.size_bytes

    @property
    def fits(self) -> bool:
        """Whether there is room for the whole repository."""
        return self.left_bytes >= 0


class HubService:
    """Asks the hub for administrators."""

    def __init__(self, *, hub: Hub, available_bytes: Callable[[], int]) -> None:
        """Ask `hub`; `available_bytes` says what downloads may still take."""
        self._hub = hub
        self._available_bytes = available_bytes

    def search(self, principal: Principal, query: str, limit: int = 20) -> tuple[RepoHit, ...]:
        """Models that match, most downloaded first; raises `Invalid` for an empty query."""
        principal.require_admin()
        query = query.strip()
        if not (0 < len(query) <= LONGEST_QUERY and query.isprintable()):
            sentence = f"Search for 1 to {LONGEST_QUERY} printable characters."
            raise Invalid(sentence, fields={"q": sentence})
        return self._hub.search(query, min(max(limit, 1), MOST_HITS))

    def preflight(self, principal: Principal, repo: RepoRef) -> Outlook:
        """What a download of the whole repository would mean; nothing is fetched."""
        principal.require_admin()
        return Outlook(self._hub.preflight(repo), self._available_bytes())

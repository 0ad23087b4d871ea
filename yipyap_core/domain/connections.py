"""Which connections a download used, host by host: what its history keeps of the network."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

KEY = "connections"
"""Where a job's payload holds them."""


@dataclass(frozen=True, slots=True)
class HostUse:
    """What one host was asked for, by one client over one kind of connection."""

    origin: str
    """Scheme, host and an unusual port; never a path, which may hold a signature."""
    client: str = "yipyap"
    """`huggingface_hub` where the hub's own client fetched, in a process of its own."""
    protocol: str = "HTTP/1.1"
    tls: str | None = None
    """Such as `TLSv1.3`; None: in the clear."""
    proxied: bool = False
    opened: int = 0
    """Connections in all; 0 where the client does not tell."""
    at_once: int = 0
    """The most connections at one time."""
    requests: int = 0
    streams: int = 0
    """Answers that were a whole file."""
    ranges: int = 0
    """Answers that were a part of one."""

    @property
    def kind(self) -> tuple[object, ...]:
        """What two uses have to have in common to be counted together."""
        return (self.origin, self.client, self.protocol, self.tls, self.proxied)

    @property
    def shape(self) -> tuple[object, ...]:
        """What is worth storing at once: who was asked, and how widely."""
        return (*self.kind, self.at_once)

    def __add__(self, other: HostUse) -> HostUse:
        """Both one after the other."""
        return replace(
            self,
            opened=self.opened + other.opened,
            at_once=max(self.at_once, other.at_once),
            requests=self.requests + other.requests,
            streams=self.streams + other.streams,
            ranges=self.ranges + other.ranges,
        )


def together(*parts: Iterable[HostUse]) -> tuple[HostUse, ...]:
    """Sum up uses of several runs, in the order in which the hosts first appeared."""
    found: dict[tuple[object, ...], HostUse] = {}
    for use in (one for part in parts for one in part):
        before = found.get(use.kind)
        found[use.kind] = use if before is None else before + use
    return tuple(found.values())


def uses_to_json(uses: Iterable[HostUse]) -> list[dict[str, Any]]:
    """Write uses so that `uses_of_json` gives the same ones."""
    return [asdict(use) for use in uses]


def uses_of_json(value: Any) -> tuple[HostUse, ...]:
    """Read kept uses; none where nothing that makes sense was kept."""
    try:
        return tuple(HostUse(**one) for one in value or ())
    except TypeError:
        return ()

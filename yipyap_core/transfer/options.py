"""The figures a transfer goes by, in one frozen value; nothing here reads the environment."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from yipyap_core.transfer.proxies import Proxies

MIB = 1 << 20
SMALL_FILE_BYTES = MIB
"""Up to here a file is held in memory until it is whole and checked: losing it loses little."""
CLAIM_BYTES = 3 * MIB // 2
"""After so many new bytes the record of a partial file claims them; kill -9 loses at most this
and what is in flight."""
IN_FLIGHT_BYTES = MIB
"""All connections of a file together hold at most this between the network and the disk, so that
kill -9 costs a file less than 4 MB however many there are, what the kernel holds included where the
line is the slow part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOptions:
    """Where to, where from, and how patient."""

    endpoint: str
    """The hub's address without a slash at the end; a path after the host is kept."""
    cache_dir: Path
    """The hub cache, the folder that holds `models--*`."""
    proxies: Proxies = field(default_factory=Proxies)
    ca_file: Path | None = None
    """Certificates to trust in place of the system's."""
    user_agent: str = "yipyap"
    connect_timeout_seconds: float = 10.0
    """For one address, TLS included."""
    answer_timeout_seconds: float = 30.0
    """From the request to the end of the answer's headers."""
    stall_seconds: float = 45.0
    """A connection without a byte for so long is made anew."""
    client_patience_seconds: float = 20.0
    """The hub's own client, where it fetches a file, may be silent for so long at least."""
    min_bytes_per_second: float = 256.0
    """A connection slower than this over `stall_seconds` counts as stalled."""
    lock_timeout_seconds: float = 600.0
    attempts: int = 6
    """Failures in a row without progress that a file survives."""
    backoff_seconds: float = 0.5
    backoff_cap_seconds: float = 30.0
    longest_wait_seconds: float = 120.0
    """A hub that asks for more patience ends the run with `HubBusy`."""
    small_lanes: int = 24
    """Small files on their way at a time, at most: as many as gain something."""
    large_lanes: int = 2
    """Large files on their way at a time."""
    max_connections: int = 8
    """Connections for the ranges of large files, all files of a run together."""
    sync_seconds: float = 0.5
    """How often partial files are made durable against a loss of power; often, so that the disk
    works beside the network and little is left to wait for at the end of a file."""

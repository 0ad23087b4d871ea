"""Bytes from the hub into the Hugging Face cache: exact, resumable, stopped within moments.

`SnapshotTransfer.run` brings a plan's files into the cache; `present` says what is there already;
`stored_commit` and `stored_listing` answer from the cache what else only the hub would know.
"""

from yipyap_core.transfer.control import TransferControl
from yipyap_core.transfer.limiter import BandwidthLimit
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.presence import Presence, discard_partials, present
from yipyap_core.transfer.proxies import Proxies
from yipyap_core.transfer.snapshot import SnapshotTransfer
from yipyap_core.transfer.trees import store_listing, stored_commit, stored_listing

__all__ = [
    "BandwidthLimit",
    "Presence",
    "Proxies",
    "SnapshotTransfer",
    "TransferControl",
    "TransferOptions",
    "discard_partials",
    "present",
    "store_listing",
    "stored_commit",
    "stored_listing",
]

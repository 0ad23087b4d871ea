"""A Hugging Face hub over real HTTP, with faults on demand and a log of every request.

`Hub` runs in this process, `RemoteHub.launch()` in one of its own; both are used alike:

    with Hub() as hub:
        commit = hub.add_repo("org/name", {"model.safetensors": Pattern(30_000_000)})
        hub.inject(Truncate(after_bytes=10_000_000), path="*.safetensors", count=2)
        hub.inject(Stall(after_bytes=5_000_000), path="*.safetensors", nth=3).release()
        hub.find("model.safetensors", port="cdn")[0].range_start
"""

from tests.standins.hub.access import Token
from tests.standins.hub.answer_faults import (
    CaptivePortal,
    Changed,
    ExpiredSignature,
    IgnoreRange,
    Redirect,
    ShiftedBody,
    ShortBody,
    Status,
    TooManyRequests,
    Unsatisfiable,
    WrongContentRange,
    WrongLinkedSize,
)
from tests.standins.hub.answers import Stage
from tests.standins.hub.contents import Pattern, Source, Sparse, write_pattern
from tests.standins.hub.faults import Fault
from tests.standins.hub.interface import HubInterface, HubSettings, Injected
from tests.standins.hub.line_faults import (
    Corrupt,
    Dribble,
    ExtraBytes,
    Hang,
    Latency,
    Reset,
    ResetBeforeAnswer,
    Slow,
    Stall,
    Truncate,
    WrongContentLength,
)
from tests.standins.hub.records import RequestRecord
from tests.standins.hub.remote import RemoteHub
from tests.standins.hub.server import Hub

__all__ = [
    "CaptivePortal",
    "Changed",
    "Corrupt",
    "Dribble",
    "ExpiredSignature",
    "ExtraBytes",
    "Fault",
    "Hang",
    "Hub",
    "HubInterface",
    "HubSettings",
    "IgnoreRange",
    "Injected",
    "Latency",
    "Pattern",
    "Redirect",
    "RemoteHub",
    "RequestRecord",
    "Reset",
    "ResetBeforeAnswer",
    "ShiftedBody",
    "ShortBody",
    "Slow",
    "Source",
    "Sparse",
    "Stage",
    "Stall",
    "Status",
    "Token",
    "TooManyRequests",
    "Truncate",
    "Unsatisfiable",
    "WrongContentLength",
    "WrongContentRange",
    "WrongLinkedSize",
    "write_pattern",
]

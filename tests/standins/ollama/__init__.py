"""An Ollama server over real HTTP, with its registry, and with faults on demand.

with Ollama() as ollama:
    ollama.publish(OllamaModel("qwen3:8b", size_bytes=50_000_000))
    ollama.configure(pull_bps=20_000_000)
    ollama.inject(PullCut(after_bytes=10_000_000), count=1)
"""

from tests.standins.ollama.contract import AnyOllama
from tests.standins.ollama.faults import (
    HTML,
    Answer,
    NoAnswer,
    OllamaFault,
    OllamaRule,
    PullCut,
    PullError,
    PullLines,
    PullStall,
    RegistryCut,
    RegistryFailure,
    ResetLine,
    WrongBytes,
    disk_full,
)
from tests.standins.ollama.models import Layer, OllamaModel, full_name
from tests.standins.ollama.server import Ollama
from tests.standins.ollama.settings import OllamaSettings

__all__ = [
    "HTML",
    "Answer",
    "AnyOllama",
    "Layer",
    "NoAnswer",
    "Ollama",
    "OllamaFault",
    "OllamaModel",
    "OllamaRule",
    "OllamaSettings",
    "PullCut",
    "PullError",
    "PullLines",
    "PullStall",
    "RegistryCut",
    "RegistryFailure",
    "ResetLine",
    "WrongBytes",
    "disk_full",
    "full_name",
]

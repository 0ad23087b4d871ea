"""How the stand-in behaves when nothing is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OllamaSettings:
    """How the server behaves; with no `pull_bps` a pull is over at once."""

    version: str = "0.13.5"
    pull_bps: float | None = None
    progress_seconds: float = 0.02

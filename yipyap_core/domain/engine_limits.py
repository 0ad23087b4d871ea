"""What loaded models may take and how long anything waits: the limits in force, as people read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CardLimit:
    """One GPU: what models may hold there together, and what they hold."""

    number: int
    card_id: str
    budget_bytes: int
    held_bytes: int


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Everything that the settings say of loaded models, with what is held at the moment."""

    ram_budget_bytes: int
    ram_held_bytes: int
    cards: tuple[CardLimit, ...]
    idle_seconds: float | None
    """After so long without a request a model is unloaded; None: never."""
    queue_limit: int
    """Requests that may wait for one model."""
    request_timeout_seconds: float
    load_timeout_seconds: float
    checks_downloads: bool
    """Whether each model is asked about the fixed picture once it is downloaded."""

"""A picture as callers hand it in."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture with what the request says about it."""

    data: bytes
    draft: Mapping[str, Any] = field(default_factory=dict)
    """Settings to try without saving them."""
    params: Mapping[str, Any] = field(default_factory=dict)
    """What is no setting: `task`, `input`, `classes`, `extras`, `mcut`, `stream`, ..."""
    timeout_seconds: float | None = None
    """None: what the settings say."""
    on_text: Callable[[str], None] | None = None
    cancelled: threading.Event | None = None

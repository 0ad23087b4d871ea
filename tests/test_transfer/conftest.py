"""Fixtures of the transfer's tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_transfer.support import Control


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    """An empty hub cache, not made yet."""
    return tmp_path / "hub"


@pytest.fixture
def control() -> Control:
    """A control that nobody has cancelled."""
    return Control()

"""Fixtures of the transfer's tests."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from tests.test_transfer.support import Control
from yipyap_core.transfer import linking


@pytest.fixture
def cache_dir(tmp_path: Path) -> Path:
    """An empty hub cache, not made yet."""
    return tmp_path / "hub"


@pytest.fixture
def control() -> Control:
    """A control that nobody has cancelled."""
    return Control()


@pytest.fixture
def no_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """No file system without links can be mounted by an ordinary user; the refusal is its own."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, "the volume has no links")

    monkeypatch.setattr(linking, "make_link", refuse)
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")

"""What the suite itself relies on."""

from __future__ import annotations

import os

import pytest

GROUP = "the suite's own"


@pytest.mark.xdist_group(GROUP)
def test_groups_stay_on_one_worker(request: pytest.FixtureRequest) -> None:
    """The runner names the group in the id; without it, Chromium would run on every worker."""
    is_spread = "PYTEST_XDIST_WORKER" in os.environ
    assert request.node.nodeid.endswith(f"@{GROUP}") == is_spread

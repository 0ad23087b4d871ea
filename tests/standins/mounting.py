"""Shell lines in a mount namespace of their own, where an ordinary user may mount volumes."""

from __future__ import annotations

import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run_where_anybody_mounts(script: str) -> str:
    """Run the lines in the project's folder; what they mount goes with them. Returns the output.

    Raises `subprocess.CalledProcessError` when they fail.
    """
    return subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout

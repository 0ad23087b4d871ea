"""Our own networks and readers say what the libraries' say."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [
    pytest.mark.xdist_group("heavy oracles"),
    pytest.mark.timeout(300),  # the libraries' imports alone take half a minute on a busy machine
]


@pytest.fixture(scope="module")
def differences(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    answer = tmp_path_factory.mktemp("oracles") / "answer.json"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-m", "tests.test_engines.oracles", str(answer)]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(answer.read_text())
    return found


def test_the_tagger_computes_what_timm_computes(differences: dict[str, Any]) -> None:
    assert differences["siglip"] < 1e-5


def test_the_classifier_computes_what_transformers_computes(differences: dict[str, Any]) -> None:
    assert differences["owl"] < 1e-5


def test_regions_are_read_as_transformers_reads_them(differences: dict[str, Any]) -> None:
    assert differences["florence"] == []

"""The GPU check's own program, rehearsed on the CPU: a bug in it must not wait for a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from yipyap_core.engines.devices import has_cuda_driver

pytestmark = pytest.mark.timeout(480)  # it imports every runtime and starts workers
ROOT = Path(__file__).resolve().parents[2]
FAMILIES = {"jtp2", "wdv3", "florence2", "joycaption", "yolo", "watermark"}


def check(report: Path, *arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.gpu_check", str(report), *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, report.read_text(encoding="utf-8"), done.stderr[-3000:]


def test_a_rehearsal_fills_every_row(tmp_path: Path) -> None:
    status, report, said = check(tmp_path / "report.md", "--rehearse")
    assert status == 0, report + said
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in report.splitlines()
        if line.startswith("| ")
    ]
    head, *body = rows
    assert head[0] == "family"
    assert f"{len(body)} of {len(body)} rows passed" in report
    timed = [row for row in body if "worker" not in row[1]]
    assert {row[0] for row in timed} == FAMILIES
    for family in FAMILIES:
        assert {(row[2], row[3]) for row in timed if row[0] == family} == {
            (precision, batch) for precision in ("fp16", "bf16") for batch in ("1", "2")
        }
    assert all(float(row[4]) > 0 and row[5].endswith("%") for row in timed)
    assert {row[0] for row in body if "worker" in row[1]} == {"jtp2", "wdv3"}


def test_without_a_gpu_it_says_that_it_did_not_run(tmp_path: Path) -> None:
    if has_cuda_driver():
        return  # the check itself is then the test
    status, report, _ = check(tmp_path / "report.md")
    assert status == 0
    assert "Nothing was run on CUDA" in report

"""The dashboard imports no runtime, and a worker of an ONNX graph imports no torch."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.standins.tiny_models import files_of, put_into_folder

pytestmark = pytest.mark.timeout(300)  # two fresh interpreters import much of the product
ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "torchvision", "transformers", "ultralytics", "timm", "onnxruntime", "cv2")

DASHBOARD = """
import dataclasses, json, sys
from pathlib import Path
from tests.test_api.world import open_world, populate
from tests.test_services.engine_kit import ADA, PICTURE, rigged
from yipyap_core.errors import YipyapError
from yipyap_core.services import container
import yipyap_core.ui, yipyap_core.engines.pool

folder = Path(sys.argv[1])
with open_world() as world, rigged(folder) as rig:
    populate(world)
    rig.put("wdv3-vit")
    container.install(dataclasses.replace(container.current(), engines=rig.service))
    client = world.client(world.people.bearer("ada"))
    files = {"image": ("a.png", PICTURE.data, "image/png")}
    assert client.post("/caption/wdv3", files=files).status_code == 200
    for name in ("jtp2", "florence2", "joycaption"):
        assert client.post("/caption/" + name, files=files).status_code == 409
    for name in ("yolo", "watermark"):
        assert client.post("/detect/" + name, files=files).status_code == 409
    assert client.post("/engines/wdv3-vit/canary").json()["ok"]
    for path in ("/engines", "/model-registry", "/captioner-config", "/system/resources"):
        assert client.get(path).status_code == 200
print(json.dumps(sorted(sys.modules)))
"""

ONNX_WORKER = """
import json, os, sys
from pathlib import Path
from yipyap_core.engines.base import Source, find_engines
from yipyap_core.families.wdv3 import WDv3Config

folder = Path(sys.argv[1])
engine = find_engines()["wdv3"]
files = {path.name: path for path in folder.iterdir()}
plan = engine.plan([Source("wdv3-vit", folder, files)], WDv3Config())


class Report:
    def phase(self, phase, bytes_done=0):
        pass


from yipyap_core.engines.measuring import inference
loaded = engine.load(plan, Report())
with inference():
    loaded.warm()
print(json.dumps(sorted(sys.modules)))
"""


def modules_after(script: str, folder: Path) -> set[str]:
    import json

    command = [sys.executable, "-c", script, str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return {name.split(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def test_the_dashboard_imports_no_runtime(tmp_path: Path) -> None:
    assert modules_after(DASHBOARD, tmp_path).isdisjoint(HEAVY)


def test_an_onnx_worker_imports_no_torch(tmp_path: Path) -> None:
    put_into_folder(tmp_path, files_of("wdv3-vit"))
    imported = modules_after(ONNX_WORKER, tmp_path)
    assert "onnxruntime" in imported
    assert imported.isdisjoint(set(HEAVY) - {"onnxruntime"})

"""Which device: by the settings, and as the runtime really does it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.standins.tiny_models import files_of, put_into_folder
from yipyap_core.domain.engines import Device
from yipyap_core.engines import onnx
from yipyap_core.engines.base import Source, find_engines
from yipyap_core.engines.devices import NO_DRIVER
from yipyap_core.families.base import FamilyConfig
from yipyap_core.families.florence2 import Florence2Config
from yipyap_core.families.jtp2 import JTP2Config
from yipyap_core.families.wdv3 import WDv3Config


@dataclass
class Session:
    """A session that says what really runs."""

    providers: list[str] = field(default_factory=list)

    def get_providers(self) -> list[str]:
        return self.providers


@pytest.mark.parametrize(
    ("engine", "model_id", "free", "held"),
    [
        ("jtp2", "jtp2", JTP2Config(), JTP2Config(force_cpu=True)),
        ("wdv3", "wdv3-vit", WDv3Config(), WDv3Config(force_cpu=True)),
        ("florence2", "florence2-base", Florence2Config(), Florence2Config(use_gpu=False)),
    ],
)
def test_force_cpu_and_use_gpu_choose_the_device(
    tmp_path: Path, engine: str, model_id: str, free: FamilyConfig, held: FamilyConfig
) -> None:
    put_into_folder(tmp_path, files_of(model_id))
    files = {str(one.relative_to(tmp_path)): one for one in tmp_path.rglob("*") if one.is_file()}
    plan = find_engines()[engine].plan
    source = Source(model_id, tmp_path, files)
    assert plan([source], free).device is Device.AUTO
    assert plan([source], held).device is Device.CPU


@pytest.mark.parametrize(
    ("providers", "wanted", "has_driver", "device", "reason"),
    [
        ([onnx.CUDA, onnx.CPU], Device.AUTO, True, "cuda", ""),
        ([onnx.CPU], Device.AUTO, True, "cpu", "ONNX Runtime could not use its CUDA provider."),
        ([onnx.CPU], Device.CUDA, False, "cpu", NO_DRIVER),
        ([onnx.CPU], Device.CPU, True, "cpu", ""),
    ],
)
def test_the_provider_that_runs_counts_not_the_one_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch,
    providers: list[str],
    wanted: Device,
    has_driver: bool,
    device: str,
    reason: str,
) -> None:
    monkeypatch.setattr(onnx, "has_cuda_driver", lambda: has_driver)
    session: Any = Session(providers)
    place = onnx._place(session, wanted)
    assert (place.device, place.reason) == (device, reason)
    assert onnx.OnnxModel(session, place).provider == providers[0]

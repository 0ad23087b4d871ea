"""Every family on a stand-in in the published layout, loaded and run in a real worker.

One worker for the whole file: importing torch costs seconds, loading a stand-in almost nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.standins.tiny_models import files_of, pickles, put_into_folder
from tests.standins.tiny_models.jtp2 import MODEL, TAGS
from tests.standins.tiny_models.wdv3 import POOLED, SIDE, graph_weights
from tests.test_engines.pictures import encoded, rgb, rgba
from yipyap_core.domain.engines import Answer, EngineInfo, LoadPhase
from yipyap_core.engines.base import Source, find_engines
from yipyap_core.engines.preprocess import square_on_white
from yipyap_core.engines.process import RunResult, WorkerProcess
from yipyap_core.errors import CheckpointRejected, Invalid, NotDownloaded
from yipyap_core.families.base import FamilyConfig
from yipyap_core.families.florence2 import Florence2Config
from yipyap_core.families.joycaption import JoyCaptionConfig
from yipyap_core.families.jtp2 import JTP2Config
from yipyap_core.families.watermark import WatermarkConfig
from yipyap_core.families.wdv3 import WDv3Config
from yipyap_core.families.yolo import YOLOConfig

PICTURE = encoded(rgb(300, 200))
ENGINES = find_engines()
pytestmark = [
    pytest.mark.xdist_group("heavy engines"),
    pytest.mark.timeout(300),  # the libraries' imports alone take half a minute on a busy machine
]


@dataclass
class Bench:
    """A worker and a folder of stand-ins."""

    worker: WorkerProcess
    folder: Path

    def source(self, checkpoint: str) -> Source:
        folder = self.folder / checkpoint
        if not folder.exists():
            put_into_folder(folder, files_of(checkpoint))
        found = {str(path.relative_to(folder)): path for path in folder.rglob("*")}
        files = {name: path for name, path in found.items() if path.is_file()}
        return Source(checkpoint, folder, files)

    def copy(self, checkpoint: str, change: Callable[[Path], None]) -> Source:
        """A stand-in that a test damages."""
        self.source(checkpoint)
        name = f"{checkpoint}-{len(list(self.folder.iterdir()))}"
        shutil.copytree(self.folder / checkpoint, self.folder / name)
        change(self.folder / name)
        return self.source(name)

    def load(self, engine: str, config: FamilyConfig, *sources: Source) -> EngineInfo:
        plan = ENGINES[engine].plan(sources, config)
        phases: list[LoadPhase] = []
        info = self.worker.load(plan, 250, lambda phase, _: phases.append(phase))
        assert phases[0] is LoadPhase.READING
        assert phases[-1] is LoadPhase.WARMING
        return info

    def ask(self, config: FamilyConfig, picture: bytes = PICTURE, **params: Any) -> Answer:
        return self.result(config, picture, **params).answer

    def result(self, config: FamilyConfig, picture: bytes = PICTURE, **params: Any) -> RunResult:
        texts: list[str] = params.pop("texts", [])
        return self.worker.run(
            picture,
            config=config.model_dump(),
            params=params,
            timeout_seconds=120,
            on_text=texts.append,
        )


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("engines")
    environment = {**os.environ, "YOLO_CONFIG_DIR": str(folder / "yolo"), "OMP_NUM_THREADS": "1"}
    for engine in ENGINES.values():
        environment |= engine.environment
    (folder / "models").mkdir()
    worker = WorkerProcess("yipyap_core.engines.families", environment, lambda _: None)
    yield Bench(worker, folder / "models")
    worker.stop()


# ---- JTP2


def test_jtp2_scores_best_first_over_the_threshold(bench: Bench) -> None:
    info = bench.load("jtp2", JTP2Config(), bench.source("jtp2"))
    assert info.details == {"head": "PILOT2, gated", "tags": len(TAGS)}
    answer = bench.ask(JTP2Config(threshold=0.0))
    scores = [tag.score for tag in answer.tags]
    assert len(scores) == len(TAGS)
    assert scores == sorted(scores, reverse=True)
    assert answer.caption == ", ".join(tag.name for tag in answer.tags)
    assert "_" not in answer.caption
    middle = scores[len(scores) // 2]
    assert len(bench.ask(JTP2Config(threshold=middle)).tags) == scores.index(middle)


def test_jtp2_sees_transparency_as_grey(bench: Bench) -> None:
    bench.load("jtp2", JTP2Config(), bench.source("jtp2"))
    config = JTP2Config(threshold=0.0)
    clear = bench.ask(config, encoded(Image.new("RGBA", (50, 50), (255, 0, 0, 0))))
    grey = bench.ask(config, encoded(Image.new("RGBA", (50, 50), (0, 255, 0, 0))))
    assert clear == grey
    assert clear != bench.ask(config, encoded(rgba(50, 50)))


def test_the_elder_joint_tagger_is_recognized(bench: Bench) -> None:
    info = bench.load("jtp2", JTP2Config(), bench.source("jtp1"))
    assert info.details["head"] == "PILOT1, plain"


def test_a_list_of_tags_that_does_not_belong_is_refused(bench: Bench) -> None:
    def shorten(folder: Path) -> None:
        (folder / "JTP_PILOT2/tags.json").write_text('{"solo": 0}')

    with pytest.raises(CheckpointRejected, match="40 outputs, and the list has 1 tags"):
        bench.load("jtp2", JTP2Config(), bench.copy("jtp2", shorten))


def test_another_safetensors_is_refused_with_the_reason(bench: Bench) -> None:
    other = bench.source("florence2-base").files["model.safetensors"]

    def replace(folder: Path) -> None:
        shutil.copyfile(other, folder / MODEL)

    with pytest.raises(CheckpointRejected, match="no Joint Tagger"):
        bench.load("jtp2", JTP2Config(), bench.copy("jtp2", replace))


def test_a_damaged_safetensors_is_refused(bench: Bench) -> None:
    def damage(folder: Path) -> None:
        (folder / MODEL).write_bytes(b"\0" * 100)

    with pytest.raises(CheckpointRejected, match="cannot be read") as caught:
        bench.load("jtp2", JTP2Config(), bench.copy("jtp2", damage))
    assert str(bench.folder) not in caught.value.message


def test_configured_paths_come_first(bench: Bench) -> None:
    files = bench.source("jtp2").files
    config = JTP2Config(model_path=str(files[MODEL]), tags_path=str(files["JTP_PILOT2/tags.json"]))
    assert bench.load("jtp2", config, Source("jtp2", bench.folder, {})).device == "cpu"


def test_what_is_missing_is_named(bench: Bench) -> None:
    with pytest.raises(NotDownloaded, match="jtp2"):
        bench.load("jtp2", JTP2Config(), Source("jtp2", bench.folder, {}))


# ---- WDv3


def test_wdv3_computes_what_its_graph_says(bench: Bench) -> None:
    info = bench.load("wdv3", WDv3Config(), bench.source("wdv3-vit"))
    assert info.provider == "CPUExecutionProvider"
    answer = bench.ask(WDv3Config(gen_threshold=0.0, char_threshold=0.0))
    weight, bias = graph_weights(21, seed=1)
    cells = square_on_white(rgb(300, 200), SIDE).transpose(2, 0, 1)
    pooled = cells.reshape(3, 4, POOLED, 4, POOLED).mean(axis=(2, 4)).reshape(-1)
    expected = 1 / (1 + np.exp(-(pooled.astype(np.float64) @ weight + bias)))
    found = {**answer.details["ratings"], **{tag.name: tag.score for tag in answer.tags}}
    assert (
        max(
            abs(one - other)
            for one, other in zip(sorted(found.values()), sorted(expected), strict=True)
        )
        < 1e-4
    )
    assert [tag.category for tag in answer.tags] == ["general"] * 12 + ["character"] * 5


def test_wdv3_without_a_graph_runs_the_weights(bench: Bench) -> None:
    info = bench.load("wdv3", WDv3Config(), bench.source("wdv3-weights"))
    assert info.details["runtime"] == "timm"
    assert bench.ask(WDv3Config(gen_threshold=0.0)).tags


def test_a_graph_with_another_list_is_refused(bench: Bench) -> None:
    def shorten(folder: Path) -> None:
        path = folder / "selected_tags.csv"
        path.write_text("\n".join(path.read_text().splitlines()[:5]))

    with pytest.raises(CheckpointRejected, match="do not belong together"):
        bench.load("wdv3", WDv3Config(), bench.copy("wdv3-vit", shorten))


def test_a_damaged_graph_is_refused(bench: Bench) -> None:
    def damage(folder: Path) -> None:
        (folder / "model.onnx").write_bytes(b"\x08\x08 nothing")

    with pytest.raises(CheckpointRejected, match=r"model\.onnx") as caught:
        bench.load("wdv3", WDv3Config(), bench.copy("wdv3-vit", damage))
    assert str(bench.folder) not in caught.value.message


# ---- YOLO and watermarks


def test_yolo_draws_boxes_with_its_own_names(bench: Bench) -> None:
    bench.load("yolo", YOLOConfig(), bench.source("yolo-n"))
    boxes = bench.ask(YOLOConfig(confidence_threshold=0.0)).boxes
    assert boxes
    assert {box.label for box in boxes} <= {"person", "bicycle", "car", "motorcycle", "airplane"}
    for box in boxes:
        left, top, right, bottom = box.xyxy
        assert 0 <= left <= right <= 300
        assert 0 <= top <= bottom <= 200
    scores = [box.score or 0.0 for box in boxes]
    assert scores == sorted(scores, reverse=True)
    fewer = bench.ask(YOLOConfig(confidence_threshold=scores[len(scores) // 2]))
    assert 0 < len(fewer.boxes) < len(boxes)


def test_yolo_looks_for_the_wanted_classes_only(bench: Bench) -> None:
    bench.load("yolo", YOLOConfig(), bench.source("yolo-n"))
    config = YOLOConfig(confidence_threshold=0.0)
    seen = bench.ask(config).boxes[-1].label
    assert {box.label for box in bench.ask(config, classes=[seen]).boxes} == {seen}
    with pytest.raises(Invalid, match="no class"):
        bench.ask(config, classes=["unicorn"])


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(bench: Bench) -> None:
    with pytest.raises(CheckpointRejected, match="more than a known detector"):
        bench.load("yolo", YOLOConfig(), bench.source("evil"))
    evil = bench.source("evil").files["yolo11n.pt"]

    def replace(folder: Path) -> None:
        shutil.copyfile(evil, folder / pickles.OWL)

    with pytest.raises(CheckpointRejected, match="no plain set of tensors"):
        bench.load(
            "watermark", WatermarkConfig(backend="owlv2"), bench.copy("watermark-owlv2", replace)
        )
    assert not (pickles.made() / pickles.EVIL_TRACE).exists()


def test_the_verdict_joins_both_models(bench: Bench) -> None:
    both = (bench.source("watermark-yolo"), bench.source("watermark-owlv2"))
    bench.load("watermark", WatermarkConfig(), *both)
    verdict = bench.ask(WatermarkConfig()).verdict
    assert verdict is not None
    assert verdict.yolo_score is not None
    assert verdict.owlv2_score is not None
    sure = bench.ask(WatermarkConfig(yolo_threshold=verdict.yolo_score, owlv2_threshold=1.0))
    assert sure.verdict is not None
    assert sure.verdict.watermarked
    assert [box.label for box in sure.boxes][:1] == ["watermark"]
    no = bench.ask(WatermarkConfig(yolo_threshold=1.0, owlv2_threshold=1.0)).verdict
    assert no is not None
    assert not no.watermarked


@pytest.mark.parametrize("backend", ["yolo", "owlv2"])
def test_one_backend_loads_one_model(bench: Bench, backend: str) -> None:
    config = WatermarkConfig.model_validate({"backend": backend})
    info = bench.load("watermark", config, bench.source(f"watermark-{backend}"))
    assert info.details == {"models": [backend]}
    verdict = bench.ask(config).verdict
    assert verdict is not None
    assert (verdict.yolo_score is None) == (backend == "owlv2")


# ---- Florence-2


def test_both_layouts_of_florence_answer_alike(bench: Bench) -> None:
    config = Florence2Config(max_tokens=8)
    assert (
        bench.load("florence2", config, bench.source("florence2-base")).details["layout"]
        == "native"
    )
    native = {task: bench.ask(config, task=task) for task in ("<CAPTION>", "<OD>")}
    info = bench.load("florence2", config, bench.source("florence2-legacy"))
    assert info.details["layout"] == "microsoft"
    assert {task: bench.ask(config, task=task) for task in native} == native


def test_florence_sees_the_picture(bench: Bench) -> None:
    config = Florence2Config(max_tokens=8)
    bench.load("florence2", config, bench.source("florence2-base"))
    other = encoded(Image.new("RGB", (300, 200), (250, 0, 0)))
    assert bench.ask(config).details["raw"] != bench.ask(config, other).details["raw"]


def test_florence_takes_tasks_with_input(bench: Bench) -> None:
    config = Florence2Config(max_tokens=4)
    bench.load("florence2", config, bench.source("florence2-base"))
    bench.ask(config, task="<OPEN_VOCABULARY_DETECTION>", input="a cat", beams=1)
    bench.ask(config, task="<REGION_TO_CATEGORY>", region=[10, 10, 50, 60], beams=1)
    with pytest.raises(Invalid):
        bench.ask(config, task="<REGION_TO_CATEGORY>")


def test_florence_on_a_cpu_says_that_it_computes_in_fp32(bench: Bench) -> None:
    info = bench.load("florence2", Florence2Config(), bench.source("florence2-base"))
    assert (info.device, info.precision) == ("cpu", "fp32")
    half = Florence2Config(precision="bf16")
    assert bench.load("florence2", half, bench.source("florence2-base")).precision == "bf16"


# ---- JoyCaption


def test_joycaption_streams_what_it_answers(bench: Bench) -> None:
    config = JoyCaptionConfig(max_tokens=10, temperature=0.0)
    bench.load("joycaption", config, bench.source("joycaption"))
    texts: list[str] = []
    answer = bench.ask(config, stream=True, texts=texts)
    assert len(texts) > 1
    assert "".join(texts).strip() == answer.caption
    assert answer.details["prompt"] == "Write a long detailed description for this image."
    assert bench.ask(config) == answer


def test_joycaption_sees_the_picture(bench: Bench) -> None:
    config = JoyCaptionConfig(max_tokens=10, temperature=0.0)
    bench.load("joycaption", config, bench.source("joycaption"))
    other = encoded(Image.new("RGB", (300, 200), (250, 0, 0)))
    assert bench.ask(config).caption != bench.ask(config, other).caption


@pytest.mark.parametrize("precision", ["int8", "nf4"])
def test_joycaption_runs_quantized(bench: Bench, precision: str) -> None:
    config = JoyCaptionConfig.model_validate({"max_tokens": 4, "precision": precision})
    assert bench.load("joycaption", config, bench.source("joycaption")).precision == precision
    bench.ask(config)


def test_joycaption_without_a_shard_is_refused(bench: Bench) -> None:
    def drop(folder: Path) -> None:
        (folder / "model-00002-of-00002.safetensors").unlink()

    with pytest.raises(CheckpointRejected):
        bench.load("joycaption", JoyCaptionConfig(), bench.copy("joycaption", drop))

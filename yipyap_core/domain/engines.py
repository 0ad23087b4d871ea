"""What a loaded model is to the rest of the house: its state, its answers, what it costs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class AnswerKind(StrEnum):
    """Which of the two inference endpoints an engine serves."""

    CAPTION = "caption"
    DETECTION = "detection"


class Device(StrEnum):
    """Where a model is asked to run."""

    AUTO = "auto"
    """The GPU where there is one that the runtime can use, else the CPU."""
    CUDA = "cuda"
    CPU = "cpu"


class CpuPrecision(StrEnum):
    """How taggers compute on a CPU, where the server's settings decide and no family's."""

    EXACT = "exact"
    """32-bit floats."""
    AUTO = "auto"
    """bfloat16 for large networks where the processor multiplies it; the rest exact."""
    QUICK = "quick"
    """Besides, products of ONNX graphs in 8 bits: half the time, scores move by a hundredth."""


class EngineState(StrEnum):
    """Where the worker of a model stands."""

    UNLOADED = "unloaded"
    LOADING = "loading"
    READY = "ready"
    BUSY = "busy"
    FAILED = "failed"
    """Three crashes in a row: nothing is started until a person asks for it."""


class LoadPhase(StrEnum):
    """What a loading worker does, in the order of things."""

    STARTING = "starting"
    QUEUED = "queued"
    """Another model is loaded first, or room has to become free."""
    READING = "reading"
    BUILDING = "building"
    TO_DEVICE = "to_device"
    WARMING = "warming"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """Everything a worker needs to load one model; two equal plans share one worker."""

    engine: str
    model_ids: tuple[str, ...]
    files: Mapping[str, str]
    """What the engine calls a file -> its absolute path; a snapshot's folder may be one."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Settings that are fixed at loading, such as the precision."""
    device: Device = Device.AUTO
    bytes_total: int = 0
    """Sum of the sizes of the files that are read."""
    cpu_precision: CpuPrecision = CpuPrecision.AUTO
    """The server's setting, which the pool fills in; the same for all, so no part of the key."""

    @property
    def key(self) -> str:
        """Short digest of the whole plan."""
        parts = {name: one for name, one in self.as_json().items() if name != "cpu_precision"}
        text = json.dumps(parts, sort_keys=True)
        return f"{self.engine}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    def as_json(self) -> dict[str, Any]:
        """The plan as plain values, for the wire."""
        return {
            "engine": self.engine,
            "model_ids": list(self.model_ids),
            "files": dict(self.files),
            "options": dict(self.options),
            "device": self.device.value,
            "bytes_total": self.bytes_total,
            "cpu_precision": self.cpu_precision.value,
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> LoadPlan:
        """Read a plan from the wire."""
        return cls(
            engine=values["engine"],
            model_ids=tuple(values["model_ids"]),
            files=dict(values["files"]),
            options=dict(values["options"]),
            device=Device(values["device"]),
            bytes_total=int(values["bytes_total"]),
            cpu_precision=CpuPrecision(values.get("cpu_precision", CpuPrecision.AUTO)),
        )

    def on(self, device: Device) -> LoadPlan:
        """The same model on another device."""
        return dataclasses.replace(self, device=device)


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """How far a load has come."""

    phase: LoadPhase
    bytes_done: int = 0
    bytes_total: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What a worker found out about itself while loading."""

    device: str
    """`cpu` or `cuda`, as it really is."""
    device_reason: str = ""
    """Why it is not the device that was asked for; empty when it is."""
    precision: str = "fp32"
    provider: str = ""
    """The ONNX provider really in use; empty for other runtimes."""
    max_batch: int = 1
    details: Mapping[str, Any] = field(default_factory=dict)
    """Such as the number of tags, or what the checkpoint was recognized as."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag with its probability."""

    name: str
    score: float
    category: str = "general"


@dataclass(frozen=True, slots=True)
class Box:
    """A region of the picture as it was sent, in pixels: x right, y down."""

    label: str
    xyxy: tuple[float, float, float, float]
    score: float | None = None
    points: tuple[tuple[float, float], ...] = ()
    """Corners of a polygon or a slanted text; empty for an upright box."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a picture carries a watermark, with both numbers."""

    watermarked: bool
    level: str
    """`yes`, `possible` or `no`."""
    yolo_score: float | None
    """Highest confidence of a box; None when YOLO was not asked."""
    owlv2_score: float | None
    """Probability of the classifier; None when it was not asked."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What an engine says about one picture."""

    caption: str = ""
    caption_type: str = ""
    """`tags` or `caption`; empty for detectors."""
    tags: tuple[Tag, ...] = ()
    boxes: tuple[Box, ...] = ()
    verdict: Verdict | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Plain values, for the wire and the API."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Answer:
        """Read an answer from the wire."""
        verdict = values.get("verdict")
        return cls(
            caption=values["caption"],
            caption_type=values["caption_type"],
            tags=tuple(Tag(**tag) for tag in values["tags"]),
            boxes=tuple(_box(box) for box in values["boxes"]),
            verdict=Verdict(**verdict) if verdict else None,
            details=dict(values["details"]),
        )


def _box(values: Mapping[str, Any]) -> Box:
    left, top, right, bottom = values["xyxy"]
    points = tuple((x, y) for x, y in values["points"])
    return Box(values["label"], (left, top, right, bottom), values["score"], points)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer with what it took, as the services hand it on."""

    answer: Answer
    model_ids: tuple[str, ...]
    info: EngineInfo
    processing_seconds: float
    """From the arrival of the picture to the answer, loading not counted."""
    run_seconds: float
    """Inside the model."""
    load_seconds: float = 0.0
    """Waited for loading; 0 when the model was there."""


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a worker holds, measured."""

    ram_bytes: int = 0
    gpu_bytes: int = 0


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """One worker at a moment, as the pool knows it."""

    key: str
    plan: LoadPlan
    state: EngineState
    progress: LoadProgress
    info: EngineInfo | None
    memory: MemoryUse
    peak: MemoryUse
    pid: int | None
    in_use: int
    queued: int
    requests: int
    pinned: bool
    load_seconds: float
    last_used_at: dt.datetime | None
    crashes: int
    error: str = ""
    """What ended it last."""
    last_words: str = ""
    """Last lines that a crashed worker wrote."""


@dataclass(frozen=True, slots=True)
class CanaryReport:
    """How a model answered the fixed picture, compared with its last good answer."""

    model_id: str
    at: dt.datetime
    ok: bool
    message: str
    processing_seconds: float
    peak: MemoryUse
    device: str
    digest: str
    """Of the answer, scores rounded; the same model gives the same one."""
    changed: bool = False
    """Whether the answer differs from the last good one."""


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """One model of the registry as an engine: what pages and the API list."""

    model_id: str
    name: str
    family: str
    engine: str
    kind: AnswerKind
    state: EngineState
    downloaded: bool
    worker: WorkerStatus | None
    configured: bool
    """Whether the saved settings choose this model."""
    reloading: bool = False
    """Whether a successor with new settings is being loaded while this one serves."""
    reload_error: str = ""
    """Why the successor could not be loaded; the old one stays."""
    canary: CanaryReport | None = None
    check_is_due: bool = False
    """Whether it was just downloaded and is being asked about the fixed picture, or will be."""

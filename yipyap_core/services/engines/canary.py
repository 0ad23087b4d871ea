"""A fixed picture that models are asked about: the same answer as before means all is well."""

from __future__ import annotations

import datetime as dt
import functools
import hashlib
import io
import json
from collections.abc import Mapping
from typing import Any

from yipyap_core.domain.engines import Answer, CanaryReport, MemoryUse, Outcome
from yipyap_core.families.base import FamilyConfig
from yipyap_core.services.engines.choices import changed_config
from yipyap_core.stores.preferences import PreferenceStore

CALM = {"temperature": 0.0, "max_tokens": 32}
"""Settings under which a model that samples gives the same answer each time, and soon."""
SIDE = 256


@functools.cache
def canary_picture() -> bytes:
    """A PNG of shapes and colours, drawn the same everywhere."""
    from PIL import Image, ImageDraw

    picture = Image.linear_gradient("L").resize((SIDE, SIDE)).convert("RGB")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((30, 30, 130, 130), fill=(230, 190, 40))
    draw.rectangle((120, 140, 220, 230), fill=(40, 90, 200))
    draw.polygon([(20, 240), (80, 150), (140, 240)], fill=(30, 150, 60))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def calm(config: FamilyConfig) -> FamilyConfig:
    """The settings without chance."""
    known = type(config).model_fields
    return changed_config(config, {name: CALM[name] for name in CALM if name in known})


def digest(answer: Answer) -> str:
    """The same for answers that differ by rounding only."""
    values = {
        "caption": answer.caption if answer.caption_type == "caption" else "",
        "tags": sorted((tag.name, round(tag.score, 1)) for tag in answer.tags),
        "boxes": sorted((box.label, [round(at / 4) for at in box.xyxy]) for box in answer.boxes),
        "verdict": answer.verdict.level if answer.verdict else "",
    }
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


class CanaryBook:
    """The last report of each model, and what its last good answer was on each device."""

    def __init__(self, preferences: PreferenceStore) -> None:
        """Keep them among the preferences."""
        self._preferences = preferences

    def last(self, model_id: str) -> CanaryReport | None:
        """The newest report; None before the first."""
        stored = self._preferences.get(_key(model_id)) or {}
        return _report(stored["report"]) if "report" in stored else None

    def good(
        self, model_id: str, outcome: Outcome, peak: MemoryUse, *, actor: str, now: dt.datetime
    ) -> CanaryReport:
        """Note an answer and compare it with the last good one on the same kind of device."""
        stored = self._preferences.get(_key(model_id)) or {}
        place = f"{outcome.info.device}-{outcome.info.precision}"
        before, present = stored.get("digests", {}).get(place), digest(outcome.answer)
        changed = before is not None and before != present
        report = CanaryReport(
            model_id=model_id,
            at=now,
            ok=True,
            message=_message(before, changed=changed),
            processing_seconds=outcome.processing_seconds,
            peak=peak,
            device=outcome.info.device,
            digest=present,
            changed=changed,
        )
        digests = {**stored.get("digests", {}), place: present}
        self._write(model_id, report, digests, actor)
        return report

    def bad(self, model_id: str, message: str, *, actor: str, now: dt.datetime) -> CanaryReport:
        """Note that there was no answer; the last good one stays."""
        stored = self._preferences.get(_key(model_id)) or {}
        report = CanaryReport(model_id, now, False, message, 0.0, MemoryUse(), "", "")
        self._write(model_id, report, stored.get("digests", {}), actor)
        return report

    def _write(
        self, model_id: str, report: CanaryReport, digests: Mapping[str, str], actor: str
    ) -> None:
        value = {"report": _as_json(report), "digests": dict(digests)}
        self._preferences.set(_key(model_id), value, actor=actor, now=report.at)


def _message(before: str | None, *, changed: bool) -> str:
    if before is None:
        return "It answered; there was no earlier answer to compare with."
    return "Its answer is another one than before." if changed else "It answered as before."


def _key(model_id: str) -> str:
    return "canary:" + hashlib.sha256(model_id.encode()).hexdigest()[:40]


def _as_json(report: CanaryReport) -> dict[str, Any]:
    return {
        "model_id": report.model_id,
        "at": report.at.isoformat(),
        "ok": report.ok,
        "message": report.message,
        "processing_seconds": report.processing_seconds,
        "peak": [report.peak.ram_bytes, report.peak.gpu_bytes],
        "device": report.device,
        "digest": report.digest,
        "changed": report.changed,
    }


def _report(values: Mapping[str, Any]) -> CanaryReport:
    return CanaryReport(
        **{
            **values,
            "at": dt.datetime.fromisoformat(values["at"]),
            "peak": MemoryUse(*values["peak"]),
        }
    )

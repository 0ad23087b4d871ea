"""YOLO11 of Ultralytics, five sizes of one detector."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType
from yipyap_core.families.base import Family, FamilyConfig, setting

COMMITS = (
    "a01aaa06caeff788b052e193acb76b3f21571b3a",
    "5df55ae8af79be2d62706f481e97fea7c17c4afc",
)
NOTE = "A PyTorch pickle: it is read with restricted unpickling only."


class YOLOConfig(FamilyConfig):
    """Which size detects, and what counts as found."""

    purpose: ClassVar[str] = "Finds objects of the 80 COCO classes and draws boxes around them."

    model_size: Literal["n", "s", "m", "l", "x"] = setting(
        "n",
        title="Model Size",
        help="Larger is more exact and slower.",
        labels={"n": "Nano", "s": "Small", "m": "Medium", "l": "Large", "x": "Extra Large"},
        needs_reload=True,
    )
    confidence_threshold: float = setting(
        0.25,
        title="Confidence Threshold",
        help="A box is kept when its score is above this.",
        ge=0.0,
        le=1.0,
        step=0.01,
    )
    iou_threshold: float = setting(
        0.7,
        title="IoU Threshold",
        help="Of boxes that overlap by more than this share, the best one stays.",
        ge=0.0,
        le=1.0,
        step=0.01,
    )

    def model_ids(self) -> tuple[str, ...]:
        """The checkpoint of the chosen size."""
        return (f"yolo-{self.model_size}",)


def _size(letter: str, name: str, parameters: str, size_bytes: int) -> ModelSpec:
    return ModelSpec(
        id=f"yolo-{letter}",
        name=f"YOLO11 {name}",
        description=f"Object detection, {parameters} million parameters",
        repo_id="Ultralytics/YOLO11",
        allow_patterns=(f"yolo11{letter}.pt",),
        size_bytes=size_bytes,
        license="AGPL-3.0",
        known_good_commits=COMMITS,
        note=NOTE,
    )


FAMILY = Family(
    id="yolo",
    name="YOLO",
    type=ModelType.DETECTION,
    description="Finds everyday objects, five sizes from fast to exact",
    icon="center_focus_strong",
    config=YOLOConfig,
    engine="yolo",
    order=50,
    models=(
        _size("n", "Nano", "2.6", 5_610_000),
        _size("s", "Small", "9.4", 19_300_000),
        _size("m", "Medium", "20.1", 40_684_120),
        _size("l", "Large", "25.3", 51_387_343),
        _size("x", "Extra Large", "56.9", 115_000_000),
    ),
)

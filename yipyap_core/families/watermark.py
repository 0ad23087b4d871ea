"""Watermark detection: a YOLO11x that draws boxes and an OWLv2 classifier that says yes or no."""

from __future__ import annotations

from typing import ClassVar, Literal

from yipyap_core.domain.models import ModelSpec, ModelType, RepoType
from yipyap_core.families.base import Family, FamilyConfig, setting

REPO = "fancyfeast/joycaption-watermark-detection"
NOTE = "The publisher states no licence. A PyTorch pickle: read with restricted unpickling only."


class WatermarkConfig(FamilyConfig):
    """Which detectors are asked, and when each counts."""

    purpose: ClassVar[str] = "Says whether an image carries a watermark, and where."

    backend: Literal["yolo", "owlv2", "both"] = setting(
        "both",
        title="Backend",
        help="YOLO draws boxes, OWLv2 classifies the whole image; both: either may find one.",
        labels={"yolo": "YOLO", "owlv2": "OWLv2", "both": "Both"},
        needs_reload=True,
    )
    yolo_threshold: float = setting(
        0.5,
        title="YOLO Threshold",
        help="Confidence above which a box counts as a watermark.",
        ge=0.0,
        le=1.0,
        step=0.01,
    )
    owlv2_threshold: float = setting(
        0.5,
        title="OWLv2 Threshold",
        help="Probability above which the image counts as watermarked.",
        ge=0.0,
        le=1.0,
        step=0.01,
    )

    def model_ids(self) -> tuple[str, ...]:
        """One checkpoint or both."""
        names = ("yolo", "owlv2") if self.backend == "both" else (self.backend,)
        return tuple(f"watermark-{name}" for name in names)


def _model(name: str, label: str, description: str, file: str, size_bytes: int) -> ModelSpec:
    return ModelSpec(
        id=f"watermark-{name}",
        name=f"Watermark {label}",
        description=description,
        repo_id=REPO,
        repo_type=RepoType.SPACE,
        allow_patterns=(file,),
        size_bytes=size_bytes,
        license="none stated",
        note=NOTE,
    )


FAMILY = Family(
    id="watermark",
    name="Watermark Detection",
    type=ModelType.DETECTION,
    description="Finds watermarks with a detector and a classifier",
    icon="branding_watermark",
    config=WatermarkConfig,
    engine="watermark",
    order=60,
    models=(
        _model("yolo", "YOLO", "Boxes around watermarks", "yolo11x-train28-best.pt", 114_512_018),
        _model(
            "owlv2", "OWLv2", "Whether an image is watermarked", "far5y1y5-8000.pt", 358_400_000
        ),
    ),
)

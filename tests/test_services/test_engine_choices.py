"""Which worker a request asks: each side of a comparison stands for itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.test_services.engine_kit import ADA, PICTURE, rigged
from yipyap_core.errors import NotDownloaded

DRAFT = dataclasses.replace(PICTURE, draft={"model_name": "swinv2"})


def test_a_draft_is_tried_although_the_saved_model_is_not_downloaded(tmp_path: Path) -> None:
    with rigged(tmp_path) as rig:
        rig.put("wdv3-swinv2")
        rig.missing.add("wdv3-vit")
        assert rig.service.caption(ADA, "wdv3", DRAFT).model_ids == ("wdv3-swinv2",)
        with pytest.raises(NotDownloaded, match="wdv3-vit"):
            rig.service.caption(ADA, "wdv3", PICTURE)


def test_the_saved_model_answers_although_the_drafts_is_not_downloaded(tmp_path: Path) -> None:
    with rigged(tmp_path) as rig:
        rig.put("wdv3-vit")
        rig.missing.add("wdv3-swinv2")
        with pytest.raises(NotDownloaded, match="wdv3-swinv2"):
            rig.service.caption(ADA, "wdv3", DRAFT)
        assert rig.service.caption(ADA, "wdv3", PICTURE).model_ids == ("wdv3-vit",)


def test_what_is_tried_never_becomes_what_serves(tmp_path: Path) -> None:
    with rigged(tmp_path) as rig:
        rig.put("wdv3-vit", "wdv3-swinv2")
        rig.service.caption(ADA, "wdv3", DRAFT)
        saved = rig.service.caption(ADA, "wdv3", PICTURE)
        assert saved.model_ids == ("wdv3-vit",)
        assert rig.service.status(ADA, "wdv3-swinv2").configured is False

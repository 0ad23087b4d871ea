"""Which models have a stand-in, and the files of each."""

from __future__ import annotations

import functools
from collections.abc import Callable

from tests.standins.tiny_models import pickles
from tests.standins.tiny_models.florence2 import legacy_files, native_files
from tests.standins.tiny_models.joycaption import joycaption_files
from tests.standins.tiny_models.jtp2 import jtp2_files, pilot1_files
from tests.standins.tiny_models.wdv3 import wdv3_files, wdv3_weight_files

Files = dict[str, bytes]


def _yolo(size: str) -> Files:
    """The same tiny detector under the name of each size."""
    return {f"yolo11{size}.pt": pickles.pickled(pickles.YOLO)}


_MAKERS: dict[str, Callable[[], Files]] = {
    "jtp2": jtp2_files,
    "jtp1": pilot1_files,
    "wdv3-vit": functools.partial(wdv3_files, seed=1),
    "wdv3-swinv2": functools.partial(wdv3_files, seed=2),
    "wdv3-convnext": functools.partial(wdv3_files, seed=3),
    "wdv3-convnextv2": functools.partial(wdv3_files, seed=4, characters=3),
    "wdv3-weights": wdv3_weight_files,
    **{f"yolo-{size}": functools.partial(_yolo, size) for size in "nsmlx"},
    "watermark-yolo": lambda: {pickles.WATERMARK: pickles.pickled(pickles.WATERMARK)},
    "watermark-owlv2": lambda: {pickles.OWL: pickles.pickled(pickles.OWL)},
    **{f"florence2-{name}": native_files for name in ("base", "base-ft", "large", "large-ft")},
    "florence2-legacy": legacy_files,
    "joycaption": joycaption_files,
    "evil": lambda: {pickles.YOLO: pickles.pickled(pickles.EVIL)},
}


def checkpoint_ids() -> tuple[str, ...]:
    """Every stand-in; most are ids of the registry."""
    return tuple(_MAKERS)


def files_of(checkpoint_id: str) -> Files:
    """Path inside the repository -> content; the same every time."""
    return _MAKERS[checkpoint_id]()

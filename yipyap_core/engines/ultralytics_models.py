"""YOLO through Ultralytics: offline, silent, and with restricted unpickling or not at all.

The variables stand in `ENVIRONMENT` because the package reads them when it is imported: the pool
puts them into the worker's environment.
"""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from yipyap_core.domain.engines import Box
from yipyap_core.engines.devices import Place
from yipyap_core.errors import CheckpointRejected, EngineUnavailable

ENVIRONMENT: Mapping[str, str] = {
    "ULTRALYTICS_SAFE_LOAD": "True",
    "YOLO_OFFLINE": "True",
    "YOLO_AUTOINSTALL": "False",
    "YOLO_VERBOSE": "False",
}
MAX_BOXES = 300


def open_yolo(path: Path) -> Any:
    """Read a `.pt` file without executing anything in it; raises `CheckpointRejected`.

    Ultralytics goes by the suffix, which the blob behind a link of the cache does not have; a file
    that is not there it would look for elsewhere.
    """
    _insist_on_safety()
    from ultralytics import YOLO, settings

    settings.update({"sync": False})
    try:
        path.resolve(strict=True)
        return YOLO(str(path.absolute()), task="detect")
    except (pickle.UnpicklingError, TypeError, AttributeError, ModuleNotFoundError) as error:
        raise CheckpointRejected(
            f"{path.name} holds more than a known detector, and is not opened."
        ) from error
    except (OSError, RuntimeError, EOFError, KeyError, ValueError) as error:
        raise CheckpointRejected(f"{path.name} is no checkpoint that can be read.") from error


def detect(
    model: Any, pictures: Sequence[Any], place: Place, **arguments: Any
) -> list[tuple[Box, ...]]:
    """Boxes of each BGR picture, best first; labels are the model's own names."""
    results = model.predict(
        list(pictures),
        device="cuda:0" if place.on_gpu else "cpu",
        max_det=MAX_BOXES,
        verbose=False,
        save=False,
        **arguments,
    )
    return [_boxes(result) for result in results]


def class_numbers(names: Mapping[int, str], wanted: Sequence[str | int] | None) -> list[int] | None:
    """Numbers of the classes that a request names or numbers; None for all of them."""
    if not wanted:
        return None
    by_name = {name.lower(): number for number, name in names.items()}
    texts = [str(one).strip().lower() for one in wanted]
    numbers = [int(one) if one.isdecimal() else by_name.get(one, -1) for one in texts]
    unknown = [one for one, at in zip(texts, numbers, strict=True) if at not in names]
    if unknown:
        from yipyap_core.errors import Invalid

        reason = f"The model knows no class {unknown[0]!r}."
        raise Invalid(reason, fields={"params": reason})
    return numbers


def _insist_on_safety() -> None:
    """Ultralytics silently reads unsafely when it cannot read safely; we do not."""
    from ultralytics.nn import tasks
    from ultralytics.utils import SAFE_LOAD

    if not SAFE_LOAD or not tasks._SafeLoad.SUPPORTED:
        raise EngineUnavailable(
            "This version of Ultralytics or torch cannot read a checkpoint without executing it.",
            hint="Install the versions of requirements.txt.",
        )


def _boxes(result: Any) -> tuple[Box, ...]:
    found = []
    for row in result.boxes.data.cpu().tolist():
        left, top, right, bottom, score, number = row[:6]
        found.append(Box(result.names[int(number)], (left, top, right, bottom), score))
    return tuple(sorted(found, key=lambda box: -(box.score or 0.0)))

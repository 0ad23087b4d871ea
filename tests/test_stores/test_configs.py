"""The store of configurations: whole versions only, also when a process dies while it saves."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.test_families.building import opened
from yipyap_core.domain.configs import ConfigAction, ConfigVersion
from yipyap_core.stores.configs import ConfigStore, Heads

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


def _version(name: str, version: int, **saved: object) -> ConfigVersion:
    return ConfigVersion(name, version, NOW, "ada", ConfigAction.UPDATE, saved)


@pytest.fixture
def store(engine: sa.Engine) -> ConfigStore:
    return ConfigStore(engine)


def test_nothing_is_saved_at_first(store: ConfigStore) -> None:
    assert (store.heads(), store.head("yolo"), store.history("yolo", 9)) == ({}, None, ())


def test_versions_are_read_as_they_were_written(store: ConfigStore) -> None:
    first = _version("yolo", 1, model_size="x", iou_threshold=0.1, top_k=None)
    second, other = _version("yolo", 2), _version("jtp2", 1, model_path="ä/b")
    assert store.change(lambda _heads: [first, other]) == (first, other)
    assert store.change(lambda _heads: [second]) == (second,)
    assert store.heads() == {"yolo": second, "jtp2": other}
    assert store.versions() == {"yolo": 2, "jtp2": 1}
    assert store.head("yolo") == second
    assert store.version("yolo", 1) == first and store.version("yolo", 3) is None
    assert store.history("yolo", 9) == (second, first) and store.history("yolo", 1) == (second,)


def test_a_decision_sees_the_heads_and_may_change_nothing(store: ConfigStore) -> None:
    seen: list[Heads] = []

    def nothing(heads: Heads) -> list[ConfigVersion]:
        seen.append(heads)
        return []

    store.change(lambda _heads: [_version("yolo", 1)])
    assert store.change(nothing) == ()
    assert list(seen[0]) == ["yolo"]


def test_a_decision_that_fails_writes_nothing(store: ConfigStore) -> None:
    def fail(_heads: Heads) -> list[ConfigVersion]:
        raise LookupError

    with pytest.raises(LookupError):
        store.change(fail)
    store.change(lambda _heads: [_version("yolo", 1)])


def test_a_version_is_never_overwritten_and_nothing_beside_it_is_written(
    store: ConfigStore,
) -> None:
    store.change(lambda _heads: [_version("yolo", 1, model_size="x")])
    with pytest.raises(sa.exc.IntegrityError):
        store.change(lambda _heads: [_version("jtp2", 1), _version("yolo", 1, model_size="n")])
    assert store.head("jtp2") is None
    assert store.heads()["yolo"].saved == {"model_size": "x"}


def test_decisions_of_many_threads_come_one_after_another(store: ConfigStore) -> None:
    together = threading.Barrier(12)

    def count(heads: Heads) -> list[ConfigVersion]:
        head = heads.get("yolo")
        number = head.version if head else 0
        total = head.saved["total"] if head else 0
        return [_version("yolo", number + 1, total=total + 1)]

    def change() -> None:
        together.wait()
        for _ in range(4):
            store.change(count)

    threads = [threading.Thread(target=change) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.heads()["yolo"] == _version("yolo", 48, total=48)


WRITER = """
import sys
import threading
from pathlib import Path
from tests.test_families.building import ADA, opened
from tests.test_services.config_kit import service

folder = Path(sys.argv[1])
configuration = service(folder)
number = 0
while True:
    number += 1
    value = (number % 1000) / 1000
    document = {
        "wdv3": {"gen_threshold": value, "char_threshold": value},
        "watermark": {"yolo_threshold": value, "owlv2_threshold": value},
    }
    configuration.import_document(ADA, {"format": 1, "configs": document})
    print(number, flush=True)
"""


@pytest.mark.parametrize("saves", [1, 2, 7])
def test_a_process_killed_while_it_saves_leaves_old_or_new_whole(
    tmp_path: Path, saves: int
) -> None:
    store = ConfigStore(opened(tmp_path))
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        text=True,
    )
    assert writer.stdout is not None
    for _ in range(saves):
        assert writer.stdout.readline()
    os.kill(writer.pid, signal.SIGKILL)  # it is in the middle of one of its next saves
    told = [int(line) for line in writer.stdout.read().split() if line] or [saves]
    assert writer.wait() == -signal.SIGKILL

    history = {name: store.history(name, 10_000) for name in ("wdv3", "watermark")}
    newest = len(history["wdv3"])
    assert newest == len(history["watermark"]), "both or none"
    assert newest in (told[-1], told[-1] + 1), "what was reported as saved is there"
    for name, (first, second) in {
        "wdv3": ("gen_threshold", "char_threshold"),
        "watermark": ("yolo_threshold", "owlv2_threshold"),
    }.items():
        versions = history[name]
        assert [one.version for one in versions] == list(range(newest, 0, -1))
        assert all(one.saved[first] == one.saved[second] == one.version / 1000 for one in versions)
    store.change(lambda heads: [_version("wdv3", heads["wdv3"].version + 1)])

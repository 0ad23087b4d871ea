"""What pages say of downloads and of the machine, without a page."""

from __future__ import annotations

import base64
import dataclasses
import datetime as dt
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from yipyap_core.domain.download_queue import KeptSummary, OtherWork
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.host import Cpu, Gpu, HostReport, Memory, Volume
from yipyap_core.domain.jobs import Failure, Phase, Progress
from yipyap_core.domain.models import ModelSpec
from yipyap_core.domain.trash import Restored, TrashEntry, TrashItem, TrashState
from yipyap_core.errors import ConfigInvalid, Invalid, LastAdministrator
from yipyap_core.services.accounts.passwords import check_strength
from yipyap_core.services.accounts.usernames import checked_name, checked_username
from yipyap_core.ui import (
    boundary,
    cache_trash,
    download_dialog,
    download_filter,
    formats,
    host_panel,
    model_list,
    pictures,
    progress,
    snapshot,
    strip,
    try_canary,
)
from yipyap_core.ui.states import GROUPS, LOOKS_OF_PHASES, group_of, is_moving, look_of

GIGABYTE = 1_000_000_000


def _status(
    state: DownloadState, phase: Phase, done: int = 0, total: int = 0, speed_bps: float = 0.0
) -> DownloadStatus:
    figures = Progress(bytes_done=done, bytes_total=total, speed_bps=speed_bps)
    return DownloadStatus("any", state, phase, figures)


def _plain(text: str) -> str:
    return text.replace("\u00a0", " ")


@pytest.mark.parametrize("state", DownloadState)
@pytest.mark.parametrize("phase", Phase)
def test_every_state_has_a_word_a_colour_an_icon_and_a_filter(
    state: DownloadState, phase: Phase
) -> None:
    status = _status(state, phase)
    look = look_of(status)
    assert look.label
    assert look.icon
    assert look.colour in look.dot
    assert group_of(status) is GROUPS[state]


def test_no_two_phases_look_the_same() -> None:
    assert len({look.label for look in LOOKS_OF_PHASES.values()}) == len(LOOKS_OF_PHASES)


def test_a_paused_download_does_not_move() -> None:
    assert not is_moving(_status(DownloadState.DOWNLOADING, Phase.PAUSED))
    assert is_moving(_status(DownloadState.DOWNLOADING, Phase.STALLED))
    assert not is_moving(_status(DownloadState.COMPLETED, Phase.DONE))


def test_why_a_download_waits_is_drawn_although_it_waited_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits = _status(DownloadState.DOWNLOADING, Phase.QUEUED)
    failed = dataclasses.replace(waits, error=Failure("hub_busy", "Busy.", "Wait.", True))
    structures = []
    for status in (waits, failed):
        monkeypatch.setattr(snapshot, "statuses", lambda status=status: {"a": status})
        structures.append(model_list.live({}).structure())
    assert structures[0] != structures[1]


def test_the_strip_adds_up_what_runs() -> None:
    moving = _status(DownloadState.DOWNLOADING, Phase.TRANSFERRING, 0, 10 * GIGABYTE, 42e6)
    pulse = strip.Pulse.of({"a": moving, "b": moving})
    assert _plain(strip.words(pulse)) == "2 downloads · 84.0 MB/s · 4 min left"


def test_what_is_paused_needs_no_time() -> None:
    moving = _status(DownloadState.DOWNLOADING, Phase.TRANSFERRING, 0, 10 * GIGABYTE, 42e6)
    paused = _status(DownloadState.DOWNLOADING, Phase.PAUSED, 0, 900 * GIGABYTE)
    words = _plain(strip.words(strip.Pulse.of({"a": moving, "b": paused})))
    assert words == "1 download · 42.0 MB/s · 4 min left"


def test_what_is_only_hashed_has_no_time_left_to_say() -> None:
    hashed = _status(DownloadState.DOWNLOADING, Phase.VERIFYING, GIGABYTE, GIGABYTE, 42e6)
    words = _plain(strip.words(strip.Pulse.of({"a": hashed})))
    assert words == "1 download · 42.0 MB/s"


def test_how_much_is_left_to_be_hashed_is_said() -> None:
    status = _status(DownloadState.DOWNLOADING, Phase.VERIFYING, GIGABYTE, GIGABYTE)
    hashed = dataclasses.replace(
        status, progress=dataclasses.replace(status.progress, unhashed_bytes=420_000_000)
    )
    assert _plain(progress.words(hashed)).endswith(":blue[Verifying] · 420 MB left to check")
    assert _plain(progress.words(status)).endswith(":blue[Verifying]")


def test_the_strip_counts_pulls_and_checks_too() -> None:
    moving = _status(DownloadState.DOWNLOADING, Phase.TRANSFERRING, 0, 10 * GIGABYTE, 42e6)
    others = OtherWork(pulls=2, checks=1, speed_bps=42e6, left_bytes=10 * GIGABYTE)
    words = _plain(strip.words(strip.Pulse.of({"a": moving}, others)))
    assert words == "1 download · 2 pulls · 1 check · 84.0 MB/s · 4 min left"
    assert strip.words(strip.Pulse.of({}, OtherWork(checks=1))) == "1 check"
    repairs = OtherWork(repairs=1, speed_bps=2e6, left_bytes=20_000_000)
    assert _plain(strip.words(strip.Pulse.of({}, repairs))) == "1 repair · 2.00 MB/s · 10 s left"


def test_a_running_download_says_what_a_stop_would_keep() -> None:
    here = Progress(
        32_300_000_000, 71_000_000_000, 7, 9, whole_bytes=31_200_000_000, unfinished_files=1
    )
    said = "7 of 9 files, 31.2 GB kept; the current file goes on at 1.10 GB"
    assert _plain(progress.kept_words(here)) == said
    assert progress.kept_words(Progress(5, 9)) == ""  # only the process that runs it knows


def test_the_strip_says_when_nothing_runs_and_what_waits() -> None:
    assert strip.words(strip.Pulse.of({})) == "Nothing is running"
    statuses = {
        "a": _status(DownloadState.DOWNLOADING, Phase.QUEUED),
        "b": _status(DownloadState.DOWNLOADING, Phase.PAUSED),
        "c": _status(DownloadState.FAILED, Phase.IDLE),
    }
    words = strip.words(strip.Pulse.of(statuses))
    assert words == "Nothing is running · 1 queued · 1 paused · 1 failed"


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (KeptSummary(0, 3, 0), "Nothing has arrived yet, so nothing is kept."),
        (
            KeptSummary(1, 3, 2 * GIGABYTE),
            "1 of 3 files, 2.00 GB kept.",
        ),
        (
            KeptSummary(7, 9, int(31.2 * GIGABYTE), "b.bin", 1_100_000_000, 1),
            "7 of 9 files, 31.2 GB kept; the current file goes on at 1.10 GB (b\\.bin).",
        ),
        (
            KeptSummary(1, 3, 2 * GIGABYTE, "b.bin", 500_000_000, 2),
            "1 of 3 files, 2.00 GB kept; unfinished files go on at 500 MB.",
        ),
        (
            KeptSummary(1, 3, 2 * GIGABYTE, "b.bin", 0, 1, 500_000_000),
            "1 of 3 files, 2.00 GB kept; 500 MB that the hub's own client has fetched are lost.",
        ),
        (
            KeptSummary(0, 1, 0, "b.bin", 0, 1, 500_000_000),
            "500 MB that the hub's own client has fetched are lost.",
        ),
    ],
)
def test_the_cancel_question_says_exactly_what_is_kept(kept: KeptSummary, words: str) -> None:
    assert _plain(download_dialog.words(kept)) == words


@given(st.lists(st.floats(min_value=0, max_value=1e12), max_size=40))
def test_a_sparkline_stays_in_its_box(speeds: list[float]) -> None:
    image = pictures.line(speeds, "speeds")
    drawing = base64.b64decode(image.split("base64,")[1].rstrip(")")).decode()
    points = drawing.split("points='")[1].split("'")[0].split()
    assert len(points) == min(len(speeds), pictures.LINE_POINTS)
    for point in points:
        x, y = (float(figure) for figure in point.split(","))
        assert 0 <= x <= pictures.LINE_WIDTH
        assert 0 <= y <= pictures.LINE_HEIGHT


SPECS = [
    ModelSpec("yolo-m", "YOLO11 Medium", "", "Ultralytics/YOLO11", 40, ""),
    ModelSpec("llada", "LLaDA 8B", "", "GSAI-ML/LLaDA-8B-Instruct", 16, "", family="llada"),
]


@pytest.mark.parametrize(
    ("words", "found"),
    [("", 2), ("yolo", 1), ("GSAI 8b", 1), ("yolo llada", 0), ("  ", 2)],
)
def test_a_search_needs_every_word(words: str, found: int) -> None:
    assert sum(download_filter.matches(spec, words) for spec in SPECS) == found


REPORT = HostReport(
    at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    cpu=Cpu(12.4, 16, 1.0),
    memory=Memory(64 * GIGABYTE, 40 * GIGABYTE, GIGABYTE),
    gpus=(Gpu(0, "RTX 4090", 24 * GIGABYTE, 6 * GIGABYTE, 50.0, 61.0, 300.0),),
    gpu_reason=None,
    volumes=(Volume(("cache", "state"), 500 * GIGABYTE, 120 * GIGABYTE),),
)


def test_the_machine_is_told_in_bars() -> None:
    bars = [(_plain(words), share) for words, share in host_panel.bars(REPORT, 18 * GIGABYTE)]
    assert bars == [
        ("**CPU** 12 % of 16 cores", 0.124),
        ("**RAM** 24.0 GB of 64.0 GB", 0.375),
        ("**GPU 0** RTX 4090 · 6.00 GB of 24.0 GB · 50 % · 61 °C · 300 W", 0.25),
        (
            "**Volume of cache and state** 120 GB free of 500 GB · the queue takes 18.0 GB",
            0.76,
        ),
    ]


def test_a_machine_without_an_accelerator_says_why() -> None:
    report = dataclasses.replace(REPORT, gpus=(), gpu_reason="no driver", volumes=())
    assert list(host_panel.bars(report, 0))[-1] == ("**GPU** no driver", None)


def test_an_error_says_what_happened_which_field_and_what_to_do() -> None:
    words = boundary.words(ConfigInvalid({"threshold": "Must be at most 1."}))
    assert words.startswith("**Failed to update config**")
    assert r"- threshold: Must be at most 1\." in words
    assert boundary.words(LastAdministrator()).endswith(r"administrator first\.")


@pytest.mark.parametrize(
    "refuse",
    [
        lambda: check_strength("x" * 4 + "correct horse " * 6, username="eve"),
        lambda: check_strength("short", username="eve"),
        lambda: checked_username(""),
        lambda: checked_username("a b"),
        lambda: checked_name("E\nve"),
    ],
)
def test_a_refused_name_or_password_is_one_sentence_and_what_to_do(
    refuse: Callable[[], object],
) -> None:
    with pytest.raises(Invalid) as caught:
        refuse()
    said = [formats.plain(caught.value.message), formats.plain(caught.value.hint)]
    assert boundary.words(caught.value).split("\n\n") == [f"**{said[0]}**", said[1]]


def test_a_check_that_is_due_is_said_before_the_last_one() -> None:
    assert "Never checked" in try_canary.words(None, None)
    assert "is due" in try_canary.words(None, None, is_due=True)


def test_an_undo_names_repositories_letter_by_letter() -> None:
    items = tuple(
        TrashItem(f"models--org--{name}", f"org/{name}", "model", (), True)
        for name in ("[a](http://b)", "*c*")
    )
    moment = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    entry = TrashEntry("1", "2", "ada", moment, TrashState.KEPT, items, 1000)

    said = cache_trash.words(Restored(entry, 2))

    assert said.startswith(r"org/\[a\]\(http\://b\), org/\*c\* are back")

"""The side panel of the Downloads page: order, quiet hours, and the history in its dialog."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_ui.conftest import OpenPage
from tests.test_ui.fakes import NOW, House
from yipyap_core.domain.connections import KEY, HostUse, uses_to_json
from yipyap_core.domain.download_history import DownloadRecord
from yipyap_core.domain.download_queue import QuietHours
from yipyap_core.domain.downloads import DownloadState, DownloadStatus
from yipyap_core.domain.jobs import Failure, Job, JobKind, JobState, Phase, Progress
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.errors import NotRunning
from yipyap_core.ui import download_connections, download_history
from yipyap_core.ui.download_order import Wish

NIGHT = QuietHours(dt.time(22, 30), dt.time(6), stops_running=True)
REFUSED = Failure("gated_repository", "No access to *org/x*.", "Accept the licence.", False)


def past(job_id: str, subject: str, state: JobState = JobState.DONE, **changes: Any) -> Job:
    """A job that ended an hour after it was asked for, with ten seconds of work."""
    given: dict[str, Any] = {
        "progress": Progress(400_000_000, 400_000_000, 2, 2, settled=state is JobState.DONE),
        "fetched_bytes": 400_000_000,
        "active_seconds": 10.0,
        "finished_at": NOW + dt.timedelta(hours=1),
    } | changes
    return Job(
        id=job_id,
        kind=JobKind.DOWNLOAD,
        subject=subject,
        actor="alice",
        state=state,
        phase=Phase.DONE,
        attempt=1,
        priority=0,
        position=1,
        created_at=NOW,
        updated_at=NOW,
        **given,
    )


def queue_up(house: House, *model_ids: str) -> None:
    for model_id in model_ids:
        house.downloads.set(model_id, status=DownloadState.DOWNLOADING, phase=Phase.QUEUED)


def moves_of(app: AppTest, model_id: str) -> list[str]:
    """The help of each arrow beside a waiting download."""
    arrows = [one for one in app.button if one.key and one.key.startswith("move-")]
    return [one.help for one in arrows if one.key and one.key.endswith(f"-{model_id}")]


def press_apply(app: AppTest) -> AppTest:
    return next(one for one in app.button if one.label == "Apply").click().run()


def test_a_waiting_download_offers_only_the_ways_there_are(
    open_page: OpenPage, house: House
) -> None:
    queue_up(house, "dreamon", "llada")
    app = open_page("downloads", "alice")
    first, second, third = [one.model_id for one in house.downloads.queue().queued]
    assert moves_of(app, first) == ["Later"]
    assert moves_of(app, second) == ["Earlier", "Later"]
    assert moves_of(app, third) == ["Earlier"]
    menus = {one.key: one.options for one in app.menu_button}
    usual = ["High priority", "Low priority"]
    assert menus[f"order-{first}"] == menus[f"order-{second}"] == usual
    assert menus[f"order-{third}"] == ["To the front", *usual]


def test_a_waiting_download_goes_to_the_front_in_one_step(
    open_page: OpenPage, house: House
) -> None:
    queue_up(house, "dreamon", "llada")
    last = house.downloads.queue().queued[-1].model_id
    menu = open_page("downloads", "alice").menu_button(key=f"order-{last}")
    menu.click(Wish.FRONT).run()
    assert house.downloads.calls == [("move -10000", last)]  # wherever it may stand by now


def test_a_waiting_download_is_given_another_priority(open_page: OpenPage, house: House) -> None:
    queue_up(house, "llada")
    app = open_page("downloads", "alice").menu_button(key="order-llada").click(Wish.HIGH).run()
    assert house.downloads.calls == [("priority 10", "llada")]
    assert any("[high]" in one.value for one in app.markdown)
    options = app.menu_button(key="order-llada").options
    assert "Normal priority" in options
    assert "High priority" not in options


def test_a_model_that_was_forgotten_while_its_download_is_live_is_named_by_its_id(
    open_page: OpenPage, house: House
) -> None:
    for phase in (Phase.QUEUED, Phase.PAUSED, Phase.TRANSFERRING):
        gone = f"gone-{phase.value}"
        house.downloads.by_id[gone] = DownloadStatus(
            gone, DownloadState.DOWNLOADING, phase, Progress()
        )
    app = open_page("downloads", "alice")
    assert not app.exception
    said = " ".join(one.value for one in app.markdown)
    for word in ("queued", "paused", "transferring"):
        assert rf"gone\-{word}" in said


def test_a_download_that_began_meanwhile_says_why_it_was_not_moved(
    open_page: OpenPage, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotRunning("The job is transferring; only a waiting one can be moved.")

    queue_up(house, "llada")
    app = open_page("downloads", "alice")
    monkeypatch.setattr(house.downloads, "move", refuse)
    app.button(key="move--1-llada").click().run()
    assert any("only a waiting one can be moved" in one.value for one in app.error)


def test_a_stale_arrow_moves_nothing(open_page: OpenPage, house: House) -> None:
    queue_up(house, "llada")
    arrow = open_page("downloads", "alice").button(key="move--1-llada")
    house.accounts.add_user(SYSTEM, "zoe", "Zoe", Role.ADMIN, "correct horse staple")
    house.accounts.update_user(SYSTEM, "alice", role=Role.USER)
    arrow.click().run()
    assert house.downloads.calls == []


def test_quiet_hours_are_shown_and_lifted(open_page: OpenPage, house: House) -> None:
    house.downloads.quiet_hours, house.downloads.is_quiet = NIGHT, True
    app = open_page("downloads", "alice")
    assert [one.value for one in app.time_input] == [NIGHT.start, NIGHT.end]
    assert [one.value for one in app.toggle] == [True, True]
    assert any("Quiet hours" in one.value for one in app.info)
    app.toggle[0].set_value(False)
    press_apply(app)
    assert house.downloads.calls == [("limits", "2 0 None")]  # in one write


def test_quiet_hours_without_a_length_change_nothing(open_page: OpenPage, house: House) -> None:
    house.downloads.quiet_hours = NIGHT
    app = open_page("downloads", "alice")
    app.time_input[1].set_value(NIGHT.start)
    press_apply(app)
    assert house.downloads.calls == []
    assert any("a beginning and another end" in one.value for one in app.error)


def test_the_history_is_read_only_when_it_is_opened(open_page: OpenPage, house: House) -> None:
    house.downloads.jobs = [
        past("b", "llada", JobState.FAILED, failure=REFUSED),
        past("a", "wdv3-vit"),
    ]
    app = open_page("downloads", "alice")
    assert not [one for one in app.expander if "WDv3" in one.label]
    app.button(key="open-download-history").click().run()
    assert not app.exception
    failed, done = [one.label for one in app.expander if "Alice Archer" in one.label]
    assert "Failed" in failed
    assert "Verified" in done
    assert "40.0\N{NO-BREAK SPACE}MB/s" in done


def test_an_empty_history_says_what_to_do_first(open_page: OpenPage, house: House) -> None:
    app = open_page("downloads", "alice")
    app.button(key="open-download-history").click().run()
    assert any("Nothing was downloaded yet" in one.value for one in app.caption)
    assert house.downloads.calls == []


def test_an_opened_line_tells_the_timeline(open_page: OpenPage, house: House) -> None:
    house.downloads.jobs = [past("a", "wdv3-vit")]
    app = open_page("downloads", "alice")
    app.session_state["download-history-a"] = True
    app.button(key="open-download-history").click().run()
    assert not app.exception
    assert any("Asked the hub for the files" in one.value for one in app.markdown)


def test_a_long_history_is_shown_whole_on_demand(open_page: OpenPage, house: House) -> None:
    house.downloads.jobs = [past(f"job{number}", "wdv3-vit") for number in range(20)]
    app = open_page("downloads", "alice")
    app.button(key="open-download-history").click().run()
    lines = [one for one in app.expander if "Alice Archer" in one.label]
    assert len(lines) == download_history.SHOWN_AT_FIRST
    next(one for one in app.toggle if "Show 20" in one.label).set_value(True).run()
    assert len([one for one in app.expander if "Alice Archer" in one.label]) == 20


def test_a_line_says_what_how_it_ended_who_when_how_long_how_fast_and_how_much() -> None:
    line = download_history.heading(DownloadRecord(past("a", "x")), "WDv3", "Ann", "04:44:03")
    for word in ("WDv3", "Verified", "Ann", "04:44:03", "10 s", "40.0 MB/s", "400 MB"):
        assert word.replace(" ", "\N{NO-BREAK SPACE}") in line.replace(" ", "\N{NO-BREAK SPACE}"), (
            word
        )


def test_the_line_of_a_running_download_stays_as_it_is_so_that_it_stays_open() -> None:
    soon = past("a", "x", JobState.RUNNING, active_seconds=5.0, fetched_bytes=1_000_000)
    later = replace(soon, active_seconds=9.0, fetched_bytes=9_000_000)
    soon_said, later_said = (
        download_history.heading(DownloadRecord(job), "X", "Ann", "04:44:03")
        for job in (soon, later)
    )
    assert soon_said == later_said
    assert "9\N{NO-BREAK SPACE}s" in download_history.facts(DownloadRecord(later), "UTC")


def test_a_line_says_over_which_connections() -> None:
    uses = (
        HostUse("https://hub", tls="TLSv1.3", opened=1, at_once=1, requests=3, streams=2),
        HostUse("http://cdn:81", opened=5, at_once=4, ranges=9, proxied=True),
        HostUse("https://hub", "huggingface_hub", "xet", "TLS", streams=1),
    )
    record = DownloadRecord(past("a", "x", payload={KEY: uses_to_json(uses)}))
    assert "4 connections" in download_history.heading(record, "X", "Ann", "04:44:03")
    said = download_history.facts(record, "UTC").replace("\\", "")
    assert "https://hub: 1 connection, 2 whole files, HTTP/1.1 over TLSv1.3" in said
    assert "http://cdn:81: 4 connections at once, 5 in all, 9 ranges, HTTP/1.1, through a" in said
    assert "https://hub: by huggingface_hub, 1 whole file, xet over TLS" in said
    assert download_connections.words(()) == ""


def test_the_details_say_over_which_connections(open_page: OpenPage, house: House) -> None:
    kept = {KEY: uses_to_json([HostUse("https://cdn", opened=2, at_once=2)])}
    house.downloads.jobs = [past("a", "wdv3-vit", payload=kept)]
    app = open_page("downloads", "alice").button(key="details-wdv3-vit").click().run()
    assert any("2 connections" in one.value for one in app.markdown)


def test_a_failure_is_said_with_its_next_step_and_as_plain_text() -> None:
    job = past("a", "x", JobState.FAILED, failure=REFUSED, fetched_bytes=0, finished_at=None)
    record = DownloadRecord(job)
    said = download_history.facts(record, "UTC")
    assert r"No access to \*org/x\*\. Accept the licence\." in said
    assert "Ended" not in said
    assert "not all" in said
    assert "average" not in download_history.heading(record, "X", "Ann", "04:44:03")


def test_a_forgotten_model_keeps_its_line(open_page: OpenPage, house: House) -> None:
    house.downloads.jobs = [past("a", "gone")]
    app = open_page("downloads", "alice")
    app.button(key="open-download-history").click().run()
    assert any("**gone**" in one.label for one in app.expander)

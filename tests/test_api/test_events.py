"""Changes arrive as they happen, and a listener goes on where it stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.standins.waiting import wait_until
from tests.test_api.serving import served
from tests.test_api.world import World
from yipyap_core.api.routes import events as route
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.services.events import EventBus

Frame = dict[str, Any]


@contextmanager
def listening(
    url: str, credential: str, last_event_id: str | None = None
) -> Iterator[Iterator[Frame]]:
    """Hold a stream open; its frames come as they arrive, each with its id."""
    headers = {"Authorization": f"Bearer {credential}"}
    if last_event_id:
        headers["Last-Event-ID"] = last_event_id
    with httpx.stream("GET", f"{url}/events", headers=headers, timeout=30) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        lines = answer.iter_lines()
        assert next(lines) == "retry: 3000"
        yield frames(lines)


def frames(lines: Iterator[str]) -> Iterator[Frame]:
    event_id = None
    for line in lines:
        if line.startswith("id: "):
            event_id = line.removeprefix("id: ")
        elif line.startswith("data: "):
            yield {"event_id": event_id, **json.loads(line.removeprefix("data: "))}
            event_id = None
        elif line.startswith(": "):
            yield {"event_id": None, "type": line.removeprefix(": ")}


@pytest.fixture
def url(world: World) -> Iterator[str]:
    with served(world.api) as url:
        yield url


@pytest.fixture
def bus(world: World) -> EventBus:
    return world.services.downloads.events


def test_what_happens_arrives_in_order(world: World, url: str, bus: EventBus) -> None:
    with listening(url, world.people.bearer("ada")) as heard:
        for number in range(3):
            bus.publish("download", f"model-{number}", {"progress": number})
        got = [next(heard) for _ in range(3)]
    assert [(one["type"], one["id"], one["progress"]) for one in got] == [
        ("download", f"model-{number}", number) for number in range(3)
    ]


def test_a_listener_goes_on_where_it_stopped(world: World, url: str, bus: EventBus) -> None:
    ada = world.people.bearer("ada")
    seen = bus.publish("config", "jtp2").event_id
    bus.publish("config", "yolo")
    with listening(url, ada, seen) as heard:
        bus.publish("config", "wdv3")
        assert [next(heard)["id"] for _ in range(2)] == ["yolo", "wdv3"]


@pytest.mark.parametrize("last", ["0-1", "nonsense", "9" * 400, "-", "a-b-c"])
def test_what_is_no_longer_known_says_reset(
    world: World, url: str, bus: EventBus, last: str
) -> None:
    bus.publish("config", "jtp2")
    with listening(url, world.people.bearer("ada"), last) as heard:
        assert next(heard)["type"] == "reset"
        bus.publish("config", "wdv3")
        assert next(heard)["id"] == "wdv3"


def test_a_quiet_stream_shows_that_it_lives(
    world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(route, "BEAT_SECONDS", 0.05)  # the wait itself is what is tested
    monkeypatch.setattr(route, "LOOK_SECONDS", 0.01)
    with listening(url, world.people.bearer("ada")) as heard:
        assert [next(heard)["type"] for _ in range(2)] == ["beat", "beat"]


def test_who_loses_the_right_hears_nothing_more(world: World, url: str, bus: EventBus) -> None:
    world.people.add("bob", Role.ADMIN)
    with listening(url, world.people.bearer("bob")) as heard:
        bus.publish("config", "jtp2")
        assert next(heard)["id"] == "jtp2"
        world.people.clock.advance(microseconds=1)
        world.people.accounts.update_user(SYSTEM, "bob", role=Role.USER)
        bus.publish("config", "secret")
        assert list(heard) == []


def test_a_member_does_not_hear(world: World, url: str) -> None:
    headers = {"Authorization": f"Bearer {world.people.bearer('eve')}"}
    assert httpx.get(f"{url}/events", headers=headers).status_code == 403


def test_a_stream_ends_with_the_server(
    world: World, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uvicorn waits for open streams; each has to notice by itself."""

    class Server:
        should_exit = False

        def handle_exit(self, *_: object) -> None:
            """As uvicorn installs it for SIGTERM."""

    server = Server()
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(route, "LOOK_SECONDS", 0.01)
    signal.signal(signal.SIGTERM, server.handle_exit)
    try:
        with listening(url, world.people.bearer("ada")) as heard:
            server.should_exit = True
            assert list(heard) == []
    finally:
        signal.signal(signal.SIGTERM, before)


def test_listeners_that_leave_are_forgotten(world: World, url: str, bus: EventBus) -> None:
    for _ in range(3):
        with listening(url, world.people.bearer("ada")) as heard:
            bus.publish("config", "jtp2")
            next(heard)

    def nobody_listens() -> bool:
        bus.publish("config", "jtp2")  # what is sent to nobody shows that nobody is there
        return not bus._callbacks  # there is no public way to count them

    wait_until(nobody_listens, timeout_seconds=30, last=list)


def test_head_of_the_stream_ends(world: World, url: str) -> None:
    headers = {"Authorization": f"Bearer {world.people.bearer('ada')}"}
    answer = httpx.head(f"{url}/events", headers=headers, timeout=10)
    assert (answer.status_code, answer.content) == (200, b"")


def test_head_answers_like_get_without_the_body(world: World, url: str) -> None:
    token = world.people.bearer("ada")
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}
    with httpx.Client(headers=headers) as client:
        for path in ("/model-registry", "/users", "/health", "/nothing", "/docs"):
            got, head = client.get(url + path), client.head(url + path)
            assert head.status_code == got.status_code
            assert head.content == b""
            assert head.headers["content-length"] == str(len(got.content))

"""Wherever the hub client is led: the token stays at home, and no way leads inside."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.standins.hub import Dribble, Hub, Redirect, Status, Token
from yipyap_core.clients.hub import HubClient
from yipyap_core.clients.hub_redirects import asking, stay_safe
from yipyap_core.domain.models import RepoRef
from yipyap_core.errors import HubUnreachable, RedirectRefused

REPO, COMMIT, SECRET = "org/model", "a" * 40, "hf_secret_of_mine"
TREE = f"/api/models/{REPO}/tree/{COMMIT}"
PAGE = '[{"type": "file", "path": "a", "size": 1, "oid": "%s"}]' % ("0" * 40)


@pytest.fixture
def other(hub: Hub) -> Iterator[Hub]:
    """Another host with the same repository, that knows the token too."""
    with Hub(host="127.0.0.2") as other:
        for one in (hub, other):
            one.add_token(Token(SECRET))
            one.add_repo(REPO, {"b": b"2"}, commit=COMMIT)
        yield other


def test_the_token_does_not_go_to_a_next_page_on_another_host(hub: Hub, other: Hub) -> None:
    link = f'<{other.endpoint}{TREE}?recursive=true>; rel="next"'
    page = Status(200, body=PAGE, content_type="application/json", headers={"Link": link})
    hub.inject(page, path=TREE)

    snapshot = HubClient(hub.endpoint, lambda: SECRET).resolve(RepoRef(REPO))

    assert [file.path for file in snapshot.files] == ["a", "b"]
    assert [record.authorization for record in other.requests] == [False]
    assert all(record.authorization for record in hub.requests)


def test_the_token_does_not_go_along_with_a_redirect(hub: Hub, other: Hub) -> None:
    hub.inject(Redirect(other.endpoint + "{path}"), path="/api/models/*")

    HubClient(hub.endpoint, lambda: SECRET).resolve(RepoRef(REPO))

    assert {record.authorization for record in other.requests} == {False}


def look_up(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
    """A resolver of three names."""
    names = {"hub.example": "93.184.215.14", "cdn.example": "1.1.1.1", "trap.example": "10.0.0.7"}
    if host not in names:
        raise socket.gaierror("no such name")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (names[host], 0))]


@pytest.mark.parametrize(
    "target",
    ["127.0.0.1:80", "localhost", "localhost.", "[::1]", "10.0.0.7", "2130706433", "trap.example"],
)
def test_a_public_hub_leads_into_no_private_network(
    monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    request = httpx2.Request("GET", f"http://{target}/x")

    with asking("https://hub.example"), pytest.raises(RedirectRefused) as caught:
        stay_safe(request)

    assert f"http://{target.removesuffix(':80')}," in caught.value.message


@pytest.mark.parametrize(
    ("home", "target"),
    [
        ("https://hub.example", "https://cdn.example/x"),
        ("https://hub.example", "https://known.to.a.proxy.example/x"),
        ("http://trap.example", "http://10.0.0.8/x"),
    ],
)
def test_other_ways_are_open(monkeypatch: pytest.MonkeyPatch, home: str, target: str) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    request = httpx2.Request("GET", target, headers={"Authorization": "Bearer x"})

    with asking(home):
        stay_safe(request)

    assert "authorization" not in request.headers


@pytest.mark.timeout(30)
def test_an_answer_of_single_bytes_is_given_up(hub: Hub) -> None:
    hub.add_repo(REPO, {"b": b"2"})
    hub.inject(Dribble(0.3), path="/api/models/*")

    with pytest.raises(HubUnreachable) as caught:
        HubClient(hub.endpoint, lambda: None).preflight(RepoRef(REPO))

    assert "next to nothing" in caught.value.message

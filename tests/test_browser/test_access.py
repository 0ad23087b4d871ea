"""Attacks that a browser would not make: raw messages, stale fragments and stale buttons."""

from __future__ import annotations

import pytest
import requests
from streamlit.util import calc_hash

from tests.browser import PASSWORD, Server
from tests.streamlit_client import StreamlitClient
from yipyap_core.domain.users import SYSTEM, Role

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

SECRETS = ("Total Models", "Refresh Status", "Add user", "Cache Directory", "JTP2", "SmilingWolf")
ADDRESSES = ("model-management", "downloads", "users", "hf-cache", "caption-models")


@pytest.mark.xdist_group("browser")
def test_the_first_message_of_a_fresh_process_gets_no_page(empty_server: Server) -> None:
    empty_server.add("alice", Role.ADMIN)
    empty_server.start()
    for address in ADDRESSES:
        with StreamlitClient(empty_server.port, path=address) as stranger:
            run = stranger.load(address)
            assert "Sign in" in run.text
            assert [word for word in SECRETS if word in run.text] == []
        with StreamlitClient(empty_server.port, path=address) as stranger:
            run = stranger.load(page_script_hash=calc_hash(address))
            assert "Sign in" in run.text
            assert [word for word in SECRETS if word in run.text] == []


def test_the_cookies_frame_never_interrupts_a_press(server: Server) -> None:
    with StreamlitClient(server.port) as client:
        frames = client.load("").frames
        assert len(frames) == 1
        assert all(frames.values())


@pytest.mark.parametrize("username", ["bob", "gus"])
def test_a_raw_message_of_a_user_gets_no_administrators_page(server: Server, username: str) -> None:
    for address in ADDRESSES:
        with StreamlitClient(server.port, cookie=_cookie(server, username)) as client:
            for run in (client.load(address), client.load(page_script_hash=calc_hash(address))):
                assert username.capitalize() in run.text
                assert [word for word in SECRETS if word in run.text] == []


def test_the_same_raw_message_of_an_administrator_gets_the_page(server: Server) -> None:
    with StreamlitClient(server.port, cookie=_cookie(server, "alice")) as client:
        assert "Refresh Status" in client.load(page_script_hash=calc_hash("downloads")).text


def test_a_stale_fragment_of_a_demoted_administrator_shows_nothing(server: Server) -> None:
    name = server.add("frieda", Role.ADMIN)
    with StreamlitClient(server.port, cookie=_cookie(server, name)) as client:
        fragment = client.load("downloads").fragment_ids[-1]
        assert "Nothing is running" in client.poll(fragment).text
        server.accounts.update_user(SYSTEM, name, role=Role.USER)
        text = client.poll(fragment).text
        assert "Nothing is running" not in text
        assert "That sign-in has ended" in text


def test_a_stale_button_of_a_demoted_administrator_does_nothing(server: Server) -> None:
    name = server.add("carla", Role.ADMIN)
    with StreamlitClient(server.port, cookie=_cookie(server, name)) as client:
        button = client.load("downloads").button_id("download-watermark-yolo")
        server.accounts.update_user(SYSTEM, name, role=Role.USER)
        text = client.press(button, page_script_hash=calc_hash("downloads")).text
        assert "Refresh Status" not in text
    assert _status(server, "watermark-yolo") == "not_started"
    assert server.hub.find("/api/models/*watermark*") == []


def test_a_button_of_a_user_who_forges_its_id_does_nothing(server: Server) -> None:
    with StreamlitClient(server.port, cookie=_cookie(server, "alice")) as client:
        button = client.load("downloads").button_id("download-watermark-owlv2")
    with StreamlitClient(server.port, cookie=_cookie(server, "bob")) as forger:
        forger.load("downloads")
        forger.press(button, page_script_hash=calc_hash("downloads"))
    assert _status(server, "watermark-owlv2") == "not_started"


@pytest.mark.parametrize("change", ["disabled", "removed", "new password"])
def test_whoever_loses_the_account_loses_the_open_page(server: Server, change: str) -> None:
    name = server.add(f"leaver-{change[0]}", Role.ADMIN)
    with StreamlitClient(server.port, cookie=_cookie(server, name)) as client:
        assert "Add user" in client.load("users").text
        match change:
            case "disabled":
                server.accounts.update_user(SYSTEM, name, disabled=True)
            case "removed":
                server.accounts.remove_user(SYSTEM, name)
            case _:
                server.accounts.update_user(SYSTEM, name, password=f"{PASSWORD} again")
        text = client.load("users").text
        assert "Add user" not in text
        assert "Sign in" in text


def _cookie(server: Server, username: str) -> str:
    return f"yipyap_session={server.cookie_of(username)}"


def _status(server: Server, model_id: str) -> str:
    answer = requests.get(
        f"{server.url}/api/model-download-status/{model_id}",
        cookies={"yipyap_session": server.cookie_of("alice")},
        timeout=10,
    )
    status: str = answer.json()["status"]
    return status

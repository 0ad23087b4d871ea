"""Presses that come early: no server-side race swallows one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice

import pytest
import requests
from streamlit.util import calc_hash

from tests.browser import Server
from tests.standins.hub import Pattern
from tests.streamlit_client import StreamlitClient

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PRESSES = 20
MODEL = "yolo-x"
PAGE = calc_hash("downloads")


@pytest.fixture
def running(server: Server) -> Iterator[str]:
    """A download that takes longer than the test; the header that knows its administrator."""
    server.hub.commit("Ultralytics/YOLO11", {"yolo11x.pt": Pattern(25_000_000)})
    server.hub.configure(server_bps=20_000)
    cookie = f"yipyap_session={server.cookie_of('alice')}"
    with StreamlitClient(server.port, cookie=cookie) as client:
        button = client.load("downloads").button_id(f"download-{MODEL}")
        client.press(button, page_script_hash=PAGE)
        yield cookie
    server.hub.configure(server_bps=None)


def test_no_press_is_lost_however_early_it_comes(server: Server, running: str) -> None:
    """Each one interrupts the run that is just drawing its button, with a timer behind it."""
    with StreamlitClient(server.port, cookie=running) as client:
        page = client.load("downloads")
        pressed = page.button_id(f"pause-{MODEL}")
        for following in islice(cycle(("resume", "pause")), PRESSES):
            client.press_amid(pressed, page.fragment_ids[-1], page_script_hash=PAGE)
            pressed = client.until_button(f"{following}-{MODEL}")
        answer = requests.get(
            f"{server.url}/api/model-download-status/{MODEL}",
            headers={"Cookie": running},
            timeout=10,
        )
    assert answer.json()["phase"] != "paused"

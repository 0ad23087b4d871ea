"""What a raw client learns of a fresh server; `test_ui.test_page_access` has the whole matrix."""

from __future__ import annotations

import pytest
from streamlit.util import calc_hash

from tests.browser import Server
from tests.streamlit_client import StreamlitClient
from yipyap_core.domain.users import Role
from yipyap_core.ui.page import discover

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

ADMINISTRATORS_PAGES = [page.spec for page in discover() if page.spec.role is Role.ADMIN]
SECRETS = (
    *("Total Models", "Refresh Status", "Add user", "Cache Directory", "JTP2", "SmilingWolf"),
    *(page.purpose for page in ADMINISTRATORS_PAGES),
)
ADDRESSES = [page.url_path for page in ADMINISTRATORS_PAGES]


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

"""The real server's process imports no runtime, whichever page is opened and whatever is run."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from tests.browser import Server, fresh_server, wait_until
from tests.standins.repositories import seed
from tests.streamlit_client import StreamlitClient
from tests.test_engines.pictures import encoded, rgb
from tests.test_engines.test_light_dashboard import HEAVY
from yipyap_core.discovery import find
from yipyap_core.domain.users import Role
from yipyap_core.ui.page import PageSpec

pytestmark = pytest.mark.timeout(300)
ASKED = Path(__file__).parent / "ask_modules"
PAGES = tuple(
    one.value.url_path for one in find("pages", "PAGE", PageSpec, lambda page: page.title)
)
PICTURE = encoded(rgb(80, 50))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("light")
    with fresh_server(folder) as server:
        seed(server.hub, runnable=True)
        server.add("alice", Role.ADMIN)
        server.environment = {
            "PYTHONPATH": str(ASKED),
            "MODULES_FOLDER": str(folder),
            "YIPYAP_ENGINE_CANARY": "1",
        }
        server.start()
        yield server


@pytest.fixture(scope="module")
def alice(server: Server) -> requests.Session:
    session = requests.Session()
    session.trust_env = False
    session.cookies.set("yipyap_session", server.cookie_of("alice"))
    form = {"username": "alice", "password": "correct horse staple"}
    answer = session.post(f"{server.url}/api/token", data=form, timeout=30)
    session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return session


def modules_of(server: Server, pid: int) -> set[str]:
    """Top-level packages that a process has imported at this moment."""
    place = server.folder / f"{pid}.json"
    place.unlink(missing_ok=True)
    os.kill(pid, signal.SIGUSR1)
    wait_until(place.exists, "the process tells its modules")
    return {name.split(".")[0] for name in json.loads(place.read_text(encoding="utf-8"))}


def canary_of(server: Server, alice: requests.Session) -> object:
    return alice.get(f"{server.url}/api/engines/wdv3-vit", timeout=30).json()["canary"]


def test_every_page_is_opened_and_no_runtime_is_imported(
    server: Server, alice: requests.Session
) -> None:
    alice.post(f"{server.url}/api/model-download/wdv3-vit/start", timeout=30)
    wait_until(lambda: canary_of(server, alice) is not None, "it is checked by itself", 120)
    report = canary_of(server, alice)
    assert isinstance(report, dict)
    assert report["ok"], report
    files = {"image": ("a.png", PICTURE, "image/png")}
    answer = alice.post(f"{server.url}/api/caption/wdv3", files=files, timeout=60)
    assert answer.json()["device"] == "cpu"
    cookie = f"yipyap_session={server.cookie_of('alice')}"
    texts = {}
    for page in PAGES:
        with StreamlitClient(server.port, cookie=cookie, path=page) as client:
            run = client.load(page)
            for fragment in run.fragment_ids:
                client.poll(fragment)
            texts[page] = run.text
    assert "Check passed" in texts["model-management"]
    assert "Loaded models hold" in texts["model-management"]
    assert len(PAGES) >= 8
    imported = modules_of(server, server.pid)
    assert {"streamlit", "fastapi"} <= imported
    assert imported.isdisjoint(HEAVY)


def test_the_question_has_teeth(server: Server, alice: requests.Session) -> None:
    loaded = alice.post(f"{server.url}/api/engines/wdv3-vit/load", timeout=60).json()
    worker = loaded["worker"]["pid"]
    assert psutil.Process(worker).ppid() == server.pid
    assert "onnxruntime" in modules_of(server, worker)

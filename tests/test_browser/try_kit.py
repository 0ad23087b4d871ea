"""A server whose models load and answer, and what people do in the panels that try them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser import Server, Visit, Visitor, fresh_server, press
from tests.standins.repositories import seed
from tests.standins.tiny_models import files_of
from yipyap_core.domain.users import Role

LOADING_MILLISECONDS = 150_000
"""The first request of a family imports its runtime, on two busy cores."""
JOYCAPTION = "fancyfeast/llama-joycaption-beta-one-hf-llava"
FLAG = "workers-crash"
ENDS_AT_ONCE = """
import os, sys
if os.path.exists({flag!r}) and "yipyap_core.engines.worker" in sys.orig_argv:
    sys.stderr.write("the device has gone away\\n")
    sys.stderr.flush()
    os.abort()
"""
"""What every Python process of the server runs first: a worker dies while the flag is there."""


@pytest.fixture(scope="session")
def runnable_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose hub has checkpoints that load and answer; see `workers_crash`."""
    with fresh_server(tmp_path_factory.mktemp("server")) as server:
        seed(server.hub, runnable=True)
        server.hub.add_repo(JOYCAPTION, _without_an_end(files_of("joycaption")))
        server.environment = {
            "PYTHONPATH": os.pathsep.join(_crashing(server.folder)),
            "YIPYAP_JOYCAPTION__MAX_TOKENS": "2048",
        }
        server.add("alice", Role.ADMIN)
        server.start()
        yield server


@contextmanager
def workers_crash(server: Server) -> Iterator[None]:
    """Meanwhile each new worker of the server ends before it has begun."""
    flag = server.folder / FLAG
    flag.touch()
    try:
        yield
    finally:
        flag.unlink()


@contextmanager
def workers_paused(server: Server) -> Iterator[None]:
    """Meanwhile no model of the server computes, however fast the machine is."""
    children = psutil.Process(server.pid).children()
    workers = [one for one in children if "yipyap_core.engines.worker" in one.cmdline()]
    for worker in workers:
        worker.suspend()
    try:
        yield
    finally:
        for worker in workers:
            worker.resume()


def _crashing(folder: Path) -> Iterator[str]:
    place = folder / "first"
    place.mkdir()
    code = ENDS_AT_ONCE.format(flag=str(folder / FLAG))
    (place / "sitecustomize.py").write_text(code, encoding="utf-8")
    yield str(place)
    yield from filter(None, [os.environ.get("PYTHONPATH")])


def _without_an_end(files: dict[str, bytes]) -> dict[str, bytes]:
    """A captioner that writes until its limit, so that a person can watch and stop it."""
    settings = json.loads(files["generation_config.json"])
    settings.pop("eos_token_id")
    return {**files, "generation_config.json": json.dumps(settings).encode()}


@pytest.fixture(scope="session")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """320 x 240 pixels."""
    path = tmp_path_factory.mktemp("picture") / "picture.png"
    Image.effect_noise((320, 240), 90).convert("RGB").save(path)
    return path


def open_panel(visit: Visit, server: Server, family: str, **more: int) -> Visitor:
    """Open a family's tab as an administrator."""
    kind = "detection" if family == "YOLO" else "caption"
    visitor = visit(server, f"{kind}-models?{kind}={family}", signed_in="alice", **more)
    expect(visitor.page.get_by_text(f"{family} settings")).to_be_visible()
    expect(visitor.page.get_by_text("Choose an image to try")).to_be_visible()
    return visitor


def download(visitor: Visitor, model_id: str) -> None:
    """Take the offer of the panel itself, where there is one."""
    offer = visitor.page.locator(f".st-key-try-missing-{model_id}")
    if visitor.page.get_by_text("is not downloaded").count():
        press(offer.get_by_role("button", name="Download", exact=True))
    expect(offer).to_have_count(0, timeout=LOADING_MILLISECONDS)


def give(page: Page, picture: Path) -> None:
    """Choose the picture from the disk."""
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(picture)
    expect(page.get_by_text("320 x 240 pixels")).to_be_visible()


def type_into(page: Page, label: str, value: str) -> None:
    """Edit a number of the form without saving it."""
    page.get_by_role("spinbutton", name=label, exact=True).fill(value)
    page.get_by_role("spinbutton", name=label, exact=True).press("Enter")
    expect(page.get_by_text("not saved yet").first).to_be_visible()


def open_run_only(page: Page) -> None:
    """Open what counts for one run; a list in there would close while it is still unfolding."""
    press(page.get_by_text("For this run only"))
    page.locator("details", has_text="For this run only").evaluate(
        "(it) => Promise.allSettled(it.getAnimations({subtree: true}).map((one) => one.finished))"
    )


def choose(page: Page, label: str, option: str) -> None:
    """Choose from a list that may be longer than what it shows."""
    box = page.get_by_role("combobox", name=label)
    press(box)
    box.fill(option)
    press(page.get_by_role("option", name=option, exact=True))
    expect(box).to_have_value(option)


def answer(page: Page, side: str) -> Locator:
    """What came of a side, once it has ended."""
    return page.locator(f".st-key-answer-{side}")


def press_run(page: Page, label: str, *sides: str) -> None:
    """Press the button and wait until these sides have ended."""
    press(page.get_by_role("button", name=label, exact=True))
    for side in sides:
        expect(answer(page, side)).to_contain_text("on cpu", timeout=LOADING_MILLISECONDS)

"""The queue as two administrators see it at once: its order and its limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser import Server, Visit, Visitor, press, usual_server, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

MODELS = ("yolo-s", "yolo-m", "yolo-l", "yolo-x")
ARROW = "move--1-yolo-x"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of its own: its limits are changed, and its downloads go on to the end."""
    with usual_server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def queue(server: Server, visit: Visit) -> Visitor:
    """Somebody who sees one download run and three wait."""
    server.hub.configure(server_bps=20_000)
    visitor = visit(server, "downloads", signed_in="alice")
    visitor.sees("Downloads")
    apply(visitor, "Concurrent downloads", "1")
    for model_id in MODELS:
        press(visitor.button(model_id, "Download"))
        expect(visitor.row(model_id)).to_contain_text(re.compile("Downloading|Queued"))
    return visitor


def apply(visitor: Visitor, name: str, value: str) -> None:
    """Set a limit of the form, and wait until it is in force."""
    visitor.page.get_by_role("spinbutton", name=name).fill(value)
    press(visitor.page.get_by_role("button", name="Apply"))
    expect(visitor.page.get_by_text("The limits are in force.").first).to_be_visible()


def test_another_session_sees_the_order_and_the_limits_change(
    server: Server, visit: Visit, queue: Visitor
) -> None:
    other = visit(server, "downloads", signed_in="alice")
    wait_until(lambda: _waiting(other) == ["yolo-m", "yolo-l", "yolo-x"], "the queue")
    press(queue.page.locator(f".st-key-{ARROW}").get_by_role("button"))
    wait_until(lambda: _waiting(other) == ["yolo-m", "yolo-x", "yolo-l"], "the new order")
    assert _rows(other)[:4] == ["yolo-s", "yolo-m", "yolo-x", "yolo-l"]
    apply(queue, "Bandwidth in MB/s", "0.25")
    field = other.page.get_by_role("spinbutton", name="Bandwidth in MB/s")
    expect(field).to_have_value("0.25")


def _waiting(visitor: Visitor) -> list[str]:
    """The models that wait, as the side panel lists them."""
    return [name for name in _keys(visitor, "order") if name != "downloads"]


def _rows(visitor: Visitor) -> list[str]:
    return _keys(visitor, "row")


def _keys(visitor: Visitor, kind: str) -> list[str]:
    found = visitor.page.locator(f"[class*='st-key-{kind}-']")
    classes: list[str] = found.evaluate_all("nodes => nodes.map(node => node.className)")
    return [re.findall(rf"st-key-{kind}-(\S+)", one)[0] for one in classes]

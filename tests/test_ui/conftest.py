"""Services for pages, installed for one test, and pages without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.test_ui.fakes import House, build
from yipyap_core.services import container

SCRIPT = Path(__file__).resolve().parents[2] / "yipyap_core" / "ui" / "main.py"
SECONDS = 60
CREDENTIAL = "yipyap.credential"

OpenPage = Callable[..., AppTest]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Real accounts and registry, downloads set by hand."""
    built = build(tmp_path / "state")
    container.install(built.services)
    yield built
    container.uninstall()


def script() -> AppTest:
    """The whole script, as the browser's first visit runs it; nothing has run yet."""
    return AppTest.from_file(str(SCRIPT), default_timeout=SECONDS)


@pytest.fixture
def open_page(house: House) -> OpenPage:
    """Run one page's `render`, handing it a principal that may do everything."""

    def run(name: str, username: str | None) -> AppTest:
        page = AppTest.from_function(_draw, args=(name,), default_timeout=SECONDS)
        if username:
            page.session_state[CREDENTIAL] = house.credential_of(username)
        return page.run()

    return run


def _draw(name: str) -> None:
    import importlib

    from yipyap_core.domain.users import SYSTEM
    from yipyap_core.services.container import current
    from yipyap_core.ui import actions, boundary, snapshot

    page = importlib.import_module(f"pages.{name}")
    snapshot.take()
    actions.show_notices()
    boundary.contained(lambda: page.render(current(), SYSTEM))

"""What a page is, and how the files of `pages/` become the navigation: found, not listed.

A page file exports `PAGE` and `render(services, principal)`. This module imports no page by name.
"""

from __future__ import annotations

import functools
import importlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from yipyap_core.discovery import DiscoveryError, find
from yipyap_core.domain.users import Role
from yipyap_core.ui.guard import Render

PAGES: Final = "pages"
HOME: Final = "home"
"""Address that the page at the root reserves; Streamlit wants one for it too."""


class Section(StrEnum):
    """Where the navigation lists a page."""

    HOME = "home"
    MODELS = "model management"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class PageSpec:
    """One page: its names, its address, its place and who may see it."""

    title: str
    icon: str
    """Name of a material icon."""
    url_path: str
    """`home` is the page at the root."""
    section: Section
    role: Role
    """The least role that may open it."""
    order: int
    purpose: str = ""
    """One line under the title."""
    menu_title: str = ""
    """What the navigation calls it, where that differs from the title."""

    @property
    def label(self) -> str:
        """What the navigation calls it."""
        return self.menu_title or self.title

    @property
    def is_home(self) -> bool:
        """Whether it is the page at the root."""
        return self.url_path == HOME

    def is_open_to(self, role: Role) -> bool:
        """Whether a visitor of this role may open the page."""
        return role.rank >= self.role.rank


@dataclass(frozen=True, slots=True)
class LoadedPage:
    """A page file that was found and imported."""

    spec: PageSpec
    render: Render


@functools.cache
def discover() -> tuple[LoadedPage, ...]:
    """Import every page file, once a process; raises `DiscoveryError` naming the file at fault."""
    found = find(PAGES, "PAGE", PageSpec, lambda spec: spec.url_path)
    pages = [LoadedPage(one.value, _render_of(one.file)) for one in found]
    return tuple(sorted(pages, key=lambda page: (page.spec.order, page.spec.title)))


def _render_of(file: str) -> Render:
    module = importlib.import_module(f"{PAGES}.{Path(file).stem}")
    render = getattr(module, "render", None)
    if not callable(render):
        raise DiscoveryError(f"{file} exports PAGE but no render(services, principal).")
    return render  # type: ignore[no-any-return]  # the guard checks what it is given

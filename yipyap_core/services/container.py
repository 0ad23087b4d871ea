"""The services of this process, installed once at start and read by pages and routes.

It is a plain module variable on purpose: any visitor of a Streamlit server can clear its caches,
so nothing that must outlive a visitor is kept there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yipyap_core.services.accounts.service import AccountsService
    from yipyap_core.services.cache.service import CacheService
    from yipyap_core.services.configuration.service import ConfigurationService
    from yipyap_core.services.downloads.service import DownloadsService
    from yipyap_core.services.engines.service import EnginesService
    from yipyap_core.services.host import HostService
    from yipyap_core.services.hub import HubService
    from yipyap_core.services.ollama.service import OllamaService
    from yipyap_core.services.registry import RegistryService
    from yipyap_core.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that pages and routes may call."""

    settings: Settings
    accounts: AccountsService
    registry: RegistryService
    downloads: DownloadsService
    cache: CacheService
    ollama: OllamaService
    configuration: ConfigurationService
    host: HostService
    hub: HubService
    engines: EnginesService


_installed: list[Services] = []


def install(services: Services) -> None:
    """Make `services` the ones that `current` returns."""
    _installed[:] = [services]


def uninstall() -> None:
    """Forget the services; `current` raises until the next `install`."""
    _installed.clear()


def current() -> Services:
    """Return the installed services; raises `RuntimeError` before the server's start."""
    if not _installed:
        raise RuntimeError("The server has not started its services yet.")
    return _installed[0]

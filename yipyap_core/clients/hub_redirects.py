"""Where the hub client may be led: a redirect, or the address of a next page, may name any host.

The hub client sends the token along with the address of a next page, wherever that lies.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING

from yipyap_core.errors import RedirectRefused
from yipyap_core.private_hosts import is_private, names_private_host

if TYPE_CHECKING:
    import httpx2

PORTS = {"http": 80, "https": 443}

_home: ContextVar[str | None] = ContextVar("the hub that is asked", default=None)


@contextlib.contextmanager
def asking(endpoint: str) -> Iterator[None]:
    """The block asks this hub: its token stays there, and a public hub leads into no network."""
    token = _home.set(endpoint)
    try:
        yield
    finally:
        _home.reset(token)


def stay_safe(request: httpx2.Request) -> None:
    """Look at a request before it is sent; raises `RedirectRefused`."""
    import httpx2

    home = _home.get()
    if home is None or _origin(request.url) == _origin(httpx2.URL(home)):
        return
    request.headers.pop("authorization", None)
    if _leads_inside(request.url.host) and not _lies_inside(httpx2.URL(home).host):
        place = f"{request.url.scheme}://{request.url.netloc.decode()}"
        raise RedirectRefused(f"The hub pointed to {place}, an address of a private network.")


def _origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or PORTS.get(url.scheme)


def _leads_inside(host: str) -> bool:
    return names_private_host(host) or any(map(is_private, _addresses(host)))


def _lies_inside(host: str) -> bool:
    found = _addresses(host)
    return names_private_host(host) or (bool(found) and all(map(is_private, found)))


def _addresses(host: str) -> set[str]:
    """None where only a proxy knows the name."""
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    return {str(row[4][0]) for row in rows}

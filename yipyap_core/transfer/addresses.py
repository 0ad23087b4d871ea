"""From a name to addresses that may be connected to, checked before and used as checked."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from yipyap_core.errors import HubAnswerInvalid, HubUnreachable, RedirectRefused
from yipyap_core.private_hosts import is_private
from yipyap_core.transfer.proxies import DEFAULT_PORTS

LOOKUP_POLL_SECONDS = 0.05
LOOKUP_SECONDS = 30.0
"""The system's own resolver gives up earlier, unless something in it hangs."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme, host and port: what a credential belongs to."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: str) -> Origin:
        """Take an absolute http or https address apart; raises `HubAnswerInvalid`."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise HubAnswerInvalid("The hub pointed to an address that is none.") from None
        return cls._of_parts(parts, port)

    @classmethod
    def _of_parts(cls, parts: SplitResult, port: int | None) -> Origin:
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise HubAnswerInvalid("The hub pointed to an address that is neither http nor https.")
        return cls(parts.scheme, parts.hostname.lower(), port or DEFAULT_PORTS[parts.scheme])

    @property
    def host_header(self) -> str:
        """Value of `Host`: brackets around IPv6, the port only where it is unusual."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The origin as people know it; never more of an address than this is shown."""
        return f"{self.scheme}://{self.host_header}"


@dataclass(frozen=True, slots=True)
class Address:
    """One way to reach a host, as the socket call wants it."""

    family: socket.AddressFamily
    sockaddr: tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]

    @property
    def is_private(self) -> bool:
        """Whether it is not an address of the public internet."""
        return is_private(str(self.sockaddr[0]))


def look_up(
    host: str, port: int, check: Callable[[], None], *, timeout_seconds: float = LOOKUP_SECONDS
) -> list[Address]:
    """Resolve in a thread of its own, since the call cannot be interrupted.

    `check` is called many times a second and raises to give up. Raises `HubUnreachable`.
    """
    if _is_literal(host):
        return _resolve(host, port)
    found: list[list[Address] | HubUnreachable] = []
    done = threading.Event()
    thread = threading.Thread(
        target=_resolve_into, args=(host, port, found, done), name="name-lookup", daemon=True
    )
    thread.start()
    deadline = time.monotonic() + timeout_seconds
    while not done.wait(LOOKUP_POLL_SECONDS):
        check()
        if time.monotonic() >= deadline:
            raise HubUnreachable(
                f"The name {host[:100]!r} was not resolved within {timeout_seconds:g} seconds."
            )
    if isinstance(found[0], HubUnreachable):
        raise found[0]
    return found[0]


def refuse_private(origin: Origin, addresses: list[Address]) -> None:
    """Raise `RedirectRefused` when any address of the name is not public."""
    if any(address.is_private for address in addresses):
        raise RedirectRefused(f"The hub pointed to {origin}, an address of a private network.")


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _resolve(host: str, port: int) -> list[Address]:
    try:
        rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise HubUnreachable(f"The name {host[:100]!r} cannot be resolved.") from error
    return [Address(row[0], row[4]) for row in rows]


def _resolve_into(
    host: str, port: int, found: list[list[Address] | HubUnreachable], done: threading.Event
) -> None:
    try:
        found.append(_resolve(host, port))
    except HubUnreachable as error:
        found.append(error)
    finally:
        done.set()

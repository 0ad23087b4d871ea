"""Which proxy an address needs, by the rules that curl and urllib share.

The variables come in as a mapping: this module reads no environment.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from yipyap_core.errors import InvalidSettings, TransferError

DEFAULT_PORTS = {"http": 80, "https": 443}
SPOKEN = "http"
"""How we can speak to a proxy; to the hub behind it we speak TLS all the same."""


class ProxyUnsupported(TransferError):
    """The proxy that the environment names is none that we can use; going past it is no choice."""

    code = "proxy_unsupported"
    hint = (
        "Start the server with an http:// proxy in HTTP_PROXY and HTTPS_PROXY, or with the hub in"
        " NO_PROXY, then retry."
    )


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy and the credentials its address carried."""

    host: str
    port: int
    authorization: str | None = None
    """Value of `Proxy-Authorization`."""
    scheme: str = SPOKEN

    def __repr__(self) -> str:
        """Leave the credentials out."""
        return f"Proxy({self.host}:{self.port})"


@dataclass(frozen=True, slots=True)
class Proxies:
    """What HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY said, parsed."""

    by_scheme: Mapping[str, Proxy] | None = None
    exempt: tuple[str, ...] = ()

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Proxies:
        """Take the variables in lower or upper case; lower wins, as in curl.

        Raises `InvalidSettings` for an address that is none.
        """
        found: dict[str, Proxy] = {}
        for scheme in DEFAULT_PORTS:
            own = f"{scheme}_proxy"
            if proxy := _proxy_of(environ, own if _variable(environ, own) else "all_proxy"):
                found[scheme] = proxy
        exempt = [entry.strip().lower() for entry in _variable(environ, "no_proxy").split(",")]
        return cls(found, tuple(entry for entry in exempt if entry))

    def proxy_for(self, scheme: str, host: str, port: int) -> Proxy | None:
        """The proxy to connect to in place of the host; None means directly.

        Raises `ProxyUnsupported`.
        """
        proxy = (self.by_scheme or {}).get(scheme)
        if proxy is None or any(_exempts(entry, host.lower(), port) for entry in self.exempt):
            return None
        if proxy.scheme != SPOKEN:
            raise ProxyUnsupported(
                f"The environment asks for the proxy {proxy.scheme}://{proxy.host}:{proxy.port};"
                f" downloads go through {SPOKEN}:// proxies only."
            )
        return proxy


def _variable(environ: Mapping[str, str], name: str) -> str:
    return (environ.get(name) or environ.get(name.upper()) or "").strip()


def _proxy_of(environ: Mapping[str, str], name: str) -> Proxy | None:
    try:
        return _parse(_variable(environ, name))
    except ValueError:  # it may hold a password, so it is not repeated
        raise InvalidSettings(
            f"{name.upper()}: no address of a proxy, such as http://proxy.example:3128"
        ) from None


def _parse(text: str) -> Proxy | None:
    if not text:
        return None
    parts = urlsplit(text if "://" in text else f"http://{text}")
    if not parts.hostname:
        return None
    return Proxy(parts.hostname, parts.port or 80, _basic(parts), parts.scheme)


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _exempts(entry: str, host: str, port: int) -> bool:
    if entry == "*":
        return True
    if "/" in entry:
        return _in_network(host, entry)
    name, _, only_port = entry.rpartition(":") if entry.count(":") == 1 else (entry, "", "")
    if only_port and only_port != str(port):
        return False
    name = name.removeprefix("*").lstrip(".")
    return host == name or host.endswith(f".{name}")


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False

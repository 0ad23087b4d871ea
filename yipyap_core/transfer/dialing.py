"""Makes connected sockets: checked addresses, proxies, TLS; ended by a stop at any moment."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
import threading
from dataclasses import dataclass
from pathlib import Path

from yipyap_core.errors import HubUnreachable, RedirectRefused
from yipyap_core.private_hosts import names_private_host
from yipyap_core.transfer.addresses import (
    Address,
    Origin,
    look_up,
    refuse_private,
)
from yipyap_core.transfer.deadline import Deadline, LinesInTime
from yipyap_core.transfer.options import TransferOptions
from yipyap_core.transfer.proxies import DEFAULT_PORTS, Proxy
from yipyap_core.transfer.stopping import Stopper
from yipyap_core.transfer.tls import Tls, reason_of
from yipyap_core.transfer.wire import Malformed, read_head

SOON_SECONDS = 3.0
"""For an address that is not the last one: a broken IPv6 should not hold every connection up."""


class Trust:
    """Whose certificates count; read once, since that takes as long as many downloads."""

    def __init__(self, ca_file: Path | None) -> None:
        """Read nothing yet."""
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._context: ssl.SSLContext | None = None

    @property
    def context(self) -> ssl.SSLContext:
        """The system's certificates, or those of the file."""
        with self._lock:
            if self._context is None:
                self._context = ssl.create_default_context(cafile=self._ca_file)
                self._context.set_alpn_protocols(["http/1.1"])
            return self._context


@dataclass(frozen=True, slots=True)
class Channel:
    """A connected socket, and the encryption over it where the scheme asks for it."""

    sock: socket.socket
    tls: Tls | None = None

    def send(self, data: bytes) -> None:
        """Send all of it; raises `OSError`."""
        if self.tls is None:
            self.sock.sendall(data)
        else:
            self.tls.send(data)


class Dialer:
    """Connects to origins for one run.

    The endpoint itself may lie anywhere. Any other origin has to have public addresses only,
    unless the endpoint is private too: then this is a hub of one's own network.
    """

    def __init__(self, options: TransferOptions, trust: Trust, stopper: Stopper) -> None:
        """Make no connection yet."""
        self._options = options
        self._trust = trust
        self._stopper = stopper
        self._endpoint = Origin.of(options.endpoint)

    def proxy_for(self, origin: Origin) -> Proxy | None:
        """The proxy through which the origin is reached, or None."""
        return self._options.proxies.proxy_for(origin.scheme, origin.host, origin.port)

    def dial(self, origin: Origin) -> Channel:
        """Connect, through a tunnel where a proxy asks for it, with TLS where the scheme does.

        Raises `HubUnreachable` or `RedirectRefused`. The caller owns the socket, which is known
        to the stopper.
        """
        proxy = self.proxy_for(origin)
        sock = self._connect(self._addresses(origin, proxy), proxy or origin)
        self._stopper.add(sock)
        try:
            return Channel(sock, self._secure(sock, origin, proxy))
        except BaseException:
            self.close(sock)
            raise

    def tunnel(self, host: str, port: int) -> socket.socket:
        """Connect for somebody who brings the encryption along.

        Raises and is owned as with `dial`.
        """
        origin = self._origin_at(host, port)
        proxy = self.proxy_for(origin)
        sock = self._connect(self._addresses(origin, proxy), proxy or origin)
        self._stopper.add(sock)
        try:
            if proxy is not None:
                _open_tunnel(sock, origin, proxy, self._options.connect_timeout_seconds)
        except BaseException:
            self.close(sock)
            raise
        return sock

    def _origin_at(self, host: str, port: int) -> Origin:
        """What is most likely spoken there; it decides on the proxy."""
        if (host, port) == (self._endpoint.host, self._endpoint.port):
            return self._endpoint
        return Origin("http" if port == DEFAULT_PORTS["http"] else "https", host, port)

    def close(self, sock: socket.socket) -> None:
        """Give the socket back."""
        self._stopper.discard(sock)
        with contextlib.suppress(OSError):
            sock.close()

    def _addresses(self, origin: Origin, proxy: Proxy | None) -> list[Address]:
        if proxy is not None:
            if origin != self._endpoint and not names_private_host(self._endpoint.host):
                _refuse_private_name(origin)
            return look_up(proxy.host, proxy.port, self._stopper.check)
        addresses = look_up(origin.host, origin.port, self._stopper.check)
        if origin != self._endpoint and not self._endpoint_is_private:
            refuse_private(origin, addresses)
        return addresses

    @functools.cached_property
    def _endpoint_is_private(self) -> bool:
        endpoint = self._endpoint
        if self.proxy_for(endpoint) is not None:
            return names_private_host(endpoint.host)
        found = look_up(endpoint.host, endpoint.port, self._stopper.check)
        return all(address.is_private for address in found)

    def _connect(self, addresses: list[Address], target: Origin | Proxy) -> socket.socket:
        failure: OSError | None = None
        for number, address in enumerate(addresses, start=1):
            self._stopper.check()
            patience = self._options.connect_timeout_seconds
            if number < len(addresses):
                patience = min(patience, SOON_SECONDS)
            try:
                return self._connect_to(address, patience)
            except OSError as error:
                failure = error
        self._stopper.check()
        place = f"{target.host}:{target.port}"
        reason = failure.strerror or str(failure) if failure else "it has no address"
        raise HubUnreachable(f"No connection to {place}: {reason}.") from failure

    def _connect_to(self, address: Address, patience: float) -> socket.socket:
        sock = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            with self._stopper.watching(sock):
                sock.settimeout(patience)
                sock.connect(address.sockaddr)
                self._stopper.check()
            sock.settimeout(self._options.connect_timeout_seconds)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except BaseException:
            sock.close()
            raise
        return sock

    def _secure(self, sock: socket.socket, origin: Origin, proxy: Proxy | None) -> Tls | None:
        if origin.scheme != "https":
            return None
        patience = self._options.connect_timeout_seconds
        if proxy is not None:
            _open_tunnel(sock, origin, proxy, patience)
        try:
            tls = Tls(sock, self._trust.context, origin.host)
            tls.shake_hands(patience)
        except OSError as error:
            self._stopper.check()
            raise HubUnreachable(_tls_message(origin, error)) from error
        return tls


def _open_tunnel(sock: socket.socket, origin: Origin, proxy: Proxy, timeout_seconds: float) -> None:
    place = f"{origin.host}:{origin.port}"
    lines = [f"CONNECT {place} HTTP/1.1", f"Host: {place}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    try:
        sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))
        answer = read_head(LinesInTime(sock, Deadline(timeout_seconds)))
    except (OSError, Malformed) as error:
        raise HubUnreachable(f"The proxy {proxy.host}:{proxy.port} does not answer.") from error
    if answer.status != 200:
        raise HubUnreachable(
            f"The proxy {proxy.host}:{proxy.port} refuses {place} with status {answer.status}."
        )


def _refuse_private_name(origin: Origin) -> None:
    if names_private_host(origin.host):
        raise RedirectRefused(f"The hub pointed to {origin}, an address of a private network.")


def _tls_message(origin: Origin, error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of {origin} is not trusted: {error.verify_message}."
    if isinstance(error, TimeoutError):
        return f"{origin} did not finish the TLS handshake in time."
    return f"No secure connection to {origin}: {reason_of(error) or 'the handshake failed'}."

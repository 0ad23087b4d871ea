"""The server's half of SOCKS5 (RFC 1928) with a password (RFC 1929), as far as CONNECT goes."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from enum import IntEnum

VERSION = 5
PASSWORD_METHOD = 2
NO_METHOD = 0xFF
CONNECT = 1
IPV4, NAME, IPV6 = 1, 3, 4
NO_ADDRESS = bytes([IPV4, 0, 0, 0, 0, 0, 0])
"""Of the far end of a connection, which no client asks for."""


class Reply(IntEnum):
    """What a client is told of its request."""

    GRANTED = 0
    NOT_ALLOWED = 2
    UNREACHABLE = 4
    NO_SUCH_COMMAND = 7


class Refused(Exception):
    """The client does not know the password, or does not speak the protocol; it was told."""


def read_target(sock: socket.socket, password: str) -> tuple[str, int]:
    """Hear a client out: the host and port it wants; any user name will do.

    Raises `Refused` and `OSError`. Answer with `reply`.
    """
    _agree_on_password(sock)
    _check_password(sock, password)
    version, command, _, kind = _read(sock, 4)
    if (version, command) != (VERSION, CONNECT):
        reply(sock, Reply.NO_SUCH_COMMAND)
        raise Refused(f"command {command} of version {version}")
    host = _read_host(sock, kind)
    return host, int.from_bytes(_read(sock, 2), "big")


def reply(sock: socket.socket, answer: Reply) -> None:
    """Tell the client how its request went."""
    sock.sendall(bytes([VERSION, answer, 0]) + NO_ADDRESS)


def _agree_on_password(sock: socket.socket) -> None:
    version, count = _read(sock, 2)
    offered = _read(sock, count)
    if version != VERSION or PASSWORD_METHOD not in offered:
        sock.sendall(bytes([VERSION, NO_METHOD]))
        raise Refused("no password offered")
    sock.sendall(bytes([VERSION, PASSWORD_METHOD]))


def _check_password(sock: socket.socket, password: str) -> None:
    version, length = _read(sock, 2)
    _read(sock, length)
    given = _read(sock, _read(sock, 1)[0])
    right = hmac.compare_digest(given, password.encode())
    sock.sendall(bytes([version, not right]))
    if not right:
        raise Refused("wrong password")


def _read_host(sock: socket.socket, kind: int) -> str:
    if kind == NAME:
        return _read(sock, _read(sock, 1)[0]).decode("idna").lower()
    if kind not in (IPV4, IPV6):
        raise Refused(f"address of kind {kind}")
    return str(ipaddress.ip_address(_read(sock, 4 if kind == IPV4 else 16)))


def _read(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        piece = sock.recv(count - len(data))
        if not piece:
            raise Refused("it went away")
        data += piece
    return data

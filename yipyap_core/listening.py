"""Lets the server's answers leave at once.

Streamlit opens the server's socket in a way in which asyncio does not see that it speaks TCP, so
small writes wait for the acknowledgement of the ones before: forty milliseconds for each answer
to a program that keeps its connection, and for each message to a page.
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from pathlib import Path

DESCRIPTORS = Path("/dev/fd")
INTERNET = frozenset({socket.AF_INET, socket.AF_INET6})


def answer_at_once() -> int:
    """Set TCP_NODELAY on every socket that listens here; says how many there are.

    Connections take the option over from the socket that accepts them.
    """
    found = 0
    for name in os.listdir(DESCRIPTORS) if DESCRIPTORS.is_dir() else ():  # noqa: PTH208 - names
        with contextlib.suppress(OSError):  # the listing's own descriptor is gone by now
            found += _hurry(int(name))
    return found


def _hurry(descriptor: int) -> bool:
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        return False
    with socket.socket(fileno=os.dup(descriptor)) as sock:
        if not _listens(sock):
            return False
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return True


def _listens(sock: socket.socket) -> bool:
    if sock.family not in INTERNET or sock.type != socket.SOCK_STREAM:
        return False
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))

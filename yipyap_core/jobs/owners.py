"""The name of a process in leases, and whether another process of that name still lives."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

ZOMBIE = "Z"


def own_name() -> str:
    """Name this process so that no other, before or after, has the same name.

    Machine and process namespace, process id, its start, and a random part for two runners in one.
    """
    pid = os.getpid()
    return f"{_machine()}|{pid}|{_start_of(pid)}|{secrets.token_hex(4)}"


def is_alive(owner: str) -> bool | None:
    """Whether the process of that name still runs; None when it cannot be known from here.

    Only other processes of this machine and namespace can be judged; for all else, and for an
    earlier runner of this very process, the lease decides.
    """
    machine, _, rest = owner.partition("|")
    fields = rest.split("|")
    if not machine or machine != _machine() or len(fields) != 3 or not fields[0].isdigit():
        return None
    if int(fields[0]) == os.getpid() and fields[1] == _start_of(os.getpid()):
        return None
    return _start_of(int(fields[0])) == fields[1]


def _start_of(pid: int) -> str:
    """Clock ticks from the machine's start to the process's; "" when there is no such process.

    The machine's own count, since a start in wall time moves when the clock is set.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    fields = stat.rpartition(")")[2].split()
    return "" if fields[0] == ZOMBIE else fields[19]


def _machine() -> str:
    try:
        namespace = Path("/proc/self/ns/pid").readlink().name
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""  # no such files on this system: only leases decide
    return f"{socket.gethostname()}/{boot[:13]}/{namespace}".replace("|", "")

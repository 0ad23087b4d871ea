"""A child process with a socket to it: how it starts, what it says, and why it ended."""

from __future__ import annotations

import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path

import psutil

import yipyap_core
from yipyap_core.engines.wire import Wire

ROOT = Path(yipyap_core.__file__).resolve().parent.parent
LAST_LINES = 30
LINE_LENGTH = 500
STOP_SECONDS = 5.0
SEND_SECONDS = 10
CALM = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",
    "PYTHONUNBUFFERED": "1",
}
"""For every worker: no network, no reports, no spinning threads beside the dashboard."""


class Child:
    """One worker process; spawned, never forked, for the dashboard has threads."""

    def __init__(self, package: str, environment: Mapping[str, str]) -> None:
        """Start it with the engines of `package`; `wire` is connected at once."""
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
        with theirs:
            number = str(theirs.fileno())
            self._process = subprocess.Popen(
                [sys.executable, "-m", "yipyap_core.engines.worker", number, package],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                cwd=ROOT,
                env={**environment, **CALM},
            )
        self.wire = Wire(ours)
        self._blame = ""
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._listener = threading.Thread(target=self._listen, name="last words", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The last lines that it wrote."""
        return "\n".join(tuple(self._lines))

    def resident_bytes(self) -> int:
        """Memory that it holds, measured from outside; 0 when it is gone."""
        try:
            return psutil.Process(self.pid).memory_info().rss
        except psutil.Error:
            return 0

    def stop(self) -> None:
        """Close the wire, which it takes as the order to end, and wait until it is gone."""
        self.wire.close()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def kill(self, blame: str) -> None:
        """End it at once; the first `blame` becomes the reason that people read."""
        self._blame = self._blame or blame
        self._process.kill()

    def exit_reason(self) -> str:
        """Wait for the end, which must be near, and say why it came."""
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            code = self._process.wait()
        self._listener.join(1.0)
        return f"The worker ended. {self._blame or _said(code)}"

    def _listen(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                self._lines.append(line.decode(errors="replace").rstrip()[:LINE_LENGTH])


def _said(code: int) -> str:
    """Translate an exit status."""
    if code == -signal.SIGKILL:
        return "It was killed (signal 9), as the kernel does when memory runs out."
    if code < 0:
        return f"It crashed with signal {-code} ({signal.strsignal(-code)})."
    return f"It left with status {code}."

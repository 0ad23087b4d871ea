"""A process that fetches one file with the hub's own client, for what plain HTTP does not give.

    python -m yipyap_core.transfer.xet_child

The order comes as one line of JSON on standard input, the progress goes as lines of JSON to
standard output. It runs apart because that client's transfers from the xet store cannot be
cancelled one by one, and have been seen to wait for ever: whoever started this process ends it,
and when standard input closes it ends by itself.
"""

from __future__ import annotations

import errno
import importlib.util
import json
import os
import re
import sys
import threading
from typing import Any

STORE_STATUS = re.compile(r"HTTP status \w+ error \((\d{3})")
SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EFBIG, errno.EIO}


class Progress:
    """Takes the place of a progress bar and prints what it is told.

    From the xet store a file is written late and in large steps, so what came over the line
    counts as well; that may be less than what is written, where the store compresses.
    An exception in here would end the client's reports without a word, hence every method that
    it calls.
    """

    def __init__(self, *_: Any, **given: Any) -> None:
        """Begin where the client says."""
        self.n = int(given.get("initial") or 0)
        self.total = given.get("total")
        self._received = 0

    def __enter__(self) -> Progress:
        """Be a bar."""
        return self

    def __exit__(self, *_: object) -> None:
        """Be a bar."""

    def update(self, count: float | None = 1) -> None:
        """Tell how far the file is."""
        self.n += int(count or 0)
        tell(bytes=max(self.n, self._received))

    def update_transfer(self, count: float | None = 1) -> None:
        """Tell what came from the store; that it exists makes one bar of the client's two."""
        self._received += int(count or 0)
        tell(bytes=max(self.n, self._received))

    def close(self) -> None:
        """Be a bar."""

    def refresh(self, *_: object, **__: object) -> None:
        """Be a bar."""

    def set_description(self, *_: object, **__: object) -> None:
        """Be a bar."""

    def set_postfix_str(self, *_: object, **__: object) -> None:
        """Be a bar."""

    def set_transfer_postfix_str(self, *_: object, **__: object) -> None:
        """Be a bar."""


def tell(**event: Any) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


def main() -> int:
    """Fetch; the exit status is 0 when the file is in the cache."""
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_end_with_input, daemon=True).start()
    _go_through(order.pop("proxy"))
    _prepare(order.pop("patience_seconds"))
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    tell(protocol="xet" if order.pop("xet") and _knows_xet() else "HTTP/1.1")
    try:
        hf_hub_download(**order, tqdm_class=Progress)
    except HfHubHTTPError as error:
        tell(error=type(error).__name__, status=error.response.status_code)
        return 1
    except (OSError, RuntimeError, ValueError) as error:
        # Of the message nothing is passed on: it may hold a signed address.
        tell(**_told(error))
        return 1
    tell(done=True)
    return 0


def _end_with_input() -> None:
    """Whoever gave the order is gone, or wants no more."""
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)


def _go_through(proxy: str) -> None:
    """Let the client connect through `proxy` alone, whatever the environment said."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]
    os.environ["ALL_PROXY"] = proxy


def _prepare(patience_seconds: float) -> None:
    """What the client reads from the environment when it is imported.

    A length of time without a unit would be ignored. The shared store of blobs stays out: the
    cache keeps regular files, and damage found by their hash would live on in that store.
    """
    os.environ["HF_HUB_DISABLE_SHARED_BLOBS"] = "1"
    os.environ.setdefault("HF_XET_TELEMETRY_ENABLED", "false")
    os.environ.setdefault("HF_XET_CLIENT_READ_TIMEOUT", f"{int(patience_seconds * 1000)}ms")
    os.environ.setdefault("HF_XET_CLIENT_CONNECT_TIMEOUT", "20s")
    os.environ.setdefault("HF_XET_CLIENT_RETRY_BASE_DELAY", "1s")
    os.environ.setdefault("HF_XET_CLIENT_RETRY_MAX_DURATION", "10s")


def _told(error: Exception) -> dict[str, Any]:
    """What may be said of a failure; that of the xet store comes as text only."""
    told: dict[str, Any] = {"error": type(error).__name__, "errno": getattr(error, "errno", None)}
    if type(error) is not RuntimeError:
        return told
    number = SYSTEM_ERROR.search(str(error))
    if number and int(number[1]) in DISK_ERRORS:
        return {**told, "errno": int(number[1])}
    if status := STORE_STATUS.search(str(error)):
        return {"error": "the xet store refused", "status": int(status[1])}
    if "Format error" in str(error):
        return {"error": "the xet store sent damaged data"}
    return {"error": "the xet store did not give it"}


def _knows_xet() -> bool:
    """Whether that client has what it needs, and is not told to leave it alone."""
    from huggingface_hub import constants

    return not constants.HF_HUB_DISABLE_XET and importlib.util.find_spec("hf_xet") is not None


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    os._exit(status)  # the client's own threads are not waited for

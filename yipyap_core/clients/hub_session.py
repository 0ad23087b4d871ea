"""Sets up the hub client's one HTTP session: time-outs everywhere, no signed address in a log.

A download may wait while the hub client tries again and again; a person may not. Within
`for_a_person` a hub that does not answer is given up within seconds.
"""

from __future__ import annotations

import contextlib
import functools
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from yipyap_core.clients.hub_faults import busy_hub, is_passing, unreachable
from yipyap_core.clients.hub_redirects import stay_safe
from yipyap_core.retry_after import retry_after

if TYPE_CHECKING:
    import httpx2

QUERY = re.compile(r"(https?://[^\s?'\"<>]+)\?[^\s'\"<>]*")
LOGGERS = (
    "huggingface_hub.utils._http",
    "huggingface_hub.file_download",
    "huggingface_hub._snapshot_download",
    "huggingface_hub.utils._pagination",
    "httpx2",
)

CONNECT_SECONDS = 2.5
"""For a person, and for one address of the hub."""
ANSWER_SECONDS = 4.0
MOST_PATIENCE_SECONDS = 30.0
"""The hub client sleeps for as long as the hub asks, and nobody sees why: a job that has to wait
for longer waits in the queue, with the reason."""
SOON_SECONDS = 0.5
"""A kept connection that the hub has dropped fails at once: then it is asked once more."""

_lock = threading.Lock()
_hurried: ContextVar[bool] = ContextVar("somebody waits for the hub's answer", default=False)


def prepare_session(timeout_seconds: float) -> None:
    """Do it once a process; later calls cost a lock."""
    with _lock:
        _prepare(timeout_seconds)


@contextlib.contextmanager
def for_a_person() -> Iterator[None]:
    """Give up soon in the block: `HubUnreachable` and `HubBusy` in place of further tries."""
    token = _hurried.set(True)
    try:
        yield
    finally:
        _hurried.reset(token)


@functools.cache
def _prepare(timeout_seconds: float) -> None:
    import huggingface_hub
    from huggingface_hub.utils._http import hf_request_event_hook

    client_class = _client_class(timeout_seconds)

    def make_client() -> httpx2.Client:
        return client_class(
            event_hooks={"request": [hf_request_event_hook, stay_safe]},
            follow_redirects=True,
            timeout=timeout_seconds,
        )

    huggingface_hub.set_client_factory(make_client)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(without_signatures)


def _client_class(timeout_seconds: float) -> type[httpx2.Client]:
    """Make the class here, since its base is not imported with this module."""
    import httpx2

    from yipyap_core.clients.hub_pace import read_in_time

    class PatientClient(httpx2.Client):
        """Waits for an end even where the hub client says None, as it does for every page."""

        def build_request(self, *args: Any, **kwargs: Any) -> httpx2.Request:
            """Put the time-out in that the caller left out, or a person's patience."""
            if _hurried.get():
                kwargs["timeout"] = httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
            elif kwargs.get("timeout") is None:
                kwargs["timeout"] = timeout_seconds
            return super().build_request(*args, **kwargs)

        def send(self, *args: Any, **kwargs: Any) -> httpx2.Response:
            """Raise what the hub client does not know, so that it does not try again."""
            ask = functools.partial(self._send_whole, *args, **kwargs)
            return _asked_for_a_person(ask) if _hurried.get() else _unless_long(ask())

        def _send_whole(self, *args: Any, stream: bool = False, **kwargs: Any) -> httpx2.Response:
            answer = super().send(*args, stream=True, **kwargs)
            window_seconds = ANSWER_SECONDS if _hurried.get() else timeout_seconds
            return answer if stream else read_in_time(answer, window_seconds)

    return PatientClient


def _asked_for_a_person(ask: Callable[[], httpx2.Response]) -> httpx2.Response:
    import httpx2

    began = time.monotonic()
    try:
        return _unless_busy(ask())
    except httpx2.TransportError as error:
        if time.monotonic() - began > SOON_SECONDS:
            raise unreachable(error) from error
    try:
        return _unless_busy(ask())
    except httpx2.TransportError as error:
        raise unreachable(error) from error


def _unless_long(answer: httpx2.Response) -> httpx2.Response:
    from huggingface_hub.utils._http import hf_raise_for_status

    if (
        is_passing(answer.status_code)
        and (retry_after(answer.headers) or 0) > MOST_PATIENCE_SECONDS
    ):
        hf_raise_for_status(answer)
    return answer


def _unless_busy(answer: httpx2.Response) -> httpx2.Response:
    if is_passing(answer.status_code):
        answer.close()
        raise busy_hub(answer.status_code, answer.headers)
    return answer


def without_signatures(record: logging.LogRecord) -> bool:
    """Cut the query off every address in a log line: it may be a signature."""
    text = record.getMessage()
    plain = QUERY.sub(r"\1", text)
    if plain != text:
        record.msg, record.args = plain, ()
    return True

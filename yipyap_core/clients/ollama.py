"""An Ollama service spoken to through its official library; no policy, no memory.

The library is imported inside functions, because it takes a third of a second. Its exceptions and
those of its HTTP client become ours here and nowhere else.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from yipyap_core.clients import ollama_values as values
from yipyap_core.clients.ollama_faults import (
    BEFORE_IT,
    NoOllama,
    OllamaRefusal,
    no_success,
    not_ollama,
    refused,
)
from yipyap_core.domain.ollama import (
    ChatChunk,
    LoadedModel,
    OllamaAddress,
    OllamaDetails,
    OllamaModel,
    PullFrame,
    same_name,
)
from yipyap_core.errors import NotFound

if TYPE_CHECKING:
    import ollama

QUICK_SECONDS = 5.0
"""For what a healthy service answers at once."""
SLOW_SECONDS = 60.0
"""For what reads or removes files there."""
STREAM_SECONDS = 900.0
"""Between two lines of a stream: verifying a large layer is silent, and so is loading a model."""
CONNECT_SECONDS = 3.0
UNLOAD_SECONDS = 5.0
"""How long to wait for a model to leave the memory."""
POLL_SECONDS = 0.05
NOT_JSON = (ValueError, TypeError, AttributeError, KeyError, RecursionError)
"""How the library fails on an answer that is not what Ollama says, such as JSON of endless depth.
"""


class OllamaClient:
    """Calls one service; each call opens and closes its own connection."""

    def __init__(self, address: OllamaAddress) -> None:
        """Name the service; nothing is asked yet."""
        self.address = address

    def version(self) -> str:
        """Ask the service for its version; raises `OllamaUnavailable`."""
        import httpx

        with self._translated(), httpx.Client(**self._options(QUICK_SECONDS)) as client:
            answer = client.get(f"{self.address.base_url}/api/version")
            if answer.status_code != httpx.codes.OK:
                raise no_success(self.address.base_url, answer.status_code)
            return values.version(answer.json())

    def models(self) -> list[OllamaModel]:
        """List the installed models in the service's order."""
        with self._client(QUICK_SECONDS) as client:
            return values.models(client.list().models)

    def loaded(self) -> list[LoadedModel]:
        """List what is in the memory of the service."""
        with self._client(QUICK_SECONDS) as client:
            return values.loaded(client.ps().models)

    def show(self, name: str) -> OllamaDetails:
        """Ask for everything about one model; raises `NotFound` for an unknown one."""
        with self._client(SLOW_SECONDS, name) as client:
            return values.details(name, client.show(name))

    def delete(self, name: str) -> None:
        """Remove one model and the layers that only it has; raises `NotFound`.

        It leaves the memory first: the service would keep it there, out of everyone's reach.
        """
        if self._is_loaded(name):
            with suppress(OllamaRefusal, NotFound):
                self.unload(name)
        with self._client(SLOW_SECONDS, name) as client:
            client.delete(name)

    def load(self, name: str, keep_alive_seconds: float) -> None:
        """Bring a model into memory, or out of it with 0 seconds; raises `NotFound`."""
        with self._client(SLOW_SECONDS, name) as client:
            client.generate(model=name, prompt="", keep_alive=keep_alive_seconds)

    def unload(self, name: str, patience_seconds: float = UNLOAD_SECONDS) -> bool:
        """Take a model out of memory and say whether it is gone; raises `NotFound`.

        The service agrees before it has done so, and lets an answer in progress end first.
        """
        self.load(name, keep_alive_seconds=0)
        deadline, tick = time.monotonic() + patience_seconds, threading.Event()
        while self._is_loaded(name):
            if time.monotonic() > deadline:
                return False
            tick.wait(POLL_SECONDS)
        return True

    def _is_loaded(self, name: str) -> bool:
        return any(same_name(name, model.name) for model in self.loaded())

    @contextmanager
    def pull(self, name: str) -> Iterator[OllamaPull]:
        """Open a pull; the service goes on from the layers that it has."""
        line = Line()
        with self.streaming(name, line) as client:
            yield OllamaPull(client.pull(name, stream=True), line)

    def chat(
        self, name: str, messages: Sequence[Mapping[str, str]], options: Mapping[str, Any]
    ) -> OllamaChat:
        """Prepare an answer; it is asked for when it is iterated."""
        return OllamaChat(self, name, messages, options)

    @contextmanager
    def streaming(self, name: str, line: Line) -> Iterator[ollama.Client]:
        """Open the library's client with the patience that streams need."""
        with self._client(STREAM_SECONDS, name, line) as client:
            yield client

    @contextmanager
    def _client(
        self, read_seconds: float, name: str | None = None, line: Line | None = None
    ) -> Iterator[ollama.Client]:
        import ollama

        options, where = self._options(read_seconds), self.address.base_url
        hooks: dict[str, list[Any]] = {"response": [self._refuse_pages]}
        if line is not None:
            hooks["request"] = [line.attach]
        options["event_hooks"] = hooks
        with self._translated(name), ollama.Client(host=where, **options) as client:
            yield client

    def _refuse_pages(self, answer: Any) -> None:
        """Refuse what a proxy answers in the service's place, also where no body is read."""
        kind, where = answer.headers.get("content-type", ""), self.address.base_url
        if kind.startswith("text/html"):
            raise not_ollama(where)
        if answer.status_code in BEFORE_IT and "json" not in kind:
            raise no_success(where, answer.status_code)

    def _options(self, read_seconds: float) -> dict[str, Any]:
        import httpx

        address = self.address
        options: dict[str, Any] = {
            "timeout": httpx.Timeout(read_seconds, connect=CONNECT_SECONDS),
            "follow_redirects": False,
            "verify": address.base_url.startswith("https:"),  # loading the roots takes 30 ms
            "trust_env": not address.is_loopback,
        }
        if address.username is not None:
            options["auth"] = (address.username, address.password or "")
        return options

    @contextmanager
    def _translated(self, name: str | None = None) -> Iterator[None]:
        """Turn what the library raises into our own errors."""
        import httpx
        import ollama

        where = self.address.base_url
        try:
            yield
        except ollama.ResponseError as error:
            raise refused(where, error.status_code, str(error.error), name) from error
        except (ConnectionError, httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoOllama(f"Nothing answers at {where}.") from error
        except httpx.TimeoutException as error:
            raise NoOllama(f"The service at {where} does not answer in time.") from error
        except httpx.HTTPError as error:
            raise NoOllama(f"The connection to {where} broke.") from error
        except NOT_JSON as error:
            raise not_ollama(where) from error


class OllamaPull:
    """A running pull: iterate its frames; `stop` ends it from another thread."""

    def __init__(self, frames: Iterator[Any], line: Line) -> None:
        """Wrap the library's stream; `OllamaClient.pull` makes it."""
        self._frames = frames
        self._line = line

    def __iter__(self) -> Iterator[PullFrame]:
        """Yield each line of the stream as a value."""
        for frame in self._frames:
            yield values.frame(frame)

    def stop(self) -> None:
        """Cut the connection: a blocked read returns at once and the service stops pulling."""
        self._line.cut()


class OllamaChat:
    """An answer as it is written: iterate its pieces; `stop` ends it from another thread."""

    def __init__(
        self,
        client: OllamaClient,
        name: str,
        messages: Sequence[Mapping[str, str]],
        options: Mapping[str, Any],
    ) -> None:
        """Ask nothing yet; `OllamaClient.chat` makes it."""
        self._client = client
        self._name = name
        self._messages = messages
        self._options = dict(options)
        self._line = Line()

    def __iter__(self) -> Iterator[ChatChunk]:
        """Ask, and yield each piece; raises `NotFound` and `OllamaUnavailable`."""
        with self._client.streaming(self._name, self._line) as client:
            parts = client.chat(self._name, self._messages, options=self._options, stream=True)
            for part in parts:
                yield values.chunk(part)

    def stop(self) -> None:
        """Cut the connection, so that the service stops writing."""
        self._line.cut()


class Line:
    """Remembers the socket of a request, so that another thread can cut it."""

    def __init__(self) -> None:
        """Know of no socket yet."""
        self._stream: Any = None

    def attach(self, request: Any) -> None:
        """Have the HTTP client tell of the connection that it makes for `request`."""
        request.extensions["trace"] = self._note

    def cut(self) -> None:
        """Shut the socket down; harmless when there is none."""
        found = self._stream.get_extra_info("socket") if self._stream is not None else None
        if found is None:
            return
        try:
            socket.socket.shutdown(found, socket.SHUT_RDWR)
        except OSError:
            return  # it is closed already

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete")):
            self._stream = info["return_value"]

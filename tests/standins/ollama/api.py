"""What the server answers at each address when no fault strikes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tests.standins.ollama import talk
from tests.standins.ollama.faults import OllamaRule
from tests.standins.ollama.models import OllamaModel
from tests.standins.ollama.pulls import Pull, PullFailed, line, manifest_lines
from tests.standins.ollama.replies import Refused, Reply
from tests.standins.ollama.settings import OllamaSettings
from tests.standins.ollama.shelf import Shelf

Frames = Callable[[dict[str, Any]], Iterable[dict[str, Any]]]
Answer = Callable[[Reply], None]
BY_HEAD = ("/", "/api/version", "/api/tags")
"""What answers HEAD as it does GET."""


class Api:
    """The addresses of the server, over what is on its disk and in its memory."""

    def __init__(self, shelf: Shelf, settings: Callable[[], OllamaSettings]) -> None:
        """Ask `settings` at each request."""
        self._shelf = shelf
        self._settings = settings
        self.killed = threading.Event()
        """Ends the answer that is being written, once."""

    def answer(self, reply: Reply, rule: OllamaRule | None) -> None:
        """Answer a request; `rule` has the fault of a pull."""
        method, path = reply.request.method, reply.request.path
        if method == "HEAD" and path in BY_HEAD:
            method = "GET"
        if (method, path) == ("POST", "/api/pull"):
            return self._pull(reply, rule)
        routes = self._routes()
        if (method, path) in routes:
            return routes[method, path](reply)
        if path == "/api/pull" or path in {known for _, known in routes}:
            return reply.send_text("405 method not allowed", 405)
        return reply.send_text("404 page not found", 404)

    def _routes(self) -> dict[tuple[str, str], Answer]:
        shelf, version = self._shelf, self._settings().version
        return {
            ("GET", "/"): lambda reply: reply.send_text("Ollama is running", charset=True),
            ("GET", "/api/version"): lambda reply: reply.send_json({"version": version}),
            ("GET", "/api/tags"): lambda reply: reply.send_json({"models": shelf.tags()}),
            ("GET", "/api/ps"): lambda reply: reply.send_json({"models": shelf.running()}),
            ("POST", "/api/show"): lambda reply: reply.send_json(self._there(reply).show()),
            ("DELETE", "/api/delete"): self._delete,
            ("POST", "/api/chat"): self._chat,
            ("POST", "/api/generate"): self._generate,
        }

    def _there(self, reply: Reply) -> OllamaModel:
        return self._shelf.installed()[self._name(reply)]

    def _name(self, reply: Reply) -> str:
        """The name of the installed model asked for, as it is spelled there."""
        name = self._shelf.spelled(reply.required_model())
        if name not in self._shelf.installed():
            raise Refused(404, f"model '{reply.given_name}' not found")
        return name

    def _delete(self, reply: Reply) -> None:
        self._shelf.delete(self._name(reply))
        reply.send(b"", 200, None)

    def _chat(self, reply: Reply) -> None:
        if reply.body.get("messages"):
            return self._talk(reply, talk.chat_frames)
        return self._load(reply, {"message": {"role": "assistant", "content": ""}})

    def _generate(self, reply: Reply) -> None:
        if reply.body.get("prompt"):
            return self._talk(reply, talk.generate_frames)
        return self._load(reply, {"response": ""})

    def _load(self, reply: Reply, empty: dict[str, Any]) -> None:
        """Bring a model into memory, or out of it, and say nothing."""
        name, kept = self._name(reply), reply.keep_alive()
        self._shelf.use(name, kept)
        reason = "load" if kept else "unload"
        reply.send_json(talk.frame(reply.body, **empty, done=True, done_reason=reason))

    def _talk(self, reply: Reply, frames: Frames) -> None:
        name = self._name(reply)
        if reply.body.get("think"):
            raise Refused(400, f'"{reply.given_name}" does not support thinking')
        self._shelf.use(name, reply.keep_alive())
        told = frames(reply.body)
        if reply.streams:
            reply.send_lines(self._until_killed(told))
        else:
            reply.send_json(talk.joined(list(told)))

    def _until_killed(self, told: Iterable[dict[str, Any]]) -> Iterator[bytes]:
        for frame in told:
            if self.killed.is_set():
                self.killed.clear()
                words = "an error was encountered while running the model: unexpected EOF"
                yield line({"error": words})
                return
            yield line(frame)

    def _pull(self, reply: Reply, rule: OllamaRule | None) -> None:
        name = self._shelf.spelled(reply.required_model())
        lines = self._pull_lines(reply, self._shelf.published(name), rule)
        if reply.streams:
            return reply.send_lines(_with_error(lines))
        try:
            for _ in lines:
                pass
        except PullFailed as failed:
            raise Refused(500, str(failed)) from failed
        return reply.send_json({"status": "success"})

    def _pull_lines(
        self, reply: Reply, model: OllamaModel | None, rule: OllamaRule | None
    ) -> Iterator[bytes]:
        yield from manifest_lines(model, rule)
        if model is None:
            return
        settings = self._settings()
        yield from Pull(
            model,
            self._shelf.blobs,
            reply.connection,
            pace=lambda: self._settings().pull_bps,
            progress_seconds=settings.progress_seconds,
            rule=rule,
        ).lines()
        self._shelf.put(model)
        yield line({"status": "success"})


def _with_error(lines: Iterator[bytes]) -> Iterator[bytes]:
    try:
        yield from lines
    except PullFailed as failed:
        yield line({"error": str(failed)})

"""What can go wrong with an Ollama server, as values; amounts are bytes of the pull so far."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class OllamaFault:
    """The base of the faults; `path` is what it strikes when nothing else is said."""

    path: ClassVar[str] = "/api/pull"


@dataclass(frozen=True, slots=True)
class Answer(OllamaFault):
    """Another answer: an error in JSON, or a page of HTML by something in between."""

    path: ClassVar[str] = "*"
    status: int = 500
    body: str = '{"error":"stand-in fault"}'
    content_type: str = "application/json; charset=utf-8"


HTML = Answer(200, "<!DOCTYPE html><html><title>Gateway</title></html>", "text/html")
"""A page where JSON was expected."""


@dataclass(frozen=True, slots=True)
class NoAnswer(OllamaFault):
    """No answer until released."""

    path: ClassVar[str] = "*"


@dataclass(frozen=True, slots=True)
class ResetLine(OllamaFault):
    """A TCP reset instead of an answer."""

    path: ClassVar[str] = "*"


@dataclass(frozen=True, slots=True)
class PullError(OllamaFault):
    """The stream ends with `{"error": message}` once so much has arrived."""

    message: str
    after_bytes: int = 0


def disk_full(after_bytes: int = 0) -> PullError:
    """The server's own disk is full."""
    return PullError(
        "write /root/.ollama/models/blobs/sha256-0123-partial: no space left on device", after_bytes
    )


@dataclass(frozen=True, slots=True)
class PullCut(OllamaFault):
    """The connection closes in the middle of the stream."""

    after_bytes: int


@dataclass(frozen=True, slots=True)
class PullStall(OllamaFault):
    """No further line comes until released."""

    after_bytes: int


@dataclass(frozen=True, slots=True)
class PullLines(OllamaFault):
    """Lines that no documented server sends, put in once so much has arrived.

    A mapping becomes a line of JSON, text stays as it is.
    """

    lines: tuple[Mapping[str, Any] | str, ...]
    after_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RegistryFailure(OllamaFault):
    """The registry answers the server's first question with an error."""

    status: int = 500
    body: str = "the registry's words"


@dataclass(frozen=True, slots=True)
class RegistryCut(OllamaFault):
    """The registry's line ends in the middle of a layer, once; the server goes on by itself."""

    after_bytes: int
    pause_seconds: float = 0.02
    """How long the stand-in waits before it asks again; the program takes a second or more."""


@dataclass(frozen=True, slots=True)
class WrongBytes(OllamaFault):
    """The registry sends weights that are not those of the manifest."""


@dataclass(slots=True)
class OllamaRule:
    """A fault in force, for addresses and a model of one's choice, so many times."""

    number: int
    fault: OllamaFault
    path: str
    model: str | None
    left: int | None
    strikes: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    def matches(self, path: str, model: str | None) -> bool:
        """Whether it strikes a request."""
        return self.left != 0 and fnmatchcase(path, self.path) and self.model in (None, model)


class OllamaFaultBook:
    """The faults in force; the first that matches strikes."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules: list[OllamaRule] = []

    def add(
        self, fault: OllamaFault, *, path: str | None, model: str | None, count: int | None
    ) -> OllamaRule:
        """Put a fault in force."""
        rule = OllamaRule(next(self._numbers), fault, path or fault.path, model, count)
        with self._lock:
            self._rules.append(rule)
        return rule

    def take(self, path: str, model: str | None) -> OllamaRule | None:
        """The fault that strikes a request, counted."""
        with self._lock:
            rule = next((rule for rule in self._rules if rule.matches(path, model)), None)
            if rule is not None:
                rule.strikes += 1
                rule.left = None if rule.left is None else rule.left - 1
            return rule

    def clear(self) -> None:
        """Take all faults out of force and end their waits."""
        with self._lock:
            for rule in self._rules:
                rule.release.set()
            self._rules.clear()

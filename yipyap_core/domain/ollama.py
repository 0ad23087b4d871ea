"""What an Ollama service has and does, as values; its names and addresses, read strictly."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from yipyap_core.errors import Invalid, InvalidName

DEFAULT_PORT = 11434
DEFAULT_REGISTRY = "registry.ollama.ai"
NAME_HINT = "Write it as model, model:tag or namespace/model:tag, such as llama2:7b."

_HOST = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,348}(?::\d{1,5})?"
_NAMESPACE = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}"
_MODEL = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,79}"
MODEL_NAME = re.compile(
    rf"^(?:(?:{_HOST}/)?{_NAMESPACE}/)?{_MODEL}(?::{_TAG})?$",
    re.ASCII,
)
_VERBS = frozenset({"run", "pull", "show"})
_OPTIONS_WITH_VALUE = frozenset(
    {"--dimensions", "--format", "--keepalive", "--width", "--height", "--steps", "--seed"}
    | {"--negative"}
)
"""The program's options whose value may be the next word; all others stand alone."""
_PAGE = re.compile(r"^(?:https?://)?(?:www\.)?ollama\.com/(?:library/)?(?P<name>[^?#\s]+?)/?$")


@dataclass(frozen=True, slots=True)
class AssistantStatus:
    """The one model that the assistant talks through."""

    model: str
    available: bool
    reason: str | None = None
    """Why it is not available."""


@dataclass(frozen=True, slots=True)
class OllamaStatus:
    """Whether the service answers; never an exception."""

    available: bool
    base_url: str
    version: str | None
    error: str | None
    assistant: AssistantStatus
    hint: str | None = None
    """What was seen and what to do, when it does not answer."""


@dataclass(frozen=True, slots=True)
class OllamaModel:
    """One installed model."""

    name: str
    size_bytes: int
    modified_at: dt.datetime | None
    digest: str
    """Of its manifest, 64 hex digits."""
    family: str | None = None
    parameter_size: str | None = None
    quantization: str | None = None
    loaded: bool = False


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One model in the memory of the service."""

    name: str
    size_bytes: int
    """Memory it takes altogether."""
    vram_bytes: int
    """Part of it on a GPU."""
    expires_at: dt.datetime | None
    """When the service will unload it by itself."""
    context_length: int | None = None


@dataclass(frozen=True, slots=True)
class OllamaOverview:
    """All that a page shows of the service, seen at one moment; never an exception."""

    status: OllamaStatus
    models: tuple[OllamaModel, ...] = ()
    """What is installed, by name; empty while the service is away."""
    loaded: tuple[LoadedModel, ...] | None = None
    """What is in its memory; None when it does not tell."""
    checks: tuple[UpdateCheck, ...] = ()
    """The last comparisons with the registry that are still about what is installed."""

    @property
    def fingerprint(self) -> tuple[object, ...]:
        """What differs when the service goes, comes, fails otherwise or has other models."""
        installed = tuple((model.name, model.digest) for model in self.models)
        loaded = frozenset(model.name for model in self.loaded or ())
        return (self.status, installed, loaded, self.loaded is None, self.checks)


@dataclass(frozen=True, slots=True)
class OllamaDetails:
    """What the service says of one model when asked for it."""

    name: str
    modified_at: dt.datetime | None
    family: str | None
    parameter_size: str | None
    quantization: str | None
    format: str | None
    capabilities: tuple[str, ...]
    context_length: int | None
    template: str
    parameters: str
    license: str
    modelfile: str


@dataclass(frozen=True, slots=True)
class PullFrame:
    """One line of a pull's stream."""

    status: str
    digest: str | None = None
    total_bytes: int | None = None
    completed_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ChatChunk:
    """One piece of an answer as it is being written."""

    text: str
    thinking: str = ""
    done: bool = False
    eval_count: int | None = None
    eval_seconds: float | None = None


class Freshness(StrEnum):
    """Whether the registry has another model under the same name."""

    CURRENT = "current"
    OUTDATED = "outdated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class UpdateCheck:
    """One installed model compared with the registry's."""

    name: str
    digest: str
    """What was installed then; the comparison says nothing of another model of that name."""
    state: Freshness
    checked_at: dt.datetime
    size_bytes: int | None = None
    """Size of the registry's model, layers that are here already included."""
    reason: str | None = None
    """Why nobody can say."""


def parse_model_name(text: str) -> str:
    """Read a model's name, also from a pasted `ollama run x` or a page's address.

    Raises `InvalidName` for anything that Ollama itself would refuse.
    """
    name = _unpasted(text.strip())
    if not MODEL_NAME.match(name) or ".." in name:
        shown = name if len(name) <= 80 else f"{name[:77]}..."
        raise InvalidName(
            f"{shown!r} is not the name of an Ollama model.",
            fields={"name": "not a model name"},
            hint=NAME_HINT,
        )
    return name


def full_name(name: str) -> str:
    """Write a name as the service lists it, so that `llama2` and `llama2:latest` compare equal.

    The tag is spelled out; the default registry and namespace are left out.
    """
    path = name.removeprefix(f"{DEFAULT_REGISTRY}/").removeprefix("library/")
    return path if ":" in path.rpartition("/")[2] else f"{path}:latest"


def same_name(one: str, other: str) -> bool:
    """Whether the service takes both for the same installed model; case does not matter to it."""
    return full_name(one).casefold() == full_name(other).casefold()


def _unpasted(text: str) -> str:
    page = _PAGE.match(text)
    return page["name"] if page else _named_in_command(text.split()) or text


def _named_in_command(words: list[str]) -> str | None:
    """The model of `ollama run x`, whatever stands before the command, and options before `x`."""
    lowered = [word.lower() for word in words]
    for place, (program, verb) in enumerate(itertools.pairwise(lowered)):
        if program.lstrip("$#") == "ollama" and verb in _VERBS:
            return _first_argument(words[place + 2 :])
    return None


def _first_argument(words: list[str]) -> str | None:
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return word
        if word.lower() in _OPTIONS_WITH_VALUE:
            next(rest, None)
    return None


@dataclass(frozen=True, slots=True)
class OllamaAddress:
    """Where the service is, with the credentials that an address may carry kept apart."""

    base_url: str
    """Scheme, host, port and path; safe to show."""
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        """Leave the credentials out."""
        return f"OllamaAddress({self.base_url!r})"

    @property
    def is_loopback(self) -> bool:
        """Whether no proxy should stand between."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return host == "localhost"


def parse_address(text: str) -> OllamaAddress:
    """Read an address as Ollama reads OLLAMA_HOST: scheme and port may be missing.

    `0.0.0.0` and `::` say where a server listens; a client reaches it on loopback.
    Raises `Invalid`.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "http", text.strip()
    default_port = {"http": 80, "https": 443}.get(scheme) if separator else DEFAULT_PORT
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        port = parts.port or default_port
    except ValueError:
        port = None
    if port is None or scheme not in {"http", "https"} or re.search(r"[\s\\]", rest):
        message = "The address of the Ollama service is not one."
        raise Invalid(message, fields={"base_url": "not an http address"})
    host = _reachable(parts.hostname or "127.0.0.1")
    path = parts.path.rstrip("/")
    return OllamaAddress(f"{scheme}://{host}:{port}{path}", parts.username, parts.password)


def _reachable(host: str) -> str:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        address = ipaddress.ip_address("127.0.0.1" if address.version == 4 else "::1")
    return f"[{address}]" if address.version == 6 else str(address)

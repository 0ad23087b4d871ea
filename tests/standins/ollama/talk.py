"""What the stand-in says in a chat: the question again, a word at a time."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.standins.ollama.tiny import ENDLESS

DEFAULT_KEEP_ALIVE = timedelta(minutes=5)
_PART = re.compile(r"(-?\d+(?:\.\d+)?)(ms|h|m|s)")
_DURATION = re.compile(rf"(?:{_PART.pattern})+")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def keep_alive(given: Any) -> timedelta:
    """How long a model stays loaded: seconds, or words such as `10m`; negative is for ever.

    Raises `ValueError` for other words.
    """
    if given is None:
        return DEFAULT_KEEP_ALIVE
    if isinstance(given, int | float):
        seconds = float(given)
    else:
        if not _DURATION.fullmatch(str(given)):
            raise ValueError(given)
        parts = _PART.findall(str(given))
        seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return timedelta(seconds=seconds) if seconds >= 0 else timedelta(days=36500)


def now() -> str:
    """The time as the server writes it."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """A time as the server writes it, with nanoseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def chat_frames(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames of a chat's answer, the last one `done`."""
    question = str(body["messages"][-1].get("content", ""))
    for word in _spoken(body, question):
        yield frame(body, message={"role": "assistant", "content": word}, done=False)
    yield frame(body, message={"role": "assistant", "content": ""}, **_figures(body, question))


def generate_frames(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames of a generation."""
    prompt = str(body["prompt"])
    for word in _spoken(body, prompt):
        yield frame(body, response=word, done=False)
    yield frame(body, response="", **_figures(body, prompt), context=[1])


def joined(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The one answer of a request that wants no stream."""
    last = dict(frames[-1])
    if "message" in last:
        content = "".join(each["message"]["content"] for each in frames)
        last["message"] = {"role": "assistant", "content": content}
    else:
        last["response"] = "".join(each["response"] for each in frames)
    return last


def frame(body: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """One line of an answer."""
    return {"model": body.get("model") or body.get("name"), "created_at": now(), **fields}


def words(question: str) -> list[str]:
    """The answer to a question, in pieces."""
    return ["You said:", *(f" {word}" for word in question.split())]


def _spoken(body: Mapping[str, Any], question: str) -> Iterator[str]:
    """The pieces that are said: without end after `ENDLESS`, and never more than wanted."""
    pieces = words(question)
    spoken = itertools.cycle(pieces) if question.endswith(ENDLESS) else iter(pieces)
    return itertools.islice(spoken, _limit(body))


def _limit(body: Mapping[str, Any]) -> int | None:
    wanted = (body.get("options") or {}).get("num_predict", -1)
    return wanted if wanted >= 0 else None


def _figures(body: Mapping[str, Any], question: str) -> dict[str, Any]:
    limit, said = _limit(body), len(words(question))
    is_cut = limit is not None and (question.endswith(ENDLESS) or limit < said)
    return {
        "done": True,
        "done_reason": "length" if is_cut else "stop",
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": len(question.split()),
        "prompt_eval_duration": 1_000_000,
        "eval_count": limit if is_cut else said + 1,
        "eval_duration": 3_000_000,
    }

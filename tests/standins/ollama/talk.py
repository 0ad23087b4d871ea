"""What the stand-in says in a chat: the question again, a word at a time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

DEFAULT_KEEP_ALIVE = timedelta(minutes=5)
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def keep_alive(given: Any) -> timedelta:
    """How long a model stays loaded: seconds, or words such as `10m`; negative is for ever."""
    if given is None:
        return DEFAULT_KEEP_ALIVE
    if isinstance(given, int | float):
        seconds = float(given)
    else:
        parts = re.findall(r"(-?\d+(?:\.\d+)?)(ms|h|m|s)?", str(given))
        seconds = sum(float(number) * _UNITS.get(unit or "s", 1.0) for number, unit in parts)
    return timedelta(seconds=seconds) if seconds >= 0 else timedelta(days=36500)


def now() -> str:
    """The time as the server writes it."""
    return timestamp(datetime.now(UTC))


def timestamp(moment: datetime) -> str:
    """A time as the server writes it, with nanoseconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


def chat_frames(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames of a chat's answer, the last one `done`."""
    question = str(body["messages"][-1].get("content", "")) if body.get("messages") else ""
    for word in words(question):
        yield _frame(body, message={"role": "assistant", "content": word}, done=False)
    yield _frame(body, message={"role": "assistant", "content": ""}, **_figures(question))


def generate_frames(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The frames of a generation; without a prompt it only loads or unloads."""
    prompt = str(body.get("prompt") or "")
    if not prompt:
        reason = "load" if keep_alive(body.get("keep_alive")) else "unload"
        yield _frame(body, response="", done=True, done_reason=reason)
        return
    for word in words(prompt):
        yield _frame(body, response=word, done=False)
    yield _frame(body, response="", **_figures(prompt))


def joined(frames: list[dict[str, Any]]) -> dict[str, Any]:
    """The one answer of a request that wants no stream."""
    last = dict(frames[-1])
    if "message" in last:
        content = "".join(frame["message"]["content"] for frame in frames)
        last["message"] = {"role": "assistant", "content": content}
    else:
        last["response"] = "".join(frame["response"] for frame in frames)
    return last


def words(question: str) -> list[str]:
    """The answer to a question, in pieces."""
    return ["You said:", *(f" {word}" for word in question.split())]


def _frame(body: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    return {"model": body.get("model") or body.get("name"), "created_at": now(), **fields}


def _figures(question: str) -> dict[str, Any]:
    return {
        "done": True,
        "done_reason": "stop",
        "total_duration": 5_000_000,
        "load_duration": 1_000_000,
        "prompt_eval_count": len(question.split()),
        "prompt_eval_duration": 1_000_000,
        "eval_count": len(question.split()) + 1,
        "eval_duration": 3_000_000,
    }

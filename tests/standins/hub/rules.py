"""Which requests a fault strikes: by file or address, stage, method, and by count.

Rules with a count play one after another in the order of their declaration: a request is
struck by the first of them that it matches and that still has strikes left. Rules without a
count strike every request they match; where both change the same thing, the counted one has
the last word.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, TypedDict

from tests.standins.connections import Request
from tests.standins.hub import answer_faults, line_faults
from tests.standins.hub.answers import Routed, Stage
from tests.standins.hub.faults import Fault


class RuleOptions(TypedDict, total=False):
    """Which requests are struck; what is not said does not matter.

    `path` is a pattern for the file's path in its repository or, when it begins with a slash,
    for the path of the address; `user_agent` is a pattern as well. The first `skip` matching
    requests pass; `nth` (from 1) is short for skipping all before and one strike. `count` is the
    number of strikes.
    """

    path: str
    repo_id: str
    on: Stage
    method: str
    user_agent: str
    skip: int
    count: int
    nth: int


@dataclass(slots=True)
class Rule:
    """Some faults, the requests they are for, and how often they have struck."""

    number: int
    faults: Sequence[Fault]
    stage: Stage
    path: str | None = None
    repo_id: str | None = None
    method: str | None = None
    user_agent: str = "*"
    skip: int = 0
    count: int | None = None
    seen: int = 0
    strikes: int = 0
    release: threading.Event = field(default_factory=threading.Event)

    def matches(self, request: Request, routed: Routed) -> bool:
        """Whether the request is of the kind the rule is for."""
        return (
            bool(self.stage & routed.stage)
            and self.method in (None, request.method)
            and self.repo_id in (None, routed.repo_id)
            and fnmatchcase(request.headers.get("user-agent", ""), self.user_agent)
            and self._matches_path(request, routed)
        )

    def _matches_path(self, request: Request, routed: Routed) -> bool:
        if self.path is None:
            return True
        subject = request.path if self.path.startswith("/") else routed.file
        return subject is not None and fnmatchcase(subject, self.path)

    @property
    def due(self) -> bool:
        """Whether the request just seen may be struck."""
        spent = self.count is not None and self.strikes >= self.count
        return self.seen > self.skip and not spent


@dataclass(frozen=True, slots=True)
class Strike:
    """One fault at work, and the event that ends its waits."""

    fault: Fault
    release: threading.Event


class FaultBook:
    """The rules in force."""

    def __init__(self) -> None:
        """Begin without faults."""
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._rules: dict[int, Rule] = {}

    def add(self, faults: Sequence[Fault], options: RuleOptions) -> int:
        """Put a rule in force; returns its number."""
        nth = options.get("nth")
        number = next(self._numbers)
        rule = Rule(
            number,
            faults,
            stage=options.get("on") or _default_stage(faults, options.get("path")),
            path=options.get("path"),
            repo_id=options.get("repo_id"),
            method=options.get("method"),
            user_agent=options.get("user_agent", "*"),
            skip=options.get("skip", 0) if nth is None else nth - 1,
            count=options.get("count") if nth is None else 1,
        )
        with self._lock:
            self._rules[number] = rule
        return number

    def take(self, request: Request, routed: Routed) -> list[Strike]:
        """The faults that strike this request, in the order of their rules."""
        if not self._rules:
            return []
        with self._lock:
            return list(self._take(request, routed))

    def _take(self, request: Request, routed: Routed) -> Iterator[Strike]:
        matching = [rule for rule in self._rules.values() if rule.matches(request, routed)]
        for rule in matching:
            rule.seen += 1
        due = [rule for rule in matching if rule.due]
        striking = [rule for rule in due if rule.count is None]
        striking += [rule for rule in due if rule.count is not None][:1]
        for rule in striking:
            rule.strikes += 1
            yield from (Strike(fault, rule.release) for fault in rule.faults)

    def release(self, number: int) -> None:
        """End the waits of a rule, those to come as well."""
        with self._lock:
            self._rules[number].release.set()

    def remove(self, number: int) -> None:
        """Take a rule out of force and end its waits."""
        with self._lock:
            self._rules.pop(number).release.set()

    def clear(self) -> None:
        """Take every rule out of force and end its waits."""
        with self._lock:
            for rule in self._rules.values():
                rule.release.set()
            self._rules.clear()

    def strikes(self, number: int) -> int:
        """How many requests a rule in force has struck."""
        with self._lock:
            return self._rules[number].strikes


def fault_from_json(value: Mapping[str, Any]) -> Fault:
    """The fault that `Fault.as_json` wrote."""
    fields = dict(value)
    name = fields.pop("fault")
    kind: type[Fault] = getattr(answer_faults, name, None) or getattr(line_faults, name)
    return kind(**fields)


def _default_stage(faults: Sequence[Fault], path: str | None) -> Stage:
    stages = [fault.stage for fault in faults if fault.stage is not Stage.ANY]
    by_address = path is not None and path.startswith("/")
    return stages[0] if stages and not by_address else Stage.ANY

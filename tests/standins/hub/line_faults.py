"""Faults that strike the answer on the line: cut, held, slowed, damaged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tests.standins.hub.answers import Stage
from tests.standins.hub.delivery import Cut, End, Pacer
from tests.standins.hub.faults import Exchange, Fault


@dataclass(frozen=True, slots=True)
class ExtraBytes(Fault):
    """Further bytes after the end, the length agreeing with that."""

    extra_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Adds zeros to the body."""
        return exchange.shaped(extra_bytes=self.extra_bytes)


@dataclass(frozen=True, slots=True)
class WrongContentLength(Fault):
    """A `Content-Length` that is off by so many bytes, the body being right."""

    delta_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Changes the promise and closes the connection after the body."""
        return exchange.shaped(promised_delta_bytes=self.delta_bytes)


@dataclass(frozen=True, slots=True)
class Truncate(Fault):
    """The connection closes, in good order, after so many bytes of the body."""

    after_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Cuts the body."""
        return exchange.shaped(cut=Cut(self.after_bytes, End.CLOSE, exchange.release))


@dataclass(frozen=True, slots=True)
class Reset(Fault):
    """A TCP reset after so many bytes of the body."""

    after_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Cuts the body."""
        return exchange.shaped(cut=Cut(self.after_bytes, End.RESET, exchange.release))


@dataclass(frozen=True, slots=True)
class ResetBeforeAnswer(Fault):
    """A TCP reset instead of an answer."""

    def after_range(self, exchange: Exchange) -> Exchange:
        """Resets before the first byte."""
        return exchange.shaped(reset_before_answer=True)


@dataclass(frozen=True, slots=True)
class Stall(Fault):
    """Nothing more comes after so many bytes of the body, until the rule is released."""

    after_bytes: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Holds the body."""
        return exchange.shaped(cut=Cut(self.after_bytes, End.STALL, exchange.release))


@dataclass(frozen=True, slots=True)
class Hang(Fault):
    """No answer at all, until the rule is released."""

    def after_range(self, exchange: Exchange) -> Exchange:
        """Holds the answer."""
        return exchange.shaped(hold=exchange.release)


@dataclass(frozen=True, slots=True)
class Slow(Fault):
    """So many bytes a second for each answer struck."""

    bytes_per_second: float
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Paces the body."""
        return exchange.shaped(pacers=[*exchange.how.pacers, Pacer(self.bytes_per_second)])


@dataclass(frozen=True, slots=True)
class Latency(Fault):
    """So many seconds pass before the answer."""

    seconds: float

    def after_range(self, exchange: Exchange) -> Exchange:
        """Adds to the wait."""
        return exchange.shaped(latency_seconds=exchange.how.latency_seconds + self.seconds)


@dataclass(frozen=True, slots=True)
class Dribble(Fault):
    """After so many bytes, one byte at a time with a pause before each."""

    interval_seconds: float
    after_bytes: int = 0
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Slows the body down to single bytes."""
        return exchange.shaped(
            dribble_after_bytes=self.after_bytes, dribble_seconds=self.interval_seconds
        )


@dataclass(frozen=True, slots=True)
class Corrupt(Fault):
    """The byte at `offset` of the file is inverted; a negative offset counts from the end."""

    offset: int
    stage: ClassVar[Stage] = Stage.CONTENT

    def after_range(self, exchange: Exchange) -> Exchange:
        """Marks the offset."""
        size_bytes = exchange.answer.content.size_bytes
        offset = self.offset if self.offset >= 0 else size_bytes + self.offset
        return exchange.shaped(corrupt_offsets=[*exchange.how.corrupt_offsets, offset])

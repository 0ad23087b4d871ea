"""Which bytes of a file are there: a set of half-open intervals, always in order and disjoint."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Spans:
    """Intervals `[start, end)`; touching ones are joined."""

    _starts: list[int] = field(default_factory=list)
    _ends: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, pairs: Iterable[tuple[int, int]]) -> Spans:
        """Add the pairs one by one, in any order."""
        spans = cls()
        for start, end in pairs:
            spans.add(start, end)
        return spans

    def add(self, start: int, end: int) -> None:
        """Put an interval in; joining what it touches. Empty ones change nothing."""
        if start >= end:
            return
        first = bisect.bisect_left(self._ends, start)
        last = bisect.bisect_right(self._starts, end)
        if first < last:
            start = min(start, self._starts[first])
            end = max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def copy(self) -> Spans:
        """A set of its own with the same intervals."""
        return Spans(self._starts.copy(), self._ends.copy())

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The intervals in ascending order."""
        return iter(zip(self._starts, self._ends, strict=True))

    @property
    def total(self) -> int:
        """How many bytes are there."""
        return sum(self._ends) - sum(self._starts)

    @property
    def prefix_end(self) -> int:
        """End of the interval that begins at 0; 0 when there is none."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def missing(self, size: int) -> list[tuple[int, int]]:
        """The gaps of `[0, size)` in ascending order."""
        edges = [0, *(edge for pair in self for edge in pair), size]
        pairs = zip(edges[::2], edges[1::2], strict=True)
        return [(start, end) for start, end in pairs if start < end]

    def fits(self, size: int) -> bool:
        """Whether no interval lies outside of `[0, size)`."""
        return not self._starts or (self._starts[0] >= 0 and self._ends[-1] <= size)

"""The kept connections of one thread: asked again for the next file, made anew when dropped."""

from __future__ import annotations

from collections.abc import Mapping

from yipyap_core.transfer.addresses import Origin
from yipyap_core.transfer.connection import Answer, Line, LineBroken
from yipyap_core.transfer.connections import ConnectionBook
from yipyap_core.transfer.dialing import Dialer
from yipyap_core.transfer.watch import LineWatch


class Lines:
    """One connection for each origin at most; not shared between threads."""

    def __init__(self, dialer: Dialer, watch: LineWatch, book: ConnectionBook) -> None:
        """Begin with none."""
        self._dialer = dialer
        self._watch = watch
        self._book = book
        self._kept: dict[Origin, Line] = {}

    def get(self, origin: Origin, target: str, headers: Mapping[str, str]) -> tuple[Line, Answer]:
        """Ask over the kept connection, over a new one where the server has dropped that.

        Hand the line back with `keep` or `drop`. Raises `LineBroken`, `HubUnreachable`,
        `RedirectRefused`.
        """
        line = self._kept.pop(origin, None)
        if line is not None and not line.is_free_for(target, headers):
            self.drop(line)
        elif line is not None:
            try:
                return line, self._ask(line, target, headers)
            except LineBroken as error:
                self.drop(line)
                if error.stalled:
                    raise
        line = Line(origin, self._dialer)
        self._watch.add(line)
        self._book.opened(line)
        try:
            return line, self._ask(line, target, headers)
        except BaseException:
            self.drop(line)
            raise

    def ask_ahead(self, origin: Origin, target: str, headers: Mapping[str, str]) -> None:
        """Ask over the kept connection, if there is one, what the next `get` will want."""
        line = self._kept.get(origin)
        if line is not None and line.is_idle:
            try:
                line.ask(target, headers)
            except LineBroken:
                self.drop(self._kept.pop(origin))

    def _ask(self, line: Line, target: str, headers: Mapping[str, str]) -> Answer:
        answer = line.get(target, headers)
        self._book.answered(line, answer.status)
        return answer

    def keep(self, line: Line) -> None:
        """Take the line back for the next request, if its answer was read to the end."""
        if line.finish():
            self._kept[line.origin] = line
        else:
            self._forget(line)

    def drop(self, line: Line) -> None:
        """End a line whose state is not known."""
        self._forget(line)
        line.close()

    def close(self) -> None:
        """End all kept connections."""
        for line in self._kept.values():
            self.drop(line)
        self._kept.clear()

    def _forget(self, line: Line) -> None:
        self._watch.discard(line)
        self._book.closed(line)

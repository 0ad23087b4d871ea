"""What a fault is: a value that changes how one request is answered.

The faults themselves are in `answer_faults` (another answer) and `line_faults` (the answer goes
wrong on the line); which requests they strike is the matter of a rule in `rules`. Byte counts
are of the body of one answer, offsets are of the whole file.
"""

from __future__ import annotations

import threading
from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

from tests.standins.connections import Request
from tests.standins.hub.answers import Answer, Stage
from tests.standins.hub.delivery import Delivery


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, the answer it will get, and how that goes over the line.

    `release` is the event that ends the waits of the rule at work.
    """

    request: Request
    answer: Answer
    how: Delivery
    release: threading.Event

    def answered(self, answer: Answer) -> Exchange:
        """The same exchange with another answer."""
        return replace(self, answer=answer)

    def shaped(self, **changes: Any) -> Exchange:
        """The same exchange with fields of its delivery changed."""
        return replace(self, how=replace(self.how, **changes))


@dataclass(frozen=True, slots=True)
class Fault:
    """The base of all faults; by itself it changes nothing.

    `stage` is where a fault strikes when its rule does not say.
    """

    stage: ClassVar[Stage] = Stage.ANY

    def before_range(self, exchange: Exchange) -> Exchange:
        """Change the exchange while the answer is still about the whole file."""
        return exchange

    def after_range(self, exchange: Exchange) -> Exchange:
        """Change the exchange when the answer is what would be sent."""
        return exchange

    def as_json(self) -> dict[str, Any]:
        """The fault as a JSON object."""
        return {"fault": type(self).__name__, **asdict(self)}

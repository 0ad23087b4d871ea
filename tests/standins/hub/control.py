"""The third port of a hub in a process of its own: declares, injects and reads the log.

It is apart from the hub's own ports, so that it answers while the hub is stopped, and costs the
hub's log nothing. Each call is a POST of JSON to `/__control__/<name>`, answered by JSON.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from tests.standins.connections import Connection, Request
from tests.standins.hub import spec
from tests.standins.hub.answers import Answer, json_answer
from tests.standins.hub.delivery import Delivery, deliver
from tests.standins.hub.interface import HubInterface
from tests.standins.hub.records import LogEntry
from tests.standins.loopback import LoopbackServer

PREFIX = "/__control__/"
Call = Callable[[dict[str, Any]], Any]


class ControlServer(LoopbackServer):
    """Lets another process use a hub as if it were its own."""

    def __init__(self, hub: HubInterface, *, port: int = 0) -> None:
        """Bind a port for the control of `hub`."""
        super().__init__(self._answer, port=port)
        self._calls = _calls(hub)

    def _answer(self, request: Request, connection: Connection) -> bool:
        answer = self._call(request)
        return deliver(connection, request, answer, Delivery(), LogEntry({}))

    def _call(self, request: Request) -> Answer:
        call = self._calls.get(request.path.removeprefix(PREFIX))
        if call is None:
            return json_answer({"error": f"no such call: {request.path}"}, 404)
        try:
            return json_answer({"result": call(json.loads(request.body or b"{}"))})
        except (KeyError, TypeError, ValueError, OSError) as error:
            return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)


def _calls(hub: HubInterface) -> Mapping[str, Call]:
    return {
        "repos": lambda given: spec.add_repo_from_json(hub, given),
        "commits": lambda given: spec.commit_from_json(hub, given),
        "tags": lambda given: hub.tag(**given),
        "remove_repo": lambda given: hub.remove_repo(**given),
        "tokens": lambda given: hub.add_token(spec.token_from_json(given)),
        "revoke_token": lambda given: hub.revoke_token(given["value"]),
        "settings": lambda given: hub.configure(**given),
        "expire_signatures": lambda _: hub.expire_signatures(),
        "stop": lambda _: hub.stop(),
        "start": lambda _: hub.start(),
        "requests": lambda _: [record.as_json() for record in hub.requests],
        "forget_requests": lambda _: hub.forget_requests(),
        "accepted_connections": lambda _: hub.accepted_connections,
        "faults": lambda given: spec.add_rule_from_json(hub, given),
        "release": lambda given: hub.release_rule(given["number"]),
        "remove": lambda given: hub.remove_rule(given["number"]),
        "strikes": lambda given: hub.rule_strikes(given["number"]),
        "clear_faults": lambda _: hub.clear_faults(),
    }

"""A hub in a process of its own, used as if it were in this one.

For tests that kill the server under test, and for benchmarks, where hub and client must not
share an interpreter. The process ends when its standard input closes, and so with whoever
started it, however that one ends.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack
from urllib.parse import urlsplit

from tests.standins.hub import spec
from tests.standins.hub.access import Token
from tests.standins.hub.catalog import CommitOptions, RepoOptions
from tests.standins.hub.contents import Source
from tests.standins.hub.control import PREFIX
from tests.standins.hub.faults import Fault
from tests.standins.hub.interface import HubInterface
from tests.standins.hub.records import RequestRecord
from tests.standins.hub.repos import RepoType
from tests.standins.hub.rules import RuleOptions

ROOT = Path(__file__).resolve().parents[3]


class RemoteHub(HubInterface):
    """A client of a hub's control port; `with RemoteHub.launch() as hub:` starts one."""

    def __init__(
        self,
        endpoint: str,
        cdn_url: str,
        control_url: str,
        process: subprocess.Popen[str] | None = None,
    ) -> None:
        """Use the hub at these addresses; `process` is ended by `close`."""
        self._endpoint = endpoint
        self._cdn_url = cdn_url
        self._control = urlsplit(control_url)
        self._process = process

    @classmethod
    def launch(cls, *arguments: str) -> RemoteHub:
        """Start a hub process with the given command line and wait for its addresses."""
        command = [sys.executable, "-m", "tests.standins.hub", "--until-stdin-closes", *arguments]
        process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"the hub process ended with {process.wait()}")
        return cls(**json.loads(line), process=process)

    def __enter__(self) -> RemoteHub:
        """Use the running hub."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the process that `launch` started."""
        self.close()

    @property
    def pid(self) -> int | None:
        """The process that `launch` started."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        if self._process is None:
            return
        self._process.communicate(timeout=20)

    @property
    def endpoint(self) -> str:
        return self._endpoint

    @property
    def cdn_url(self) -> str:
        return self._cdn_url

    def add_repo(
        self, repo_id: str, files: Mapping[str, Source], **options: Unpack[RepoOptions]
    ) -> str:
        return str(self._call("repos", repo_id=repo_id, files=_sources(files), **options))

    def commit(
        self, repo_id: str, files: Mapping[str, Source | None], **options: Unpack[CommitOptions]
    ) -> str:
        return str(self._call("commits", repo_id=repo_id, files=_sources(files), **options))

    def tag(
        self, repo_id: str, tag: str, *, repo_type: RepoType = "model", revision: str = "main"
    ) -> None:
        self._call("tags", repo_id=repo_id, tag=tag, repo_type=repo_type, revision=revision)

    def remove_repo(self, repo_id: str, *, repo_type: RepoType = "model") -> None:
        self._call("remove_repo", repo_id=repo_id, repo_type=repo_type)

    def add_token(self, token: Token) -> None:
        self._call("tokens", **spec.token_to_json(token))

    def revoke_token(self, value: str) -> None:
        self._call("revoke_token", value=value)

    def configure(self, **changes: Any) -> None:
        self._call("settings", **changes)

    def expire_signatures(self) -> None:
        self._call("expire_signatures")

    def stop(self) -> None:
        self._call("stop")

    def start(self) -> None:
        self._call("start")

    @property
    def requests(self) -> tuple[RequestRecord, ...]:
        return tuple(RequestRecord(**record) for record in self._call("requests"))

    @property
    def accepted_connections(self) -> int:
        return int(self._call("accepted_connections"))

    def forget_requests(self) -> None:
        self._call("forget_requests")

    def add_rule(self, faults: tuple[Fault, ...], options: RuleOptions) -> int:
        given = {"faults": [fault.as_json() for fault in faults]}
        return int(self._call("faults", **given, options=spec.rule_to_json(options)))

    def release_rule(self, number: int) -> None:
        self._call("release", number=number)

    def remove_rule(self, number: int) -> None:
        self._call("remove", number=number)

    def rule_strikes(self, number: int) -> int:
        return int(self._call("strikes", number=number))

    def clear_faults(self) -> None:
        self._call("clear_faults")

    def _call(self, name: str, **given: Any) -> Any:
        connection = http.client.HTTPConnection(self._control.netloc, timeout=120)
        try:
            connection.request("POST", f"{PREFIX}{name}", json.dumps(given))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if "error" in answer:
            raise RuntimeError(f"the hub's control port: {answer['error']}")
        return answer["result"]


def _sources(files: Mapping[str, Source] | Mapping[str, Source | None]) -> dict[str, Any]:
    return {path: spec.source_to_json(source) for path, source in files.items()}

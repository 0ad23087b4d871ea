"""What a test may do with a hub, whether it runs in this process or in one of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Unpack

from tests.standins.hub.access import Token
from tests.standins.hub.catalog import CommitOptions, RepoOptions
from tests.standins.hub.contents import Source
from tests.standins.hub.faults import Fault
from tests.standins.hub.records import Port, RequestRecord
from tests.standins.hub.repos import RepoType
from tests.standins.hub.rules import RuleOptions
from tests.standins.waiting import wait_until


@dataclass(frozen=True, slots=True)
class HubSettings:
    """What holds for the whole server, changeable while it runs.

    `latency_seconds` passes before each answer, and twice before the first one of a
    connection, as a round trip does. `connection_bps` limits each answer's body, `server_bps`
    all of them together. Signed addresses live `signature_seconds`. With `resolve_cache`,
    small files answer with the relative redirect of the real hub.
    """

    latency_seconds: float = 0.0
    connection_bps: float | None = None
    server_bps: float | None = None
    signature_seconds: float = 3600.0
    tree_page_size: int = 1000
    resolve_cache: bool = False


class HubInterface(ABC):
    """Declares repositories, tokens and faults, and reads what was asked and sent."""

    @property
    @abstractmethod
    def endpoint(self) -> str:
        """The hub's address, for `HF_ENDPOINT`."""

    @property
    @abstractmethod
    def cdn_url(self) -> str:
        """The origin of the large files."""

    @abstractmethod
    def add_repo(
        self, repo_id: str, files: Mapping[str, Source], **options: Unpack[RepoOptions]
    ) -> str:
        """Declare a repository with one commit; returns the commit's id."""

    @abstractmethod
    def commit(
        self, repo_id: str, files: Mapping[str, Source | None], **options: Unpack[CommitOptions]
    ) -> str:
        """Put a commit on a branch, where None deletes a file; returns its id."""

    @abstractmethod
    def tag(
        self, repo_id: str, tag: str, *, repo_type: RepoType = "model", revision: str = "main"
    ) -> None:
        """Name a revision by a tag."""

    @abstractmethod
    def remove_repo(self, repo_id: str, *, repo_type: RepoType = "model") -> None:
        """Delete a repository."""

    @abstractmethod
    def add_token(self, token: Token) -> None:
        """Issue a token, or change what the one of this value may do."""

    @abstractmethod
    def revoke_token(self, value: str) -> None:
        """Make a token an unknown one."""

    @abstractmethod
    def configure(self, **changes: Any) -> None:
        """Change fields of `HubSettings`, in force from the next answer on."""

    @abstractmethod
    def expire_signatures(self) -> None:
        """Make every blob address handed out so far a stale one."""

    @abstractmethod
    def stop(self) -> None:
        """Be unreachable, all connections ended, until `start`."""

    @abstractmethod
    def start(self) -> None:
        """Accept connections on both ports, after `stop` on the same ones."""

    @abstractmethod
    def close(self) -> None:
        """Stop for good and delete what was generated."""

    @property
    @abstractmethod
    def requests(self) -> tuple[RequestRecord, ...]:
        """Every request so far, those still running included, oldest first."""

    @property
    @abstractmethod
    def accepted_connections(self) -> int:
        """How many connections both ports have accepted."""

    @abstractmethod
    def forget_requests(self) -> None:
        """Begin the log anew."""

    @abstractmethod
    def add_rule(self, faults: tuple[Fault, ...], options: RuleOptions) -> int:
        """Put faults in force; returns the number of their rule."""

    @abstractmethod
    def release_rule(self, number: int) -> None:
        """End the waits of a rule, those to come as well."""

    @abstractmethod
    def remove_rule(self, number: int) -> None:
        """Take a rule out of force and end its waits."""

    @abstractmethod
    def rule_strikes(self, number: int) -> int:
        """How many requests a rule in force has struck."""

    @abstractmethod
    def clear_faults(self) -> None:
        """Take every rule out of force and end its waits."""

    def inject(self, *faults: Fault, **options: Unpack[RuleOptions]) -> Injected:
        """Let `faults` strike the requests that `options` choose, together on each.

        Rules with a count play one after another in the order of these calls; rules without
        one always apply. See `RuleOptions`.
        """
        return Injected(self, self.add_rule(faults, options))

    def find(
        self,
        path: str | None = None,
        *,
        method: str | None = None,
        port: Port | None = None,
        status: int | None = None,
    ) -> list[RequestRecord]:
        """The requests for files, or with a leading slash addresses, of a pattern."""
        return [
            record
            for record in self.requests
            if _is_of(record, path)
            and method in (None, record.method)
            and port in (None, record.port)
            and status in (None, record.status)
        ]

    def bytes_sent(self, path: str | None = None, *, port: Port | None = None) -> int:
        """How many body bytes went out for a pattern, of all requests by default."""
        return sum(record.bytes_sent for record in self.find(path, port=port))

    def wait_for_bytes(
        self, count: int, path: str | None = None, *, timeout_seconds: float = 20.0
    ) -> None:
        """Wait until that many body bytes went out for a pattern."""
        self.wait_until(lambda: self.bytes_sent(path) >= count, timeout_seconds)

    def wait_for_requests(
        self,
        count: int,
        path: str | None = None,
        *,
        method: str | None = None,
        port: Port | None = None,
        timeout_seconds: float = 20.0,
    ) -> list[RequestRecord]:
        """Wait for the first `count` requests of a pattern; returns what is there then."""

        def arrived() -> bool:
            return len(self.find(path, method=method, port=port)) >= count

        self.wait_until(arrived, timeout_seconds)
        return self.find(path, method=method, port=port)

    def wait_until(self, condition: Callable[[], bool], timeout_seconds: float = 20.0) -> None:
        """Wait until `condition` holds.

        Raises:
            TimeoutError: it did not in time; the message lists the last requests.
        """
        wait_until(condition, timeout_seconds=timeout_seconds, last=lambda: self.requests)

    def environment(self, home: Path) -> dict[str, str]:
        """The variables that make the real client use this hub and a home of its own."""
        return {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        }


@dataclass(frozen=True, slots=True)
class Injected:
    """Faults in force: released, removed or counted by whoever put them there."""

    hub: HubInterface
    number: int

    def release(self) -> None:
        """End their waits, those to come as well."""
        self.hub.release_rule(self.number)

    def remove(self) -> None:
        """Take them out of force and end their waits."""
        self.hub.remove_rule(self.number)

    @property
    def strikes(self) -> int:
        """How many requests they have struck."""
        return self.hub.rule_strikes(self.number)


def _is_of(record: RequestRecord, path: str | None) -> bool:
    if path is None:
        return True
    subject = record.path if path.startswith("/") else record.file
    return subject is not None and fnmatchcase(subject, path)

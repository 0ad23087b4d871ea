"""Slows down guessing of passwords, the same for the sign-in form and the API.

Failures are counted by user and by network address; beyond a few free ones each further failure
doubles the wait, up to a limit. A wait ends by itself, and tries during a wait neither count nor
prolong it. Where a user has signed in before, the failures of strangers elsewhere do not matter:
that place has a counter of its own, so nobody can lock an administrator out from afar.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass

from yipyap_core.errors import Throttled
from yipyap_core.stores.failures import FailureCount, FailureStore

Clock = Callable[[], dt.datetime]

QUIET = dt.timedelta(hours=1)
"""A counter that has not moved for so long starts anew."""
REMEMBERED = dt.timedelta(days=30)
"""How long the store keeps where a user has signed in."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How many failures are free, and how the wait grows after them."""

    free: int
    first_seconds: float
    longest_seconds: float

    def wait_seconds(self, failures: int) -> float:
        """How long a subject with so many failures has to wait."""
        if failures < self.free:
            return 0.0
        doublings = min(failures - self.free, 30)
        return min(self.longest_seconds, self.first_seconds * 2.0**doublings)


USER_POLICY = Policy(free=5, first_seconds=10.0, longest_seconds=300.0)
ADDRESS_POLICY = Policy(free=20, first_seconds=10.0, longest_seconds=900.0)


class SignInThrottle:
    """Decides whether a sign-in may be tried now, from the counters in the store."""

    def __init__(self, store: FailureStore, *, clock: Clock) -> None:
        """Count in `store`; `clock` gives aware moments."""
        self._store = store
        self._clock = clock

    def check(self, username: str, address: str) -> None:
        """Raise `Throttled` while the user or the address has to wait."""
        counts = self._store.get(_user(username), _known(username, address), _address(address))
        known = counts.get(_known(username, address))
        relevant = [known] if known else list(counts.values())
        now = self._clock()
        waits = [
            (count.blocked_until - now).total_seconds() for count in relevant if count.blocked_until
        ]
        if (wait := max(waits, default=0.0)) > 0:
            raise Throttled(
                "Too many failed attempts to sign in; wait a little.", retry_after_seconds=wait
            )

    def failed(self, username: str, address: str) -> None:
        """Count one wrong guess."""
        self._store.forget(before=self._clock() - REMEMBERED)
        known = _known(username, address)
        self._bump(known if self._store.get(known) else _user(username), USER_POLICY)
        self._bump(_address(address), ADDRESS_POLICY)

    def succeeded(self, username: str, address: str) -> None:
        """Forgive the user's failures and remember this place."""
        place = FailureCount(_known(username, address), 0, self._clock())
        self._store.change(place.subject, lambda _before: place)
        self._store.clear(_user(username))

    def forgive(self, username: str) -> None:
        """Forget the user's failures, after an administrator has set a new password."""
        self._store.clear(_user(username))

    def _bump(self, subject: str, policy: Policy) -> None:
        now = self._clock()

        def following(before: FailureCount | None) -> FailureCount:
            recent = before is not None and now - before.last_failure < QUIET
            failures = 1 + (before.failures if before and recent else 0)
            wait = policy.wait_seconds(failures)
            return FailureCount(
                subject, failures, now, now + dt.timedelta(seconds=wait) if wait else None
            )

        self._store.change(subject, following)


def _user(username: str) -> str:
    return f"user:{username}"


def _known(username: str, address: str) -> str:
    return f"known:{username}@{_network(address)}"


def _address(address: str) -> str:
    return f"address:{_network(address)}"


def _network(address: str) -> str:
    """The address as one household has it: an IPv6 network of 64 bits, an IPv4 address."""
    try:
        parsed = ipaddress.ip_address(address.split("%")[0])
    except ValueError:
        return "unknown"
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)

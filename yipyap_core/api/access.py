"""Who may call what: an administrator, everywhere but where `EXCEPTIONS` says otherwise.

The guard stands before the endpoint: nothing of a request's body is read before its sender is
known. Users and roles are looked up in the store at each request.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Annotated

from fastapi import Depends
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.routing import BaseRoute, Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from yipyap_core.domain.users import Principal, Role
from yipyap_core.errors import Forbidden, Unauthenticated, Unavailable
from yipyap_core.services import container
from yipyap_core.services.container import Services


class Access(Enum):
    """What an endpoint asks of its caller."""

    PUBLIC = auto()
    SIGNED_IN = auto()
    MAY_RUN = auto()
    """Administrators, and users once the settings open inference to them."""
    ADMINISTRATOR = auto()


EXCEPTIONS: Mapping[tuple[str, str], Access] = {
    ("GET", "/health"): Access.PUBLIC,
    ("POST", "/token"): Access.PUBLIC,
    ("POST", "/setup"): Access.PUBLIC,
    ("GET", "/me"): Access.SIGNED_IN,
    ("GET", "/tokens"): Access.SIGNED_IN,
    ("POST", "/tokens"): Access.SIGNED_IN,
    ("DELETE", "/tokens/{token_id}"): Access.SIGNED_IN,
    ("POST", "/caption/{generator}"): Access.MAY_RUN,
    ("POST", "/detect/{detector}"): Access.MAY_RUN,
}
"""Method and path of every endpoint that does not need an administrator."""

READING = frozenset({"GET", "HEAD"})
"""Methods for which the dashboard's cookie counts: no other site can make it change anything."""


@dataclass(frozen=True, slots=True)
class _Credential:
    """What a request brought to show who sent it."""

    text: str
    is_cookie: bool


class Guard:
    """Lets a request through to an endpoint, with its principal, or refuses it."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Stand before `app`."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find out who calls; raises `Unauthenticated` or `Forbidden`."""
        if self._access is not Access.PUBLIC:
            services = services_now()
            principal = await _resolved(services, Request(scope))
            _check(principal, self._access, services)
            scope["state"] = {
                **scope.get("state", {}),
                "principal": principal,
                "access": self._access,
            }
        await self._app(scope, receive, send)


def guarded(routes: Iterable[BaseRoute]) -> list[BaseRoute]:
    """Copies of `routes` with a guard before each."""
    return [_guarded(route) for route in routes]


def access_of(route: APIRoute) -> Access:
    """What a route asks of its caller; the strictest that one of its methods asks."""
    methods = route.methods or ()
    found = (EXCEPTIONS.get((method, route.path), Access.ADMINISTRATOR) for method in methods)
    return max(found, key=lambda access: access.value)


def caller(request: Request) -> Principal:
    """The principal that the guard has found."""
    principal: Principal = request.scope["state"]["principal"]
    return principal


def still_may(request: Request) -> bool:
    """Ask the guard again, for answers that go on for long."""
    services = services_now()
    try:
        principal = _principal(services, _credential(services, request))
        _check(principal, request.scope["state"]["access"], services)
    except (Unauthenticated, Forbidden):
        return False
    return True


async def _caller(request: Request) -> Principal:
    return caller(request)


def services_now() -> Services:
    """The services of this process; raises `Unavailable` before they are up."""
    try:
        return container.current()
    except RuntimeError as error:
        raise Unavailable("The server is starting.") from error


async def _current() -> Services:
    return services_now()


Caller = Annotated[Principal, Depends(_caller)]
"""Who calls, as an argument of an endpoint."""

Current = Annotated[Services, Depends(_current)]
"""The services of this process, as an argument of an endpoint."""


def _guarded(route: BaseRoute) -> BaseRoute:
    if not isinstance(route, APIRoute | Mount):
        raise TypeError(f"{route!r} is no endpoint that a guard can stand before.")
    access = access_of(route) if isinstance(route, APIRoute) else Access.ADMINISTRATOR
    twin = copy.copy(route)
    twin.app = Guard(route.app, access)
    return twin


async def _resolved(services: Services, request: Request) -> Principal:
    """Ask the store; in a thread, unless it is known to answer faster than a thread would start."""
    credential = _credential(services, request)
    if services.accounts.resolves_at_once(credential.text):
        return _principal(services, credential)
    return await run_in_threadpool(_principal, services, credential)


def _credential(services: Services, request: Request) -> _Credential:
    """What the request brings, unread; an explicit header counts before the cookie."""
    header = request.headers.get("authorization")
    if header is not None:
        scheme, _, token = header.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Unauthenticated("The header Authorization has to be `Bearer` and a token.")
        return _Credential(token.strip(), is_cookie=False)
    cookie = request.cookies.get(services.accounts.cookie_name)
    if cookie is None:
        raise Unauthenticated("No credential came with the request.")
    if request.method not in READING:
        raise Unauthenticated("The dashboard's cookie counts for reading only.")
    return _Credential(cookie, is_cookie=True)


def _principal(services: Services, credential: _Credential) -> Principal:
    if credential.is_cookie:
        return services.accounts.principal_of_cookie(credential.text)
    return services.accounts.principal_of_bearer(credential.text)


def _check(principal: Principal, access: Access, services: Services) -> None:
    if access is Access.ADMINISTRATOR:
        principal.require_admin()
    elif access is Access.MAY_RUN and not principal.is_admin:
        if not services.settings.users_may_run:
            raise Forbidden(
                "Only administrators may run models here.",
                hint="An administrator can open this with YIPYAP_USERS_MAY_RUN.",
            )
        if principal.role is not Role.USER:
            raise Forbidden("Guests may not run models.")

"""The whole API over real services in a temporary folder, with cheap hashes and a clock."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.accounts import ROUNDS, Clock, People
from yipyap_core.api.app import build_api
from yipyap_core.bootstrap import Application, build
from yipyap_core.domain.users import Role
from yipyap_core.services import container
from yipyap_core.services.accounts.service import open_accounts
from yipyap_core.services.container import Services
from yipyap_core.settings import Settings


@dataclass(frozen=True)
class World:
    """A server without a socket; no background work runs in it."""

    application: Application
    services: Services
    people: People
    api: FastAPI

    def client(self, credential: str | None = None, *, address: str = "127.0.0.1") -> TestClient:
        """A program that calls the API, with a bearer token or without."""
        headers = {"Authorization": f"Bearer {credential}"} if credential else {}
        return TestClient(
            self.api, raise_server_exceptions=False, headers=headers, client=(address, 50000)
        )

    def with_cookie(self, cookie: str) -> TestClient:
        """A browser that is signed in to the dashboard."""
        return TestClient(
            self.api,
            raise_server_exceptions=False,
            cookies={self.services.accounts.cookie_name: cookie},
        )


@contextmanager
def open_world(*packages: str) -> Iterator[World]:
    """Build everything as the server does, from the environment; close it afterwards."""
    application = build(Settings())
    clock, settings = Clock(), application.services.settings
    accounts = open_accounts(settings, application.engine, clock=clock, rounds=ROUNDS)
    services = dataclasses.replace(application.services, accounts=accounts)
    container.install(services)
    people = People(accounts, clock, settings, application.engine)
    try:
        yield World(application, services, people, build_api(*packages))
    finally:
        container.uninstall()
        application.engine.dispose()


def populate(world: World) -> None:
    """Add an administrator, a user and a guest."""
    world.people.add("ada", Role.ADMIN)
    world.people.add("eve", Role.USER)
    world.people.add("gus", Role.GUEST)

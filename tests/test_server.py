"""What the server says at its first start, and whom it makes from the environment."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from yipyap_core.clients.cache_faults import CacheNotWritable
from yipyap_core.server import PRESSURE_SECONDS, UPKEEP_SECONDS, keep_house, welcome
from yipyap_core.services.accounts.service import AccountsService, open_accounts
from yipyap_core.services.cache.upkeep import CacheUpkeep
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

BASE = "http://127.0.0.1:8501"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "state")


@pytest.fixture
def accounts(settings: Settings) -> Iterator[AccountsService]:
    settings.state_dir.mkdir()
    engine = open_engine(settings.store_url)
    migrate(engine)
    yield open_accounts(settings, engine, rounds=4)
    engine.dispose()


def with_administrator(settings: Settings, password: str) -> Settings:
    changes = {"admin_username": "olga", "admin_password": SecretStr(password)}
    return settings.model_copy(update=changes)


def test_the_link_makes_one_administrator_and_dies(
    settings: Settings, accounts: AccountsService
) -> None:
    said = welcome(settings, accounts, BASE)
    code = said.split("?setup=")[1]
    assert accounts.setup_is_open(code)
    accounts.set_up(code, "olga", "Olga", "correct horse battery")
    assert not accounts.setup_is_open(code)
    assert "setup" not in welcome(settings, accounts, BASE)


def test_the_environment_makes_the_administrator(
    settings: Settings, accounts: AccountsService
) -> None:
    said = welcome(with_administrator(settings, "correct horse battery"), accounts, BASE)
    assert said.endswith(BASE)
    assert accounts.authenticate("olga", "correct horse battery", "127.0.0.1").username == "olga"


def test_a_weak_password_is_named_and_the_link_stays(
    settings: Settings, accounts: AccountsService
) -> None:
    said = welcome(with_administrator(settings, "password"), accounts, BASE)
    assert "YIPYAP_ADMIN_PASSWORD made no administrator" in said
    assert "?setup=" in said
    assert not accounts.has_users()


class House:
    """Counts what is done for the trash, and says when it is enough; a look may fail."""

    def __init__(self, looks: int) -> None:
        self.done: list[str] = []
        self.left = looks

    def run(self) -> int:
        self.done.append("run")
        raise CacheNotWritable("the folder is closed")

    def make_room(self) -> int:
        self.done.append("look")
        return 0

    def wait(self, timeout: float) -> bool:
        assert timeout == PRESSURE_SECONDS
        self.left -= 1
        return self.left == 0


def test_the_volume_is_looked_at_between_two_rounds_of_the_trash() -> None:
    looks = int(UPKEEP_SECONDS / PRESSURE_SECONDS)
    house = House(looks + 1)

    keep_house(cast(threading.Event, house), cast(CacheUpkeep, house))

    assert house.done == ["run", *["look"] * (looks - 1), "run"]

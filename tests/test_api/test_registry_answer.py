"""Where the registry is looked up: at once for one who asks, in a shared thread for many."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field
from typing import Any

import pytest

from yipyap_core.api.registry_answer import Answer, RegistryAnswer


@dataclass
class Registry:
    """An empty registry; knows which threads asked for its generation."""

    answers_at_once: bool = True
    moved: int = 0
    asked_by: list[str] = field(default_factory=list)

    @property
    def generation(self) -> int:
        self.asked_by.append(threading.current_thread().name)
        return self.moved

    def models(self) -> tuple[()]:
        return ()


@dataclass
class Downloads:
    look_is_due: bool = False
    generation: int = 0

    def statuses(self) -> dict[str, Any]:
        return {}


@dataclass
class Services:
    registry: Registry = field(default_factory=Registry)
    downloads: Downloads = field(default_factory=Downloads)


def ask(answers: RegistryAnswer, services: Any, together: int = 1) -> tuple[list[str], Answer]:
    """The threads that looked while so many asked at once, and the last one's answer."""
    services.registry.asked_by.clear()

    async def all_of_them() -> list[Answer]:
        return await asyncio.gather(*(answers.get(services) for _ in range(together)))

    found = asyncio.run(all_of_them())
    return services.registry.asked_by, found[-1]


@pytest.fixture
def here() -> str:
    return threading.current_thread().name


def test_one_who_asks_again_needs_no_thread(here: str) -> None:
    answers, services = RegistryAnswer(), Services()
    _, first = ask(answers, services)
    looked, again = ask(answers, services)
    assert looked == [here]
    assert again is first


def test_a_change_is_seen_at_once_and_made_in_a_thread(here: str) -> None:
    answers, services = RegistryAnswer(), Services()
    _, before = ask(answers, services)
    services.registry.moved += 1
    looked, after = ask(answers, services)
    assert (looked[0] == here, looked[-1] == here) == (True, False)
    assert after is not before


def test_many_who_ask_at_once_share_a_thread(here: str) -> None:
    answers, services = RegistryAnswer(), Services()
    ask(answers, services)
    looked, _ = ask(answers, services, together=8)
    assert here not in looked
    assert len(looked) < 8


@pytest.mark.parametrize(
    "services", [Services(Registry(False)), Services(downloads=Downloads(True))]
)
def test_what_takes_a_while_never_holds_the_event_loop_up(services: Services, here: str) -> None:
    answers = RegistryAnswer()
    for _ in range(2):
        looked, _ = ask(answers, services)
        assert here not in looked

"""Amounts of memory in settings: shares and sizes, and errors that say how to write them."""

from __future__ import annotations

import pytest

from yipyap_core.domain.allowances import Allowance, CardAllowances
from yipyap_core.errors import InvalidSettings
from yipyap_core.services.engines.building import budget_of, options_of
from yipyap_core.settings import Settings, read_settings


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("75%", 75),
        ("100 %", 100),
        ("12.5%", 12),
        ("0", 0),
        ("40", 40),
        ("1GB", 100),
        ("1 kib", 100),
    ],
)
def test_amounts_are_never_more_than_there_is(text: str, size_bytes: int) -> None:
    assert Allowance.parse(text).of(100) == size_bytes


def test_units_are_decimal_or_binary_as_written() -> None:
    assert Allowance.parse("24GB").size_bytes == 24_000_000_000
    assert Allowance.parse("1.5 GiB").size_bytes == 3 << 29


@pytest.mark.parametrize("text", ["", "much", "-1", "101%", "5 apples", "1e9", "75%%", "1=2"])
def test_what_is_no_amount_says_how_to_write_one(text: str) -> None:
    with pytest.raises(ValueError, match=r"Write a share such as 75%"):
        Allowance.parse(text)


@pytest.mark.parametrize("text", ["50%, 60%", "=5GB", "1=5GB, 1=6GB", "1=2=3", ","])
def test_what_names_no_card_says_how_to(text: str) -> None:
    with pytest.raises(ValueError, match="Write"):
        CardAllowances.parse(text)


def test_the_settings_reach_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "RAM_BUDGET": "10GB",
        "GPU_BUDGET": "50%, GPU-x=1GB",
        "IDLE_MINUTES": "0",
        "QUEUE_LIMIT": "3",
        "TIMEOUT_SECONDS": "7.5",
        "LOAD_TIMEOUT_SECONDS": "60",
    }.items():
        monkeypatch.setenv(f"YIPYAP_ENGINE_{name}", value)
    settings = read_settings()
    budget, options = budget_of(settings), options_of(settings)
    assert budget.ram.of(1 << 40) == 10_000_000_000
    assert budget.cards.of_card(0, "GPU-x").of(1 << 40) == 1_000_000_000
    assert budget.cards.of_card(1, "GPU-y").of(100) == 50
    assert options.idle_seconds is None
    assert (options.queue_limit, options.request_timeout_seconds) == (3, 7.5)
    assert options.load_timeout_seconds == 60


def test_the_defaults_leave_room_for_others() -> None:
    settings = Settings()
    assert settings.engine_ram_budget.of(100) == 75
    assert settings.engine_gpu_budget.of_card(0, "").of(100) == 90
    assert options_of(settings).idle_seconds == 1800


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("YIPYAP_ENGINE_RAM_BUDGET", "most", "'most' is no amount of memory. Write a share"),
        ("YIPYAP_ENGINE_GPU_BUDGET", "1=", "is no amount of memory"),
        ("YIPYAP_ENGINE_IDLE_MINUTES", "-1", "greater than or equal to 0"),
        ("YIPYAP_ENGINE_QUEUE_LIMIT", "0", "greater than or equal to 1"),
        ("YIPYAP_ENGINE_TIMEOUT_SECONDS", "soon", "valid number"),
        ("YIPYAP_ENGINE_CANARY", "maybe", "valid boolean"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_may_be(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InvalidSettings) as caught:
        read_settings()
    assert caught.value.message.startswith(f"{name}: ")
    assert said in caught.value.message

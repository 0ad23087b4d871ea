"""Guessing gets slow, waiting ends by itself, and nobody is locked out from afar."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import bcrypt
import pytest

from tests.accounts import PASSWORD, ROUNDS, People, open_people
from yipyap_core.domain.users import SYSTEM, Role
from yipyap_core.errors import Throttled, Unauthenticated
from yipyap_core.services.accounts import passwords
from yipyap_core.services.accounts.passwords import PasswordHasher
from yipyap_core.services.accounts.throttle import ADDRESS_POLICY, USER_POLICY

OFFICE, ELSEWHERE = "192.0.2.1", "198.51.100.7"


@pytest.fixture
def people(tmp_path: Path) -> People:
    people = open_people(tmp_path / "state")
    people.add("ada", Role.ADMIN)
    return people


def guess(people: People, username: str = "ada", address: str = ELSEWHERE) -> None:
    with pytest.raises(Unauthenticated):
        people.accounts.authenticate(username, "a wrong password", address)


def wait_of(people: People, username: str = "ada", address: str = ELSEWHERE) -> float:
    with pytest.raises(Throttled) as caught:
        people.accounts.authenticate(username, PASSWORD, address)
    return caught.value.retry_after_seconds


def test_a_few_mistakes_are_free(people: People) -> None:
    for _ in range(USER_POLICY.free - 1):
        guess(people)
    assert people.accounts.authenticate("ada", PASSWORD, ELSEWHERE)


def test_further_failures_double_the_wait_up_to_a_limit(people: People) -> None:
    for _ in range(USER_POLICY.free - 1):
        guess(people)
    waits = []
    for _ in range(8):
        guess(people)
        waits.append(wait_of(people))
        people.clock.advance(seconds=waits[-1])
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]
    assert people.accounts.authenticate("ada", PASSWORD, ELSEWHERE)


def test_tries_during_a_wait_do_not_prolong_it(people: People) -> None:
    for _ in range(USER_POLICY.free):
        guess(people)
    assert wait_of(people) == 10
    people.clock.advance(seconds=9)
    for _ in range(50):
        assert wait_of(people) == 1
    people.clock.advance(seconds=1)
    assert people.accounts.authenticate("ada", PASSWORD, ELSEWHERE)


def test_failures_are_forgotten_after_a_quiet_hour(people: People) -> None:
    for _ in range(USER_POLICY.free - 1):
        guess(people)
    people.clock.advance(hours=1)
    guess(people)
    assert people.accounts.authenticate("ada", PASSWORD, ELSEWHERE)


def test_success_forgives_the_user(people: People) -> None:
    for _ in range(3):
        for _ in range(USER_POLICY.free - 1):
            guess(people)
        assert people.accounts.authenticate("ada", PASSWORD, ELSEWHERE)


def test_one_address_cannot_try_many_names(people: People) -> None:
    for number in range(ADDRESS_POLICY.free):
        guess(people, f"user{number}")
    assert wait_of(people, "somebody-else") == 10
    assert wait_of(people) == 10
    assert people.accounts.authenticate("ada", PASSWORD, OFFICE)


def test_signing_in_does_not_forgive_the_address(people: People) -> None:
    people.add("eve")
    for number in range(ADDRESS_POLICY.free - 1):
        guess(people, f"user{number}")
    assert people.accounts.authenticate("eve", PASSWORD, ELSEWHERE)
    guess(people, "one-more")
    assert wait_of(people, "another") == 10


def test_strangers_cannot_lock_out_an_administrator_who_has_signed_in_here(people: People) -> None:
    people.accounts.authenticate("ada", PASSWORD, OFFICE)
    for _ in range(30):  # from many places, for a long time
        for number in range(USER_POLICY.free):
            with pytest.raises((Unauthenticated, Throttled)):
                people.accounts.authenticate("ada", "a wrong password", f"203.0.113.{number}")
        assert people.accounts.authenticate("ada", PASSWORD, OFFICE)
        people.clock.advance(seconds=30)


def test_a_known_place_has_its_own_limit(people: People) -> None:
    people.accounts.authenticate("ada", PASSWORD, OFFICE)
    for _ in range(USER_POLICY.free):
        guess(people, address=OFFICE)
    assert wait_of(people, address=OFFICE) == 10


def test_every_wait_ends(people: People) -> None:
    for _ in range(40):
        with pytest.raises((Unauthenticated, Throttled)):
            people.accounts.authenticate("ada", "a wrong password", ELSEWHERE)
        people.clock.advance(seconds=ADDRESS_POLICY.longest_seconds)
    assert people.accounts.authenticate("ada", PASSWORD, ELSEWHERE)


def test_a_new_password_forgives_the_user(people: People) -> None:
    for _ in range(USER_POLICY.free):
        guess(people)
    people.accounts.update_user(SYSTEM, "ada", password="another horse battery")
    assert people.accounts.authenticate("ada", "another horse battery", OFFICE)


def test_other_processes_count_with_us(people: People, tmp_path: Path) -> None:
    other = open_people(tmp_path / "state")
    for number in range(USER_POLICY.free):
        guess(people if number % 2 else other)
    assert 0 < wait_of(other) <= 11


@pytest.mark.parametrize("name", ["nobody", "?", "x y", "a" * 300])
def test_names_that_do_not_exist_are_throttled_alike(people: People, name: str) -> None:
    for _ in range(USER_POLICY.free):
        guess(people, name)
    assert wait_of(people, name) == 10


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.9", "192.0.2.9", True),
        ("192.0.2.9", "192.0.2.10", False),
        ("", "garbage", True),
        ("fe80::1%eth0", "fe80::2", True),
    ],
)
def test_an_address_is_what_one_household_has(
    people: People, one: str, other: str, same: bool
) -> None:
    for number in range(ADDRESS_POLICY.free):
        guess(people, f"user{number}", one)
    if same:
        assert wait_of(people, "ada", other) == 10
    else:
        assert people.accounts.authenticate("ada", PASSWORD, other)


def test_a_burst_cannot_slip_through_before_it_is_counted(people: People) -> None:
    outcomes: list[str] = []

    def attack() -> None:
        try:
            people.accounts.authenticate("ada", "a wrong password", ELSEWHERE)
        except (Unauthenticated, Throttled) as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=attack) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 20
    assert outcomes.count("wrong_credentials") <= USER_POLICY.free + passwords.MAX_RUNNING - 1


def test_only_so_many_may_wait_for_a_comparison() -> None:
    hasher = PasswordHasher(rounds=ROUNDS)
    too_many, refusals = 5, threading.Semaphore(0)

    def wait() -> None:
        try:
            with hasher.slot():
                pass
        except Throttled:
            refusals.release()

    threads = [threading.Thread(target=wait) for _ in range(passwords.MAX_WAITING + too_many)]
    with contextlib.ExitStack() as places:
        for _ in range(passwords.MAX_RUNNING):
            places.enter_context(hasher.slot())
        for thread in threads:
            thread.start()
        assert all(refusals.acquire(timeout=30) for _ in range(too_many))
    for thread in threads:
        thread.join()
    assert not refusals.acquire(blocking=False)


def test_strangers_cost_as_much_as_members(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the comparisons and look at their cost factor instead of measuring time."""
    compared: list[bytes] = []
    real = bcrypt.checkpw

    def counting(password: bytes, hashed: bytes) -> bool:
        compared.append(hashed[:7])
        return real(password, hashed)

    monkeypatch.setattr(bcrypt, "checkpw", counting)  # the only seam to the hash
    for name, password in (
        ("ada", "wrong"),
        ("nobody", "wrong"),
        ("x y", "wrong"),
        ("ada", "x" * 99),
    ):
        with pytest.raises(Unauthenticated):
            people.accounts.authenticate(name, password, ELSEWHERE)
    assert compared == [f"$2b${ROUNDS:02d}$".encode()] * 4

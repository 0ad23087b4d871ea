"""Which passwords are refused, and that each refusal says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts import PASSWORD, ROUNDS
from yipyap_core.errors import WeakPassword
from yipyap_core.services.passwords import (
    MAX_BYTES,
    MIN_CHARACTERS,
    PasswordHasher,
    check_strength,
    weakness,
)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("", "at least 10"),
        ("short", "at least 10"),
        ("x" * 9, "at least 10"),
        ("correct horse " * 6, "at most 72 bytes"),
        ("ünïcödé" * 7, "at most 72 bytes"),
        ("correct\0horse battery", "control characters"),
        ("correct horse \ud800 battery", "control characters"),
        ("margaret-2024", "username"),
        ("aaaaaaaaaaaa", "same few"),
        ("abababababab", "same few"),
        ("1234567890", "sequence"),
        ("9876543210", "sequence"),
        ("qwertyuiop", "sequence"),
        ("poiuytrewq", "sequence"),
        ("1q2w3e4r5t6z", "sequence"),
        ("abcdefghijkl", "sequence"),
        ("xy4z7xy4z7", "sequence"),
        ("password123", "common word"),
        ("Password2024!", "common word"),
        ("P@ssw0rd!!", "common word"),
        ("adminadmin1", "common word"),
        ("letmein2026", "common word"),
        ("yipyap-yipyap", "common word|sequence"),
    ],
)
def test_weak_passwords_are_refused_with_the_reason(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword, match=reason) as caught:
        check_strength(password, username="margaret")
    assert set(caught.value.fields) == {"password"}
    assert password == "" or password not in caught.value.message


@pytest.mark.parametrize(
    "password",
    [
        PASSWORD,
        "kT9#vQ2!mZ",
        "drei blaue Äpfel",
        "Secretary-Bird Parade",
        "ünïcödé-Wörter",
        "a-quiet-margaret-among-many-other-words",
        "Zq8-fjord-www",
    ],
)
def test_good_passwords_are_accepted(password: str) -> None:
    assert weakness(password, username="margaret") is None


@given(st.text(max_size=90), st.text(max_size=10))
def test_whatever_is_accepted_fits_bcrypt_and_matches_itself(password: str, username: str) -> None:
    if weakness(password, username=username) is not None:
        return
    assert len(password) >= MIN_CHARACTERS
    assert len(password.encode()) <= MAX_BYTES
    hasher = PasswordHasher(rounds=ROUNDS)
    hashed = hasher.hash(password)
    assert hasher.matches(password, hashed)
    assert not hasher.matches(password + "x", hashed)


@given(st.text(max_size=90))
def test_nobody_has_a_password(password: str) -> None:
    hasher = PasswordHasher(rounds=ROUNDS)
    assert not hasher.matches(password, None)
    assert not hasher.matches(password, "no hash at all")

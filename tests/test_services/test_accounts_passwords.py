"""Which passwords are refused, and that each refusal says why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.accounts import PASSWORD, ROUNDS
from yipyap_core.errors import WeakPassword
from yipyap_core.services.accounts.passwords import (
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
        ("xy4z7xy4z7", "one short piece again"),
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
    ("password", "hint"),
    [
        ("short", "A few words in a row"),
        ("correct\0horse battery", "instead of pasting"),
        ("correct\u00a0horse\u00a0battery", "instead of pasting"),
        ("x" * 4 + "correct horse " * 6, "Leave out a word"),
        ("margaret-2024", "20 letters and digits"),
        ("aaaaaaaaaaaa", "5 different ones"),
        ("1234567890", "do not belong together"),
        ("Password2024!", "nobody would expect"),
    ],
)
def test_each_refusal_says_what_would_repair_it(password: str, hint: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        check_strength(password, username="margaret")
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("refused", "repaired"),
    [
        ("short", "short words in a row"),
        ("correct horse " * 6, "correct horse " * 5),
        ("margaret-2024", "margaret-among-many-others-2024"),
        ("abababababab", "abababababcde"),
        ("Password2024!", "Password2024 of a quiet fjord"),
    ],
)
def test_what_the_hint_says_is_enough(refused: str, repaired: str) -> None:
    assert weakness(refused, username="margaret") is not None
    assert weakness(repaired, username="margaret") is None


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

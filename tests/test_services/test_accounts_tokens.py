"""Personal tokens: shown once, for a role not above one's own, with an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.accounts import People, open_people
from yipyap_core.domain.users import SYSTEM, Principal, Role
from yipyap_core.errors import Conflict, Invalid, Unauthenticated, UnknownToken
from yipyap_core.services.accounts.tokens import MAX_PER_USER

ADA = Principal("ada", "Ada", Role.ADMIN)
EVE = Principal("eve", "Eve", Role.USER)


@pytest.fixture
def people(tmp_path: Path) -> People:
    people = open_people(tmp_path / "state")
    people.add("ada", Role.ADMIN)
    people.add("eve", Role.USER)
    return people


def test_a_token_acts_for_its_user(people: People) -> None:
    made = people.accounts.create_token(ADA, " nightly job ")
    assert made.secret.startswith("yip_")
    assert people.accounts.principal_of_bearer(made.secret) == ADA
    assert [one.name for one in people.accounts.tokens(ADA)] == ["nightly job"]
    assert people.accounts.tokens(EVE) == ()


def test_a_token_may_do_less_than_its_user_never_more(people: People) -> None:
    small = people.accounts.create_token(ADA, "reads", role=Role.GUEST)
    assert people.accounts.principal_of_bearer(small.secret).role is Role.GUEST
    with pytest.raises(Invalid) as caught:
        people.accounts.create_token(EVE, "grows", role=Role.ADMIN)
    assert set(caught.value.fields) == {"role"}


def test_a_demoted_user_has_demoted_tokens(people: People) -> None:
    people.add("bob", Role.ADMIN)
    secret = people.accounts.create_token(ADA, "was mighty").secret
    people.accounts.update_user(SYSTEM, "ada", role=Role.GUEST)
    assert people.accounts.principal_of_bearer(secret).role is Role.GUEST
    people.accounts.update_user(SYSTEM, "ada", disabled=True)
    with pytest.raises(Unauthenticated):
        people.accounts.principal_of_bearer(secret)


def test_a_token_ends(people: People) -> None:
    secret = people.accounts.create_token(EVE, "short", expires_in_days=1).secret
    people.clock.advance(hours=23)
    assert people.accounts.principal_of_bearer(secret)
    people.clock.advance(hours=1)
    with pytest.raises(Unauthenticated, match="expired"):
        people.accounts.principal_of_bearer(secret)


def test_a_revoked_token_is_gone_and_only_its_owner_revokes_it(people: People) -> None:
    made = people.accounts.create_token(EVE, "x")
    with pytest.raises(UnknownToken):
        people.accounts.revoke_token(ADA, made.token.id)
    people.accounts.revoke_token(EVE, made.token.id)
    with pytest.raises(Unauthenticated, match="revoked"):
        people.accounts.principal_of_bearer(made.secret)


def test_use_is_remembered_at_most_once_a_minute(people: People) -> None:
    secret = people.accounts.create_token(EVE, "x").secret
    first = people.clock()
    for _ in range(3):
        people.accounts.principal_of_bearer(secret)
        people.clock.advance(seconds=29)
    assert people.accounts.tokens(EVE)[0].last_used_at == first
    people.accounts.principal_of_bearer(secret)
    assert people.accounts.tokens(EVE)[0].last_used_at == people.clock()


@pytest.mark.parametrize(
    ("name", "days", "field"),
    [
        ("", 1, "name"),
        (" ", 1, "name"),
        ("a\nb", 1, "name"),
        ("x" * 129, 1, "name"),
        ("x", 0, "expires_in_days"),
        ("x", 367, "expires_in_days"),
        ("x", -1, "expires_in_days"),
    ],
)
def test_what_cannot_be_is_refused_by_field(
    people: People, name: str, days: int, field: str
) -> None:
    with pytest.raises(Invalid) as caught:
        people.accounts.create_token(EVE, name, expires_in_days=days)
    assert set(caught.value.fields) == {field}


def test_there_is_an_end_to_the_number_of_tokens(people: People) -> None:
    for number in range(MAX_PER_USER):
        people.accounts.create_token(EVE, f"token {number}")
    with pytest.raises(Conflict):
        people.accounts.create_token(EVE, "one more")

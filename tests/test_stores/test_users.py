"""Accounts, tokens and counters keep their rules, also against each other's haste."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from yipyap_core.domain.api_tokens import ApiToken
from yipyap_core.domain.users import Role, User
from yipyap_core.errors import LastAdministrator, SetupClosed, UnknownUser, UserExists
from yipyap_core.stores.api_tokens import ApiTokenStore
from yipyap_core.stores.engine import open_engine
from yipyap_core.stores.failures import FailureCount, FailureStore
from yipyap_core.stores.schema import users
from yipyap_core.stores.users import UserChange, UserStore

NOW = dt.datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(seconds=1)


def user(username: str, role: Role = Role.ADMIN, *, disabled: bool = False) -> User:
    return User(username, username.title(), role, disabled, NOW, None, NOW)


@pytest.fixture
def store(engine: sa.Engine) -> UserStore:
    return UserStore(engine)


def test_what_was_added_is_found_unchanged(store: UserStore) -> None:
    store.add(user("ada"), "hash")
    assert store.get("ada") == user("ada")
    assert store.password_hash("ada") == "hash"
    assert store.list() == (user("ada"),)
    assert store.get("eve") is None
    assert store.password_hash("eve") is None


def test_a_name_is_taken_once(store: UserStore) -> None:
    store.add(user("ada"), "hash")
    with pytest.raises(UserExists):
        store.add(user("ada", Role.USER), "other")
    assert store.password_hash("ada") == "hash"


def test_the_first_account_is_made_once(store: UserStore) -> None:
    assert store.is_empty()
    store.add_first(user("ada"), "hash")
    assert not store.is_empty()
    with pytest.raises(SetupClosed):
        store.add_first(user("bob"), "hash")


@pytest.mark.parametrize(
    "change",
    [UserChange(role=Role.USER), UserChange(role=Role.GUEST), UserChange(disabled=True)],
)
def test_the_last_active_administrator_stays(store: UserStore, change: UserChange) -> None:
    store.add(user("ada"), "hash")
    store.add(user("bob", disabled=True), "hash")
    store.add(user("eve", Role.USER), "hash")
    with pytest.raises(LastAdministrator):
        store.update("ada", change, now=LATER)
    with pytest.raises(LastAdministrator):
        store.remove("ada")
    assert store.get("ada") == user("ada")


def test_others_come_and_go(store: UserStore) -> None:
    store.add(user("ada"), "hash")
    store.add(user("eve", Role.USER), "hash")
    assert store.update("eve", UserChange(role=Role.ADMIN), now=LATER).role is Role.ADMIN
    store.remove("ada")
    with pytest.raises(UnknownUser):
        store.remove("ada")
    with pytest.raises(UnknownUser):
        store.update("ada", UserChange(name="Ada"), now=LATER)


@pytest.mark.parametrize(
    ("change", "ends"),
    [
        (UserChange(name="Another"), False),
        (UserChange(role=Role.GUEST), True),
        (UserChange(disabled=False), True),
        (UserChange(password_hash="new"), True),
    ],
)
def test_what_changes_rights_ends_sessions(
    store: UserStore, change: UserChange, ends: bool
) -> None:
    store.add(user("ada"), "hash")
    store.add(user("eve", Role.USER), "hash")
    assert store.update("eve", change, now=LATER).valid_after == (LATER if ends else NOW)


def test_sign_in_and_sign_out_are_remembered(store: UserStore) -> None:
    store.add(user("ada"), "hash")
    store.record_sign_in("ada", now=LATER)
    store.end_sessions("ada", now=LATER)
    after = store.get("ada")
    assert after is not None
    assert (after.last_sign_in, after.valid_after) == (LATER, LATER)


def race(*actions: Callable[[], object]) -> list[str]:
    """Run the actions at once; give back the names of what they raised."""
    outcomes: list[str] = []
    start = threading.Barrier(len(actions))

    def run(action: Callable[[], object]) -> None:
        start.wait()
        try:
            action()
        except (LastAdministrator, SetupClosed) as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.fixture
def elsewhere(store_url: str) -> Iterator[UserStore]:
    """The same store through connections of its own, as another process has them."""
    other = open_engine(store_url)
    yield UserStore(other)
    other.dispose()


def empty(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.delete(users))


def test_the_last_two_administrators_cannot_go_at_once(
    engine: sa.Engine, store: UserStore, elsewhere: UserStore
) -> None:
    for _ in range(10):
        empty(engine)
        store.add(user("ada"), "hash")
        store.add(user("bob"), "hash")
        failures = race(
            lambda: store.update("ada", UserChange(role=Role.USER), now=LATER),
            lambda: elsewhere.remove("bob"),
        )
        assert failures == ["LastAdministrator"]
        assert sum(one.role is Role.ADMIN for one in store.list()) == 1


def test_two_set_ups_at_once_make_one_account(
    engine: sa.Engine, store: UserStore, elsewhere: UserStore
) -> None:
    for _ in range(10):
        empty(engine)
        failures = race(
            lambda: store.add_first(user("ada"), "hash"),
            lambda: elsewhere.add_first(user("bob"), "hash"),
        )
        assert failures == ["SetupClosed"]
        assert len(store.list()) == 1


def token(token_id: str, username: str = "ada") -> ApiToken:
    return ApiToken(token_id, username, "script", Role.USER, NOW, LATER)


def test_a_token_is_found_by_its_hash_only(engine: sa.Engine) -> None:
    store = ApiTokenStore(engine)
    store.add(token("1"), "digest")
    assert store.by_hash("digest") == token("1")
    assert store.by_hash("1") is None
    store.touch("1", now=LATER)
    found = store.by_hash("digest")
    assert found is not None
    assert found.last_used_at == LATER


def test_tokens_belong_to_one_user(engine: sa.Engine) -> None:
    store = ApiTokenStore(engine)
    store.add(token("1"), "a")
    store.add(token("2", "eve"), "b")
    assert [one.id for one in store.of_user("ada")] == ["1"]
    assert not store.remove("ada", "2")
    assert store.remove("eve", "2")
    store.remove_all("ada")
    assert store.of_user("ada") == ()


def test_counters_count_in_one_step(engine: sa.Engine) -> None:
    store = FailureStore(engine)

    def one_more(before: FailureCount | None) -> FailureCount:
        return FailureCount("user:ada", 1 + (before.failures if before else 0), NOW, LATER)

    race(*[lambda: store.change("user:ada", one_more) for _ in range(8)])
    assert store.get("user:ada", "user:eve") == {
        "user:ada": FailureCount("user:ada", 8, NOW, LATER)
    }
    store.forget(before=NOW)
    assert store.get("user:ada")
    store.forget(before=LATER)
    assert not store.get("user:ada")
    store.change("user:ada", one_more)
    store.clear("user:ada")
    assert not store.get("user:ada")

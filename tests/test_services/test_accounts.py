"""Sign-in, what ends it, and the accounts behind it."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import stat
import threading
from pathlib import Path

import jwt
import pytest

from tests.accounts import HERE, PASSWORD, People, make_cookie, open_people
from yipyap_core.domain.users import SYSTEM, Principal, Role
from yipyap_core.errors import (
    Forbidden,
    InvalidName,
    LastAdministrator,
    SetupClosed,
    Unauthenticated,
    UnknownUser,
    UserExists,
    WeakPassword,
    YipyapError,
)
from yipyap_core.services.accounts.credentials import Credentials
from yipyap_core.stores.secrets import load_secret


@pytest.fixture
def people(tmp_path: Path) -> People:
    return open_people(tmp_path / "state")


@pytest.fixture
def crowd(people: People) -> People:
    """With an administrator, a user and a guest."""
    people.add("ada", Role.ADMIN)
    people.add("eve", Role.USER)
    people.add("gus", Role.GUEST)
    return people


# the first administrator


def test_the_code_makes_one_administrator_and_dies(people: People) -> None:
    code = people.accounts.setup_code()
    assert code
    assert people.accounts.setup_is_open(code)
    user = people.accounts.set_up(code, " Ada ", "Ada L.", PASSWORD)
    assert (user.username, user.role) == ("ada", Role.ADMIN)
    assert people.accounts.setup_code() is None
    with pytest.raises(SetupClosed):
        people.accounts.set_up(code, "bob", "Bob", PASSWORD)


def test_a_new_code_replaces_the_old_one(people: People) -> None:
    old, new = people.accounts.setup_code(), people.accounts.setup_code()
    assert old and new
    for code in ("", "wrong", old, "ü\ud800"):
        with pytest.raises(SetupClosed):
            people.accounts.set_up(code, "ada", "Ada", PASSWORD)
    assert people.accounts.set_up(new, "ada", "Ada", PASSWORD)


def test_a_weak_password_does_not_use_the_code_up(people: People) -> None:
    code = people.accounts.setup_code()
    assert code
    with pytest.raises(WeakPassword):
        people.accounts.set_up(code, "ada", "Ada", "password")
    assert people.accounts.set_up(code, "ada", "Ada", PASSWORD)


def test_the_code_dies_when_another_process_makes_a_user(people: People, tmp_path: Path) -> None:
    code = people.accounts.setup_code()
    assert code
    open_people(tmp_path / "state").add("ada", Role.ADMIN)
    assert not people.accounts.setup_is_open(code)
    with pytest.raises(SetupClosed):
        people.accounts.set_up(code, "bob", "Bob", PASSWORD)


def test_the_environment_makes_the_first_administrator_only(people: People) -> None:
    user = people.accounts.create_first_administrator("root", PASSWORD)
    assert user is not None
    assert user.role is Role.ADMIN
    assert people.accounts.create_first_administrator("other", PASSWORD) is None
    with pytest.raises(WeakPassword):
        open_people(people.settings.state_dir / "b").accounts.create_first_administrator("a", "b")


# passwords and sessions


def test_signing_in_gives_the_user_and_is_remembered(crowd: People) -> None:
    assert crowd.accounts.authenticate(" ADA ", PASSWORD, HERE).role is Role.ADMIN
    administrator = crowd.accounts.principal_of_bearer(crowd.bearer("ada"))
    seen = {user.username: user.last_sign_in for user in crowd.accounts.users(administrator)}
    assert seen == {"ada": crowd.clock(), "eve": None, "gus": None}


@pytest.mark.parametrize(
    ("username", "password"),
    [
        ("ada", "wrong horse battery"),
        ("nobody", PASSWORD),
        ("", ""),
        ("ada", PASSWORD + "\0"),
        ("ada", "x" * 100),
        ("\ud800", "\ud800"),
        ("a" * 5000, PASSWORD),
        ("system", PASSWORD),
    ],
)
def test_wrong_names_and_passwords_get_one_answer(
    crowd: People, username: str, password: str
) -> None:
    with pytest.raises(Unauthenticated, match="username or the password is wrong"):
        crowd.accounts.authenticate(username, password, HERE)


def test_a_disabled_user_does_not_get_in(crowd: People) -> None:
    crowd.accounts.update_user(SYSTEM, "eve", disabled=True)
    with pytest.raises(Unauthenticated, match="disabled"):
        crowd.accounts.authenticate("eve", PASSWORD, HERE)


def credentials_of(people: People, username: str) -> list[tuple[str, str]]:
    return [("bearer", people.bearer(username)), ("cookie", people.cookie(username))]


def resolve(people: People, kind: str, credential: str) -> Principal:
    if kind == "bearer":
        return people.accounts.principal_of_bearer(credential)
    return people.accounts.principal_of_cookie(credential)


@pytest.mark.parametrize(
    "change",
    [
        {"role": Role.GUEST},
        {"disabled": True},
        {"disabled": False},
        {"password": "another horse battery"},
    ],
)
def test_a_change_of_rights_ends_every_session(crowd: People, change: dict[str, object]) -> None:
    held = credentials_of(crowd, "eve")
    assert {resolve(crowd, *one).role for one in held} == {Role.USER}
    crowd.clock.advance(microseconds=1)
    crowd.accounts.update_user(SYSTEM, "eve", **change)  # type: ignore[arg-type]  # one of four
    for one in held:
        with pytest.raises(Unauthenticated, match="no longer counts"):
            resolve(crowd, *one)


def test_sign_out_ends_sessions_and_a_sign_in_within_the_same_second_counts(crowd: People) -> None:
    held = credentials_of(crowd, "eve")
    crowd.clock.advance(milliseconds=1)
    crowd.accounts.sign_out("eve")
    for one in held:
        with pytest.raises(Unauthenticated):
            resolve(crowd, *one)
    crowd.clock.advance(milliseconds=1)
    for one in credentials_of(crowd, "eve"):
        assert resolve(crowd, *one).username == "eve"


def test_a_new_name_shows_at_once_and_ends_nothing(crowd: People) -> None:
    held = credentials_of(crowd, "eve")
    crowd.accounts.update_user(SYSTEM, "eve", name="Eve of Eden")
    assert [resolve(crowd, *one).name for one in held] == ["Eve of Eden"] * 2


def test_sessions_expire(crowd: People) -> None:
    bearer, cookie = credentials_of(crowd, "eve")
    crowd.clock.advance(minutes=crowd.settings.token_minutes)
    with pytest.raises(Unauthenticated, match="expired"):
        resolve(crowd, *bearer)
    assert resolve(crowd, *cookie)
    crowd.clock.advance(days=crowd.settings.cookie_days)
    with pytest.raises(Unauthenticated, match="expired"):
        resolve(crowd, *cookie)


def test_a_removed_user_is_gone_and_a_namesake_inherits_nothing(crowd: People) -> None:
    held = credentials_of(crowd, "eve")
    personal = crowd.accounts.create_token(resolve(crowd, *held[0]), "script").secret
    crowd.accounts.remove_user(SYSTEM, "eve")
    crowd.clock.advance(seconds=1)
    crowd.add("eve", Role.ADMIN)
    for kind, credential in [*held, ("bearer", personal)]:
        with pytest.raises(Unauthenticated):
            resolve(crowd, kind, credential)


def test_one_kind_of_credential_does_not_pass_as_the_other(crowd: People) -> None:
    with pytest.raises(Unauthenticated):
        crowd.accounts.principal_of_bearer(crowd.cookie("ada"))
    with pytest.raises(Unauthenticated):
        crowd.accounts.principal_of_cookie(crowd.bearer("ada"))


@pytest.mark.parametrize("forged", ["", "x", "a.b.c", "yip_", "yip_" + "x" * 43, "\ud800", "é" * 9])
def test_what_we_did_not_sign_does_not_count(crowd: People, forged: str) -> None:
    for resolve_one in (crowd.accounts.principal_of_bearer, crowd.accounts.principal_of_cookie):
        with pytest.raises(Unauthenticated):
            resolve_one(forged)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"username": "ada"},
        {"username": "ada", "exp_date": "tomorrow"},
        {"username": "ada", "exp_date": True},
        {"username": "ada", "exp_date": 1e300},
        {"username": "ada", "exp_date": float("inf")},
        {"username": 7, "exp_date": 4e9},
    ],
)
def test_a_cookie_of_another_shape_does_not_count(
    crowd: People, payload: dict[str, object]
) -> None:
    cookie = jwt.encode(payload, crowd.accounts.cookie_key(), algorithm="HS256")
    with pytest.raises(Unauthenticated):
        crowd.accounts.principal_of_cookie(cookie)


def test_an_unsigned_token_does_not_count(crowd: People) -> None:
    claims = {"sub": "ada", "aud": "api", "iat": 1.0, "exp": 4e9}
    with pytest.raises(Unauthenticated):
        crowd.accounts.principal_of_bearer(jwt.encode(claims, "", algorithm="none"))


def test_the_issue_of_a_cookie_is_found_to_the_microsecond(crowd: People) -> None:
    for microseconds in (0, 1, 499_999, 999_999):
        issued = crowd.clock().replace(microsecond=microseconds)
        cookie = make_cookie(crowd.accounts.cookie_key(), "ada", issued, 1.0)
        credentials = Credentials(
            load_secret(crowd.settings.state_dir),
            token_minutes=1,
            cookie_days=1.0,
            clock=crowd.clock,
        )
        assert abs(credentials.read_cookie(cookie).issued_at - issued) <= dt.timedelta(
            microseconds=1
        )


def test_cookies_of_another_life_time_do_not_count(crowd: People) -> None:
    """Their issue could not be computed, so a revoked one could come back."""
    other = Credentials(
        load_secret(crowd.settings.state_dir), token_minutes=60, cookie_days=7.0, clock=crowd.clock
    )
    assert other.cookie_key != crowd.accounts.cookie_key()


def test_one_changes_the_own_password_knowing_the_old_one(crowd: People) -> None:
    eve = crowd.accounts.principal_of_bearer(crowd.bearer("eve"))
    new = "another horse battery"
    with pytest.raises(Unauthenticated):
        crowd.accounts.change_own_password(eve, "not the old one", new, HERE)
    with pytest.raises(WeakPassword):
        crowd.accounts.change_own_password(eve, PASSWORD, "short", HERE)
    crowd.accounts.change_own_password(eve, PASSWORD, new, HERE)
    assert crowd.accounts.authenticate("eve", new, HERE)


# accounts


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        ("", "is missing", "Choose 1 to 64"),
        ("  ", "is missing", "Choose 1 to 64"),
        ("a b", "is made of letters a-z", "replace ' '"),
        ("../x", "is made of letters a-z", "replace '/'"),
        ("a/b c/d", "is made of letters a-z", "replace '/' ' '"),
        ("ä", "is made of letters a-z", "replace 'ä'"),
        ("a\0", "is made of letters a-z", r"replace '\x00'"),
        ("x" * 66, "at most 64", "shorter by 2"),
        ("-a", "begins with a letter or a digit", "in front"),
        ("System", "the name system", "another"),
    ],
)
def test_impossible_usernames_are_refused_with_what_would_repair_them(
    people: People, name: str, reason: str, hint: str
) -> None:
    with pytest.raises(InvalidName, match=reason) as caught:
        people.add(name)
    assert caught.value.fields == {"username": caught.value.message}
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("name", "reason", "hint"),
    [
        ("", "is missing", "Choose 1 to 128"),
        (" ", "is missing", "Choose 1 to 128"),
        ("x" * 131, "at most 128", "shorter by 3"),
        ("E\nve", "one line", "instead of pasting"),
    ],
)
def test_impossible_display_names_are_refused_with_what_would_repair_them(
    crowd: People, name: str, reason: str, hint: str
) -> None:
    with pytest.raises(InvalidName, match=reason) as caught:
        crowd.accounts.update_user(SYSTEM, "eve", name=name)
    assert caught.value.fields == {"name": caught.value.message}
    assert hint in caught.value.hint


def test_a_username_is_folded_and_taken_once(crowd: People) -> None:
    with pytest.raises(UserExists):
        crowd.add("EVE")


@pytest.mark.parametrize("role", [Role.GUEST, Role.USER])
def test_accounts_are_for_administrators(crowd: People, role: Role) -> None:
    caller = Principal("gus", "Gus", role)
    accounts = crowd.accounts
    for call in (
        lambda: accounts.users(caller),
        lambda: accounts.add_user(caller, "new", "New", Role.USER, PASSWORD),
        lambda: accounts.update_user(caller, "gus", role=Role.ADMIN),
        lambda: accounts.remove_user(caller, "eve"),
    ):
        with pytest.raises(Forbidden):
            call()


def test_unknown_users_are_named(crowd: People) -> None:
    with pytest.raises(UnknownUser):
        crowd.accounts.update_user(SYSTEM, "nobody", name="x")
    with pytest.raises(UnknownUser):
        crowd.accounts.remove_user(SYSTEM, "a/b")


def test_the_last_administrator_stays(crowd: People) -> None:
    for call in (
        lambda: crowd.accounts.remove_user(SYSTEM, "ada"),
        lambda: crowd.accounts.update_user(SYSTEM, "ada", role=Role.USER),
        lambda: crowd.accounts.update_user(SYSTEM, "ada", disabled=True),
    ):
        with pytest.raises(LastAdministrator):
            call()


def _demote(home: str, username: str, ready: object, outcome: object) -> None:
    """Run in a process of its own: wait for the others, then try to demote an administrator."""
    accounts = open_people(Path(home)).accounts
    ready.wait()  # type: ignore[attr-defined]  # a Barrier of multiprocessing
    try:
        accounts.update_user(SYSTEM, username, role=Role.USER)
        outcome.put("done")  # type: ignore[attr-defined]  # a Queue of multiprocessing
    except YipyapError as error:
        outcome.put(error.code)  # type: ignore[attr-defined]  # a Queue of multiprocessing


def test_one_administrator_stays_when_processes_demote_each_other(people: People) -> None:
    names = ["ada", "bob", "cyd"]
    for name in names:
        people.add(name, Role.ADMIN)
    spawn = multiprocessing.get_context("spawn")
    ready, outcome = spawn.Barrier(3), spawn.Queue()
    home = str(people.settings.state_dir)
    running = [spawn.Process(target=_demote, args=(home, name, ready, outcome)) for name in names]
    for process in running:
        process.start()
    results = sorted(outcome.get(timeout=60) for _ in running)
    for process in running:
        process.join()
    assert results == ["done", "done", "last_administrator"]


# secrets


def test_the_secret_is_made_once_by_all_who_start_at_once(tmp_path: Path) -> None:
    home, found = tmp_path / "state", list[bytes]()
    start = threading.Barrier(8)

    def load() -> None:
        start.wait()
        found.append(load_secret(home))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert [path.name for path in home.iterdir()] == ["secret.key"]
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "secret.key").stat().st_mode) == 0o600


def test_a_secret_that_others_could_read_is_closed(tmp_path: Path) -> None:
    secret = load_secret(tmp_path)
    (tmp_path / "secret.key").chmod(0o644)
    assert load_secret(tmp_path) == secret
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_nothing_secret_is_stored_in_clear(crowd: People) -> None:
    bearer = crowd.bearer("ada")
    secret = crowd.accounts.create_token(crowd.accounts.principal_of_bearer(bearer), "s").secret
    crowd.engine.dispose()  # writes everything into the main file
    kept = b"".join(path.read_bytes() for path in crowd.settings.state_dir.iterdir())
    for text in (PASSWORD, bearer, secret, crowd.accounts.cookie_key()):
        assert text.encode() not in kept
    assert json.dumps(crowd.accounts.display_names()) == (
        '{"ada": "Ada", "eve": "Eve", "gus": "Gus"}'
    )

"""The command line makes and changes accounts, safely, also while the server runs."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest

from tests.accounts import HERE, PASSWORD
from yipyap_core.__main__ import main
from yipyap_core.errors import Unauthenticated
from yipyap_core.services.accounts.service import AccountsService, open_accounts
from yipyap_core.settings import Settings
from yipyap_core.stores.engine import migrate, open_engine

NEW = "another horse battery"
ROOT = Path(__file__).parents[2]


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str, stdin: str = "") -> int:
    """Run a command as the shell would, in this process."""
    monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    return main(["users", *arguments])


@pytest.fixture
def accounts() -> AccountsService:
    """The same store, as the running server has it open."""
    settings = Settings()
    engine = open_engine(settings.store_url)
    migrate(engine)
    return open_accounts(settings, engine)


@pytest.fixture
def ada(monkeypatch: pytest.MonkeyPatch) -> None:
    """One administrator, made by the command line."""
    arguments = ("add", "ada", "--role", "admin", "--name", "Ada L.", "--password-stdin")
    assert run(monkeypatch, *arguments, stdin=f"{PASSWORD}\n") == 0


@pytest.mark.usefixtures("ada")
def test_what_the_command_line_makes_signs_in(accounts: AccountsService) -> None:
    user = accounts.authenticate("ada", PASSWORD, HERE)
    assert (user.name, user.role) == ("Ada L.", "admin")
    assert accounts.setup_code() is None


@pytest.mark.usefixtures("ada")
def test_a_change_counts_at_once_in_the_running_server(
    monkeypatch: pytest.MonkeyPatch, accounts: AccountsService
) -> None:
    assert run(monkeypatch, "add", "eve", "--password-stdin", stdin=PASSWORD) == 0
    token = accounts.issue_token(accounts.authenticate("eve", PASSWORD, HERE)).access_token
    assert accounts.principal_of_bearer(token).role == "user"
    for command in (("role", "eve", "guest"), ("disable", "eve"), ("enable", "eve")):
        assert run(monkeypatch, *command) == 0
        with pytest.raises(Unauthenticated):
            accounts.principal_of_bearer(token)
    assert run(monkeypatch, "reset-password", "eve", "--password-stdin", stdin=NEW + "\r\n") == 0
    assert accounts.authenticate("eve", NEW, HERE).role == "guest"
    assert run(monkeypatch, "remove", "eve") == 0
    with pytest.raises(Unauthenticated):
        accounts.authenticate("eve", NEW, HERE)


@pytest.mark.usefixtures("ada")
@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (("role", "ada", "user"), "", "last administrator"),
        (("disable", "ada"), "", "last administrator"),
        (("remove", "ada"), "", "last administrator"),
        (("add", "ada", "--password-stdin"), PASSWORD, "exists already"),
        (("add", "a b", "--password-stdin"), PASSWORD, "username"),
        (("add", "eve", "--password-stdin"), "short", "at least 10"),
        (("add", "eve", "--password-stdin"), "", "at least 10"),
        (("add", "eve"), PASSWORD, "no terminal"),
        (("remove", "eve"), "", "no user named"),
    ],
)
def test_refusals_say_why_and_change_nothing(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    stdin: str,
    sentence: str,
) -> None:
    capsys.readouterr()
    assert run(monkeypatch, *arguments, stdin=stdin) == 1
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.out == ""
    assert run(monkeypatch, "list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows == [{"username": "ada", "name": "Ada L.", "role": "admin", "disabled": False}]


@pytest.mark.usefixtures("ada")
def test_the_list_is_for_people(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(monkeypatch, "list") == 0
    assert capsys.readouterr().out == "ada  admin  active    Ada L.\n"


@pytest.mark.parametrize("arguments", [[], ["users"], ["users", "role", "ada", "king"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_no_option_takes_a_password() -> None:
    with pytest.raises(SystemExit):
        main(["users", "add", "ada", "--password", PASSWORD])


def test_a_store_of_a_later_version_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    engine = open_engine(Settings().store_url)
    migrate(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert main(["users", "list"]) == 1
    assert "later version" in capsys.readouterr().err


def answer(terminal: int, process: subprocess.Popen[bytes], prompt: bytes, text: str) -> bytes:
    """Wait for the prompt, since asking throws away what was typed before, and answer it."""
    assert process.stderr is not None
    shown = b""
    while not shown.endswith(prompt):
        letter = process.stderr.read(1)
        assert letter, shown
        shown += letter
    os.write(terminal, f"{text}\n".encode())
    return shown


@pytest.mark.parametrize(("again", "status"), [(PASSWORD, 0), ("something else", 1)])
def test_at_a_terminal_the_password_is_asked_twice_and_not_shown(again: str, status: int) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "yipyap_core", "users", "add", "ada"]
    pipes: dict[str, Any] = {"stdin": follower, "stdout": PIPE, "stderr": PIPE}
    with subprocess.Popen(command, start_new_session=True, cwd=ROOT, **pipes) as process:
        os.close(follower)
        shown = answer(leader, process, b"Password: ", PASSWORD)
        shown += answer(leader, process, b"Again: ", again)
        out, err = process.communicate(timeout=60)
    os.close(leader)
    assert process.returncode == status
    assert PASSWORD.encode() not in shown + out + err
